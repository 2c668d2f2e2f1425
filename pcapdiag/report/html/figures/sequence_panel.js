"use strict";
/* One direction of a time-sequence chart: one end's bytes, and what the other says of them. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const LEAST = { data: 3, disordered: 5, probe: 5, again: 7 };
  /* A window's edge is drawn to scale as long as it does not make the bytes this much smaller. */
  const WORTH = 2.5;

  /** What one panel draws: the packets that carry the end's numbers, and those that answer. */
  kit.panelOf = function (segments, initiator) {
    const { SYN, FIN, RST } = kit.FLAGS;
    const moves = (one) =>
      one.length || one.flags & (SYN | FIN | RST) || kit.dataKind(one) === "probe";
    const sent = segments.filter((one) => one.initiator === initiator && moves(one));
    const steady = (one) => one.initiator !== initiator && one.ack !== null && !(one.flags & RST);
    return { initiator, sent, answers: segments.filter(steady) };
  };

  /** The lowest and highest byte to show, and how far the receive window reaches. */
  kit.panelRange = function (panel, domain) {
    const visible = (one) => one.time >= domain.from && one.time <= domain.to;
    const upTo = panel.answers.filter((one) => one.time <= domain.from).slice(-1);
    const answers = [...upTo, ...panel.answers.filter(visible)];
    const numbers = panel.sent.filter(visible).flatMap((one) => [one.seq, one.seq + one.length]);
    answers.forEach((one) => numbers.push(one.ack, ...(one.sack || [])));
    const known = numbers.length ? numbers : panel.sent.map((one) => one.seq);
    const low = least(known);
    const high = Math.max(greatest(known), low + 1);
    const edge = greatest(answers.map((one) => one.ack + one.window));
    const fits = edge > low && edge - low <= WORTH * (high - low);
    return { low, high: fits ? Math.max(high, edge) : high, edge, fits };
  };

  const least = (numbers) => numbers.reduce((a, b) => Math.min(a, b), Infinity);
  const greatest = (numbers) => numbers.reduce((a, b) => Math.max(a, b), -Infinity);

  /** The marks of a panel, in pixels of the whole chart. `x` and `y` are its scales. */
  kit.panelMarks = function (panel, x, y, bounds) {
    return [
      steps(panel.answers, x, (one) => y(one.ack + one.window), "edge", bounds),
      steps(panel.answers, x, (one) => y(one.ack), "acks", bounds),
      panel.answers.map((one) => answer(one, x(one.time), y)),
      panel.sent.map((one) => [bytes(one, x(one.time), y), letters(one, x(one.time), y)]),
    ];
  };

  /* A line that steps at each answer, and is open where packets between were not kept. */
  function steps(answers, x, height, kind, { gapAfter, end }) {
    const parts = [];
    answers.forEach((one, at) => {
      const before = answers[at - 1];
      const isNew = !before || (before.place < gapAfter && one.place >= gapAfter);
      parts.push(isNew ? `M${x(one.time)} ${height(one)}` : `H${x(one.time)}V${height(one)}`);
    });
    return parts.length ? kit.svg("path", { class: kind, d: `${parts.join("")}H${end}` }) : null;
  }

  function answer(one, at, y) {
    const marks = [];
    const data = { "data-frame": one.frame, "data-time": one.time, "data-ack": one.ack };
    if (one.sack) {
      marks.push(
        kit.svg("line", { class: "sack", x1: at, x2: at, y1: y(one.sack[0]), y2: y(one.sack[1]) }),
      );
    }
    if (one.marks & kit.MARKS.DUPLICATE_ACK) {
      marks.push(
        kit.svg("line", {
          class: "again-ack",
          x1: at - 3,
          x2: at + 3,
          y1: y(one.ack),
          y2: y(one.ack),
        }),
      );
    }
    if (one.marks & kit.MARKS.ZERO_WINDOW) {
      marks.push(kit.svg("circle", { class: "zero", cx: at, cy: y(one.ack), r: 3.5 }));
    }
    return kit.svg("g", { class: "answer", ...data }, marks);
  }

  function bytes(one, at, y) {
    const kind = kit.dataKind(one);
    if (!one.length && kind !== "probe") {
      return null;
    }
    const [top, bottom] = [y(one.seq + one.length), y(one.seq)];
    const more = Math.max(0, LEAST[kind] - (bottom - top)) / 2;
    const data = {
      "data-frame": one.frame,
      "data-time": one.time,
      "data-seq": one.seq,
      "data-length": one.length,
      "data-from": one.initiator ? "initiator" : "responder",
    };
    const place = { x1: at, x2: at, y1: top - more, y2: bottom + more };
    return kit.svg("line", { class: `bytes ${kind}`, ...place, ...data });
  }

  function letters(one, at, y) {
    const { SYN, FIN, RST } = kit.FLAGS;
    const kinds = [
      [SYN, "S", "syn"],
      [FIN, "F", "fin"],
      [RST, "R", "rst"],
    ];
    const found = kinds.find(([bit]) => one.flags & bit);
    if (!found) {
      return null;
    }
    const place = y(one.seq + one.length);
    const data = { "data-frame": one.frame, "data-time": one.time, "data-seq": one.seq };
    return kit.svg(
      "g",
      { class: `letter ${found[2]} ${kit.dataKind(one)}`, ...data },
      kit.svg("circle", { cx: at, cy: place, r: 2.5 }),
      kit.svg("text", { x: at, y: place - 6, "font-size": 10, "text-anchor": "middle" }, found[1]),
    );
  }
})((window.pcapdiag = window.pcapdiag || {}));
