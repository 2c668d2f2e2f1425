"use strict";
/* The ladder of a connection as one capture shows it: initiator, path, responder. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const WIDE = 720;
  const ROW = 30;
  const NARROW_ROW = 42;
  const NOTE = 14;
  const BREAK = 24;
  const HEAD = 52;
  const NARROW_HEAD = 66;

  figures.ladder = function (element, connection, context) {
    if (kit.hasPassages(connection, kit.labels(context))) {
      kit.pointLadder(element, connection, kit.labels(context));
      return;
    }
    const rows = kit.ladderRows(connection);
    if (!rows.length) {
      return;
    }
    const svg = kit.canvas(title(connection), description(connection, rows), "group");
    const measure = kit.ruler(element);
    element.append(svg, kit.legend(signsOf(rows)));
    kit.roving(svg, ".row");
    kit.mount(element, (width) => paint(svg, connection, rows, width, measure));
  };

  function title(connection) {
    return `Packets between ${kit.end(connection.initiator)} and ${kit.end(connection.responder)}`;
  }

  function description(connection, rows) {
    const packets = rows.filter((row) => row.kind === "packet").length;
    return `${kit.plural(packets, "row")} in time order. ${connection.verdict.title}`;
  }

  function signsOf(rows) {
    const has = (test) => rows.some((row) => row.kind === "packet" && test(row));
    return [
      has((row) => row.decisive) && ["band", "decides the verdict"],
      has((row) => row.evidence && !row.decisive) && ["dot", "other evidence"],
      has((row) => row.several) && ["several", "several segments"],
      has((row) => row.maker !== row.from) && ["made", "made on the path"],
      has((row) => row.reach === "lost") && ["cross", "lost on the path, by the verdict"],
      has((row) => row.reach === "open") && ["query", "never answered: how far it got is not seen"],
    ].filter(Boolean);
  }

  function paint(svg, connection, rows, width, measure) {
    const plan = layout(connection, rows, width, measure);
    const placed = place(rows, plan);
    const breaks = placed.filter((row) => row.kind !== "packet").map((row) => [row.y + 4, row.y + row.height - 4, true]);
    const last = placed[placed.length - 1];
    const bottom = last ? last.y + last.height : plan.head;
    const lanes = [
      kit.lane(plan.left, plan.head, bottom, breaks, "end"),
      kit.lane(plan.path, plan.head, bottom, breaks, "path"),
      kit.lane(plan.right, plan.head, bottom, breaks, "end"),
    ];
    const drawn = placed.map((row) => (row.kind === "packet" ? packet(row, plan, connection) : pause(row, plan)));
    const parts = [drawn.map((one) => one.under || []), lanes, heads(connection, plan)];
    kit.repaint(svg, width, bottom + 6, [...parts, drawn.map((one) => one.over)]);
    kit.roving(svg, ".row");
  }

  function layout(connection, rows, width, measure) {
    const packets = rows.filter((row) => row.kind === "packet");
    const wide = width >= WIDE;
    const places = kit.places(packets.map((row) => row.since));
    const most = (texts, size) => Math.max(0, ...texts.map((text) => measure(text, size)));
    const time = most(packets.map((row) => clock(row, places)), kit.SMALL);
    const delta = wide ? most(packets.map((row) => since(row)), kit.SMALL) + 14 : 0;
    const frame = most(packets.map(frameText), kit.SMALL);
    const left = 16 + time + delta + 12 + frame + 14;
    const label = most(packets.map((row) => row.event.slice(0, 60)), kit.NORMAL);
    const span = wide ? Math.min(Math.max(label + 90, 340), width * 0.44, 560) : width - left - 10;
    const ends = { left, right: left + span, path: left + span / 2 };
    const columns = { time: 16 + time, delta: 16 + time + delta, frame: left - 14 };
    const head = wide ? HEAD : NARROW_HEAD;
    return { wide, width, head, places, measure, span, ...ends, ...columns, details: left + span + 22 };
  }

  function place(rows, plan) {
    let y = plan.head + 4;
    return rows.map((row) => {
      const usual = plan.wide ? ROW : NARROW_ROW;
      const height = row.kind !== "packet" ? BREAK : usual + (row.note ? NOTE : 0);
      y += height;
      return { ...row, y: y - height, height };
    });
  }

  const clock = (row, places) => `+${row.since.toFixed(places)}`;
  const since = (row) => (row.delta === null ? "" : kit.duration(row.delta));
  const frameText = (row) => (row.point ? `${row.point} #${row.frame}` : `#${row.frame}`);

  function heads(connection, plan) {
    const room = plan.span / 2 - 6;
    const ends = [
      ["initiator", plan.left, "start", kit.end(connection.initiator)],
      ["path", plan.path, "middle", ""],
      ["responder", plan.right, "end", kit.end(connection.responder)],
    ];
    const units = plan.wide
      ? []
      : [kit.text(10, 14, "s since start", { class: "soft" }, plan.measure)];
    return units.concat(
      ends.map(([side, x, anchor, address]) => {
        const blame = kit.blame(connection, side);
        const party = side === "path" && !blame ? "unknown" : kit.partyOf(connection, side);
        const say = (y, text, options) =>
          kit.text(x, y, text, { anchor, room, ...options }, plan.measure);
        return kit.svg(
          "g",
          { class: `lane-head party-${party}`, "data-side": side },
          say(14, kit.role(connection, side), { size: kit.NORMAL, weight: 600, class: "role" }),
          address && say(29, address, { class: "end-address" }),
          blame && say(side === "path" && !plan.wide ? 58 : 44, blame, { weight: 600, class: "blame" }),
        );
      }),
    );
  }

  function packet(row, plan, connection) {
    const middle = row.y + (plan.wide ? ROW / 2 + 5 : 18);
    const strong = row.decisive;
    const attributes = {
      class: `row${strong ? " is-decisive" : ""}${row.evidence ? " is-evidence" : ""}`,
      role: "img",
      "aria-label": spoken(row, plan.places, connection),
      "data-frame": row.frame,
      "data-point": row.point || null,
      "data-from": row.from,
      "data-maker": row.maker,
      "data-reach": row.reach,
    };
    const band = kit.svg("rect", { class: "band", x: 0, y: row.y + 1, width: plan.width, height: row.height - 2, rx: 3 });
    const over = kit.svg("g", attributes, band, columns(row, plan, middle), shaft(row, plan, middle, connection), words(row, plan, middle));
    return { over };
  }

  function spoken(row, places, connection) {
    const who = row.maker === row.from ? kit.role(connection, row.from) : "device on the path";
    const lost = { lost: "lost on the path", open: "never answered" }[row.reach];
    const parts = [`frame ${frameText(row).replace("#", "")}`, `${clock(row, places)} s`, who, row.event];
    const more = [row.detail, row.note, lost, row.decisive && "decides the verdict"];
    return kit.safe([...parts, ...more].filter(Boolean).join(", "));
  }

  function columns(row, plan, y) {
    const say = (x, text, kind) => kit.text(x, y + 4, text, { anchor: "end", class: kind }, plan.measure);
    return [
      (row.decisive || row.evidence) &&
        kit.svg("circle", { class: row.decisive ? "mark decisive" : "mark", cx: 5, cy: y, r: 2.5 }),
      say(plan.time, clock(row, plan.places), "time"),
      plan.wide && say(plan.delta, since(row), "soft"),
      say(plan.frame, frameText(row), "frame"),
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
    const named = row.maker !== row.from && { x1: at[row.from], x2: plan.path, y1: y, y2: y, class: "in-name" };
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
    const options = { anchor: "middle", size: kit.NORMAL, weight, class: "event", room: plan.span - 18 };
    return kit.text(x, y - (fits ? 5 : 7), row.event, options, plan.measure);
  }

  function words(row, plan, y) {
    const notes = { class: "row-note", size: kit.SMALL };
    if (plan.wide) {
      const room = plan.width - plan.details - 4;
      return [
        kit.text(plan.details, y + 4, row.detail, { class: "soft", room }, plan.measure),
        row.note && kit.text(plan.details, y + 4 + NOTE, row.note, { ...notes, room }, plan.measure),
      ];
    }
    const middle = { anchor: "middle", room: plan.span - 10 };
    const x = (plan.left + plan.right) / 2;
    return [
      kit.text(x, y + 14, row.detail, { class: "soft", ...middle }, plan.measure),
      row.note && kit.text(x, y + 14 + NOTE, row.note, { ...notes, ...middle }, plan.measure),
    ];
  }

  function pause(row, plan) {
    const options = { anchor: "middle", class: `soft ${row.kind}` };
    const text = kit.text(plan.path, row.y + BREAK / 2 + 4, row.text, options, plan.measure);
    return { over: kit.svg("g", { class: `break ${row.kind}` }, text) };
  }
})((window.pcapdiag = window.pcapdiag || {}));
