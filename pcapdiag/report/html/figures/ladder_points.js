"use strict";
/* The ladder over several capture points: which packet was seen where, lost or made on the way. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const ROW = 34;
  const BREAK = 24;
  const HEAD = 62;
  const WIDE = 720;

  kit.pointLadder = function (element, connection, labels) {
    const lanes = kit.passageLanes(connection, labels);
    const rows = kit.passageRows(connection, lanes);
    const names = lanes.map((at) => labels[at]).join(", ");
    const about = `${kit.plural(rows.length, "row")} in time order. ${connection.verdict.title}`;
    const svg = kit.canvas(`Packets on their way past ${names}`, about, "group");
    const measure = kit.ruler(element);
    element.append(svg, kit.legend(signsOf(rows)));
    kit.mount(element, (width) => paint(svg, { connection, labels, lanes, rows, width, measure }));
  };

  function signsOf(rows) {
    const packets = rows.filter((row) => row.kind === "packet");
    const hops = packets.flatMap((row) => row.hops.filter(Boolean));
    const missing = packets.some((row) =>
      row.hops.some((one) => one && (one.head === "open" || one.tail === "unseen")),
    );
    return [
      packets.some((row) => row.passage.decisive) && ["band", "decides the verdict"],
      hops.some((one) => one.head === "lost") && [
        "cross",
        "sent on, and never seen at the next point",
      ],
      hops.some((one) => one.tail === "made") && ["made", "came into being between the points"],
      missing && ["query", "that capture may have missed it"],
    ].filter(Boolean);
  }

  function paint(svg, figure) {
    const plan = layout(figure);
    let y = HEAD;
    const breaks = [];
    const drawn = figure.rows.map((row) => {
      const top = y;
      y += row.kind === "packet" ? ROW : BREAK;
      if (row.kind !== "packet") {
        breaks.push([top + 4, y - 4, true]);
        return kit.text(
          plan.middle,
          top + BREAK / 2 + 4,
          row.text,
          { anchor: "middle", class: "soft pause" },
          figure.measure,
        );
      }
      breaks.push([top + ROW / 2 - 4, top + ROW / 2 + 14, false]);
      return packet(row, top, plan, figure);
    });
    const lines = plan.xs.map((x) => kit.lane(x, HEAD - 6, y, breaks, "end"));
    kit.repaint(svg, figure.width, y + 6, [lines, heads(plan, figure), drawn]);
    kit.roving(svg, ".row");
  }

  function layout({ rows, lanes, width, measure }) {
    const packets = rows.filter((row) => row.kind === "packet");
    const places = kit.places(packets.map((row) => row.since || 0));
    const wide = width >= WIDE;
    const time = Math.max(...packets.map((row) => measure(clock(row, places), kit.SMALL)));
    const delta = wide ? Math.max(...packets.map((row) => measure(since(row), kit.SMALL))) + 14 : 0;
    const frames = packets.flatMap((row) => row.passage.frames.filter((frame) => frame !== null));
    const cell = Math.max(...frames.map((frame) => measure(`#${frame}`, kit.SMALL, 600))) + 8;
    const left = 16 + time + delta + 12 + cell / 2;
    const changed = wide && packets.some((row) => row.passage.changed.length) ? 190 : 0;
    const span = Math.min(width - left - cell / 2 - 6 - changed, 520 * (lanes.length - 1));
    const xs = lanes.map((_, at) => left + (span * at) / (lanes.length - 1));
    const columns = {
      time: 16 + time,
      delta: 16 + time + delta,
      details: left + span + cell / 2 + 16,
    };
    return { places, wide, cell, xs, left, span, middle: left + span / 2, ...columns };
  }

  const clock = (row, places) => (row.since === null ? "" : `+${row.since.toFixed(places)}`);
  const since = (row) => (row.delta === null ? "" : kit.duration(row.delta));

  function heads(plan, { connection, labels, lanes, measure }) {
    const room = plan.span / (lanes.length - 1) - 10;
    const say = (x, y, text, options) => kit.text(x, y, text, { room, ...options }, measure);
    const anchor = (at) => (at === 0 ? "start" : at === lanes.length - 1 ? "end" : "middle");
    const from = plan.left - plan.cell / 2;
    const to = plan.left + plan.span + plan.cell / 2;
    const ends = [
      [
        "initiator",
        from,
        "start",
        `\u2190 ${kit.role(connection, "initiator")} ${connection.initiator.ip}`,
      ],
      [
        "responder",
        to,
        "end",
        `${kit.role(connection, "responder")} ${connection.responder.ip} \u2192`,
      ],
    ];
    const where = (at) => (at === 0 ? from : at === lanes.length - 1 ? to : plan.xs[at]);
    const who = ends.map(([side, x, end, text]) =>
      kit.svg(
        "g",
        { class: `lane-head party-${kit.partyOf(connection, side)}`, "data-side": side },
        say(x, 14, text, { anchor: end, room: plan.span / 2, class: "role" }),
        say(x, 29, kit.blame(connection, side), {
          anchor: end,
          weight: 600,
          class: "blame",
          room: plan.span / 3,
        }),
      ),
    );
    const between = kit.blame(connection, "path");
    const path =
      between &&
      say(plan.middle, 29, `device between: ${between}`, {
        anchor: "middle",
        weight: 600,
        class: "blame",
        room: plan.span,
      });
    return [
      who,
      path && kit.svg("g", { class: "lane-head party-middlebox", "data-side": "path" }, path),
      lanes.map((lane, at) =>
        say(where(at), 47, labels[lane], {
          anchor: anchor(at),
          size: kit.NORMAL,
          weight: 600,
          class: "point",
        }),
      ),
    ];
  }

  function packet(row, top, plan, figure) {
    const { passage } = row;
    const y = top + ROW / 2 + 5;
    const attributes = {
      class: `row${passage.decisive ? " is-decisive" : ""}`,
      role: "img",
      "aria-label": spoken(row, plan, figure),
      "data-from": passage.from,
      "data-fate": passage.fate,
    };
    const band = kit.svg("rect", {
      class: "band",
      x: 0,
      y: top + 1,
      width: figure.width,
      height: ROW - 2,
      rx: 3,
    });
    const say = (x, text, kind) =>
      kit.text(x, y + 4, text, { anchor: "end", class: kind }, figure.measure);
    return kit.svg(
      "g",
      attributes,
      band,
      passage.decisive && kit.svg("circle", { class: "mark decisive", cx: 5, cy: y, r: 2.5 }),
      say(plan.time, clock(row, plan.places), "time"),
      plan.wide && say(plan.delta, since(row), "soft"),
      hops(row, y, plan, figure),
      cells(row, y, plan, figure),
      changes(passage, y, plan, figure),
    );
  }

  function hops(row, y, plan, { connection, measure }) {
    const { passage } = row;
    const made = passage.fate === "appeared";
    const first = row.hops.findIndex(Boolean);
    return row.hops.map((one, at) => {
      if (!one) {
        return null;
      }
      const [a, b] = [plan.xs[at] + plan.cell / 2 + 2, plan.xs[at + 1] - plan.cell / 2 - 2];
      const [from, to] = passage.from === "initiator" ? [a, b] : [b, a];
      const middle = (a + b) / 2;
      const party = made ? "middlebox" : kit.partyOf(connection, passage.from);
      const start = one.tail === "made" ? middle : from;
      const end = one.head === "lost" ? middle : to;
      const options = { anchor: "middle", room: b - a - 6, size: kit.NORMAL, class: "event" };
      options.weight = passage.decisive ? 600 : undefined;
      const wide = measure(kit.safe(passage.event), kit.NORMAL, 600);
      const fits = wide <= Math.abs(end - start) - 14;
      const x = fits ? (start + end) / 2 : middle;
      const text = at === first && kit.text(x, y - (fits ? 5 : 7), passage.event, options, measure);
      const tail = one.tail === "unseen" ? "" : one.tail;
      const arrow = kit.arrow(start, end, y, {
        party,
        strong: passage.decisive,
        tail,
        head: one.head,
      });
      return [arrow, text];
    });
  }

  function cells(row, y, plan, { labels, lanes, measure }) {
    const { passage } = row;
    return lanes.map((lane, at) => {
      const frame = passage.frames[lane];
      const x = plan.xs[at];
      const text = frame !== null ? `#${frame}` : passage.covers[lane] ? "\u2013" : "?";
      const kind = frame === null ? "soft" : "frame";
      const options = {
        anchor: "middle",
        class: kind,
        weight: passage.decisive && frame !== null ? 600 : undefined,
      };
      const data =
        frame === null
          ? {}
          : { "data-frame": frame, "data-point": labels[lane], "data-lane": labels[lane] };
      return kit.svg("g", data, kit.text(x, y + 4, text, options, measure));
    });
  }

  function changes(passage, y, plan, { width, measure }) {
    if (!plan.wide || !passage.changed.length) {
      return null;
    }
    const text = `${passage.changed.join(", ")} changed`;
    return kit.text(
      plan.details,
      y + 4,
      text,
      { class: "soft", room: width - plan.details - 4 },
      measure,
    );
  }

  function spoken({ passage, since: time }, plan, { connection, labels, lanes }) {
    const seen = lanes.map((lane) => {
      const frame = passage.frames[lane];
      const missing = passage.covers[lane] ? "not there" : "may have been missed";
      return `${labels[lane]} ${frame === null ? missing : `frame ${frame}`}`;
    });
    const fate = { lost: "lost on the way", appeared: "came into being on the way" }[passage.fate];
    const who = kit.role(connection, passage.from);
    const at = time === null ? "" : `+${time.toFixed(plan.places)} s`;
    const decides = passage.decisive && "decides the verdict";
    return kit.safe([at, who, passage.event, ...seen, fate, decides].filter(Boolean).join(", "));
  }
})((window.pcapdiag = window.pcapdiag || {}));
