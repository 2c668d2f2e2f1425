"use strict";
/* Arrows between lanes, and the signs at their ends. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const HEAD = 7;

  /**
   * An arrow on the line `y`. `options`: party (its colour), strong, several (packets), tail and
   * head: "" for none, "arrow", "lost", "open", "made".
   */
  kit.arrow = function (from, to, y, options) {
    const way = Math.sign(to - from) || 1;
    const { party, strong, several, tail = "", head = "arrow" } = options;
    const end = head === "arrow" ? to - way : head === "open" ? to - 9 * way : to;
    const start = tail === "made" ? from + 6 * way : from;
    const parts = [kit.svg("line", { x1: start, x2: end, y1: y, y2: y, class: `shaft ${head}` })];
    parts.push(...signs[head](to, y, way, several));
    if (tail === "made") {
      parts.push(made(from, y));
    }
    const classes = ["arrow", `party-${party}`, strong ? "is-strong" : ""];
    return kit.svg("g", { class: classes.join(" ").trim() }, parts);
  };

  const signs = {
    "": () => [],
    arrow: (x, y, way, several) =>
      (several ? [0, 5, 10] : [0]).map((back) => tip(x - back * way, y, way)),
    lost: (x, y) => [
      kit.svg("path", { class: "cross", d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10` }),
    ],
    open: (x, y, way) => [
      kit.svg(
        "text",
        { class: "open-end", x: x - 3 * way, y: y + 4, "text-anchor": "middle" },
        "?",
      ),
    ],
  };

  function tip(x, y, way) {
    return kit.svg("path", { class: "tip", d: `M${x} ${y}l${-HEAD * way} -3.5v7z` });
  }

  function made(x, y) {
    return kit.svg("path", { class: "made", d: `M${x} ${y - 6}l6 6l-6 6l-6 -6z` });
  }

  /** A lane's line from `top` to `bottom`, open where `breaks` are: [y, y, is torn]. */
  kit.lane = function (x, top, bottom, breaks, kind) {
    const parts = [];
    let from = top;
    for (const [start, end, isTorn] of breaks) {
      parts.push(`M${x} ${from}V${start}`, isTorn ? torn(x, start) + torn(x, end) : "");
      from = end;
    }
    parts.push(`M${x} ${from}V${bottom}`);
    return kit.svg("path", { class: `lane ${kind}`, d: parts.join("") });
  };

  function torn(x, y) {
    return `M${x - 5} ${y + 2}l10 -4`;
  }
})((window.pcapdiag = window.pcapdiag || {}));
