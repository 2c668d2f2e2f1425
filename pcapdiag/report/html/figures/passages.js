"use strict";
/* A connection's packets on their way past several points, as rows of a ladder. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const LONG = 1;

  /** Whether a connection's packets can be drawn on their way past two points or more. */
  kit.hasPassages = (connection, labels) => kit.passageLanes(connection, labels).length > 1;

  /** The points that have or would have its packets, from the initiator's end on. */
  kit.passageLanes = function (connection, labels) {
    const order = connection.path_order.length ? connection.path_order : labels;
    const tells = (at) =>
      connection.passages.some((one) => one.frames[at] !== null || one.covers[at]);
    return order.map((label) => labels.indexOf(label)).filter((at) => at >= 0 && tells(at));
  };

  /** Packets in time order with what is between each two points, and pauses. */
  kit.passageRows = function (connection, lanes) {
    const first = earliest(connection.passages[0]);
    let before = null;
    const rows = [];
    for (const passage of connection.passages) {
      const time = earliest(passage);
      const delta = before === null || time === null ? null : kit.between(before, time);
      if (delta !== null && delta >= LONG) {
        rows.push({ kind: "pause", text: `${kit.duration(delta)} pause` });
      }
      const hops = lanes.slice(1).map((lane, at) => hop(passage, lanes[at], lane));
      rows.push({
        kind: "packet",
        passage,
        delta,
        hops,
        since: time === null ? null : kit.between(first, time),
      });
      before = time === null ? before : time;
    }
    return rows;
  };

  function earliest(passage) {
    const times = passage.times.filter((time) => time !== null);
    return times.length ? times.reduce((a, b) => (kit.between(a, b) < 0 ? b : a)) : null;
  }

  /* What is between two neighbouring points: null, or the signs at an arrow's ends. */
  function hop(passage, left, right) {
    const [near, far] = passage.from === "initiator" ? [left, right] : [right, left];
    const [came, went] = [passage.frames[near] !== null, passage.frames[far] !== null];
    if (!came && !went) {
      return null;
    }
    const tail = came ? "" : passage.covers[near] ? "made" : "unseen";
    return { tail, head: went ? "arrow" : passage.covers[far] ? "lost" : "open" };
  }
})((window.pcapdiag = window.pcapdiag || {}));
