"use strict";
/* One row of a ladder: a packet as an arrow, with its time, frame and words. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});

  kit.rowClock = (row, places) => `+${row.since.toFixed(places)}`;
  kit.rowSince = (row) => (row.delta === null ? "" : kit.duration(row.delta));
  kit.rowFrame = (row) => (row.point ? `${row.point} #${row.frame}` : `#${row.frame}`);

  /** One packet: its time, its arrow, and what is said of it. `plan` has the places of all. */
  kit.ladderRow = function (row, plan, connection) {
    const middle = row.y + (plan.wide ? plan.row / 2 + 5 : 18);
    const strong = row.decisive;
    const attributes = {
      class: `row${strong ? " is-decisive" : ""}${row.evidence ? " is-evidence" : ""}`,
      role: "img",
      "aria-label": spoken(row, plan.places, connection),
      "data-frame": row.frame,
      "data-point": row.label || null,
      "data-from": row.from,
      "data-maker": row.maker,
      "data-reach": row.reach,
    };
    const band = kit.svg("rect", {
      class: "band",
      x: 0,
      y: row.y + 1,
      width: plan.width,
      height: row.height - 2,
      rx: 3,
    });
    return kit.svg(
      "g",
      attributes,
      band,
      columns(row, plan, middle),
      shaft(row, plan, middle, connection),
      words(row, plan, middle),
    );
  };

  function spoken(row, places, connection) {
    const who = row.maker === row.from ? kit.role(connection, row.from) : "device on the path";
    const lost = { lost: "lost on the path", open: "never answered" }[row.reach];
    const parts = [
      `frame ${kit.rowFrame(row).replace("#", "")}`,
      `${kit.rowClock(row, places)} s`,
      who,
      row.event,
    ];
    const more = [row.detail, row.note, lost, row.decisive && "decides the verdict"];
    return kit.safe([...parts, ...more].filter(Boolean).join(", "));
  }

  function columns(row, plan, y) {
    const say = (x, text, kind) =>
      kit.text(x, y + 4, text, { anchor: "end", class: kind }, plan.measure);
    return [
      (row.decisive || row.evidence) &&
        kit.svg("circle", { class: row.decisive ? "mark decisive" : "mark", cx: 5, cy: y, r: 2.5 }),
      say(plan.time, kit.rowClock(row, plan.places), "time"),
      plan.wide && say(plan.delta, kit.rowSince(row), "soft"),
      say(plan.frame, kit.rowFrame(row), "frame"),
    ];
  }

  function shaft(row, plan, y, connection) {
    const at = { initiator: plan.left, path: plan.path, responder: plan.right };
    const to = row.from === "initiator" || row.to === "responder" ? plan.right : plan.left;
    const end = row.from === "path" ? plan.left : row.reach === "lost" ? plan.path : to;
    const party = kit.partyOf(connection, row.maker);
    const options = { party, strong: row.decisive, several: row.several };
    options.head = row.reach === "all" ? "arrow" : row.reach;
    options.tail = row.maker === row.from ? "" : "made";
    const named = row.maker !== row.from && {
      x1: at[row.from],
      x2: plan.path,
      y1: y,
      y2: y,
      class: "in-name",
    };
    return [
      named && kit.svg("line", named),
      kit.arrow(at[row.maker], end, y, options),
      event(row, at[row.maker], end, y, plan),
    ];
  }

  /* Over the arrow where it has room there, otherwise over all lanes. */
  function event(row, from, to, y, plan) {
    const weight = row.decisive ? 600 : undefined;
    const half = Math.abs(to - from) - 14;
    const fits = plan.measure(kit.safe(row.event), kit.NORMAL, weight) <= half;
    const x = fits ? (from + to) / 2 : plan.path;
    const options = {
      anchor: "middle",
      size: kit.NORMAL,
      weight,
      class: "event",
      room: plan.span - 18,
    };
    return kit.text(x, y - (fits ? 5 : 7), row.event, options, plan.measure);
  }

  function words(row, plan, y) {
    const notes = { class: "row-note", size: kit.SMALL };
    if (plan.wide) {
      const room = plan.width - plan.details - 4;
      return [
        kit.text(plan.details, y + 4, row.detail, { class: "soft", room }, plan.measure),
        row.note &&
          kit.text(plan.details, y + 4 + plan.note, row.note, { ...notes, room }, plan.measure),
      ];
    }
    const middle = { anchor: "middle", room: plan.span - 10 };
    const x = (plan.left + plan.right) / 2;
    return [
      kit.text(x, y + 14, row.detail, { class: "soft", ...middle }, plan.measure),
      row.note && kit.text(x, y + 14 + plan.note, row.note, { ...notes, ...middle }, plan.measure),
    ];
  }
})((window.pcapdiag = window.pcapdiag || {}));
