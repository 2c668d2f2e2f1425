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
    const rows = kit.ladderRows(connection, kit.labels(context));
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
    const plan = layout(rows, width, measure);
    const placed = place(rows, plan);
    const breaks = placed
      .filter((row) => row.kind !== "packet")
      .map((row) => [row.y + 4, row.y + row.height - 4, true]);
    const last = placed[placed.length - 1];
    const bottom = last ? last.y + last.height : plan.head;
    const lanes = [
      kit.lane(plan.left, plan.head, bottom, breaks, "end"),
      kit.lane(plan.path, plan.head, bottom, breaks, "path"),
      kit.lane(plan.right, plan.head, bottom, breaks, "end"),
    ];
    const drawn = placed.map((row) =>
      row.kind === "packet" ? kit.ladderRow(row, plan, connection) : pause(row, plan),
    );
    kit.repaint(svg, width, bottom + 6, [lanes, heads(connection, plan), drawn]);
    kit.roving(svg, ".row");
  }

  function layout(rows, width, measure) {
    const packets = rows.filter((row) => row.kind === "packet");
    const wide = width >= WIDE;
    const places = kit.places(packets.map((row) => row.since));
    const most = (texts, size) => Math.max(0, ...texts.map((text) => measure(text, size)));
    const time = most(
      packets.map((row) => kit.rowClock(row, places)),
      kit.SMALL,
    );
    const delta = wide
      ? most(
          packets.map((row) => kit.rowSince(row)),
          kit.SMALL,
        ) + 14
      : 0;
    const frame = most(packets.map(kit.rowFrame), kit.SMALL);
    const left = 16 + time + delta + 12 + frame + 14;
    const label = most(
      packets.map((row) => row.event.slice(0, 60)),
      kit.NORMAL,
    );
    const span = wide ? Math.min(Math.max(label + 90, 340), width * 0.44, 560) : width - left - 10;
    const ends = { left, right: left + span, path: left + span / 2 };
    const columns = { time: 16 + time, delta: 16 + time + delta, frame: left - 14 };
    const head = wide ? HEAD : NARROW_HEAD;
    return {
      wide,
      width,
      head,
      row: wide ? ROW : NARROW_ROW,
      note: NOTE,
      places,
      measure,
      span,
      ...ends,
      ...columns,
      details: left + span + 22,
    };
  }

  function place(rows, plan) {
    let y = plan.head + 4;
    return rows.map((row) => {
      const height = row.kind !== "packet" ? BREAK : plan.row + (row.note ? plan.note : 0);
      y += height;
      return { ...row, y: y - height, height };
    });
  }

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
          blame &&
            say(side === "path" && !plan.wide ? 58 : 44, blame, { weight: 600, class: "blame" }),
        );
      }),
    );
  }

  function pause(row, plan) {
    const options = { anchor: "middle", class: `soft ${row.kind}` };
    const text = kit.text(plan.path, row.y + BREAK / 2 + 4, row.text, options, plan.measure);
    return kit.svg("g", { class: `break ${row.kind}` }, text);
  }
})((window.pcapdiag = window.pcapdiag || {}));
