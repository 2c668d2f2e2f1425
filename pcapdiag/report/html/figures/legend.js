"use strict";
/* What stands around a figure: a legend of what is there, a choice, keys that walk its rows. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});

  const line = (kind, d) => () => kit.svg("path", { class: kind, d });
  const upright = (kind) => () => kit.svg("line", { class: kind, x1: 11, x2: 11, y1: 1, y2: 13 });
  const SIGNS = {
    band: () => kit.svg("rect", { class: "band", x: 1, y: 2, width: 20, height: 10, rx: 2 }),
    dot: () => kit.svg("circle", { class: "mark", cx: 11, cy: 7, r: 2.5 }),
    several: () => kit.arrow(1, 21, 7, { party: "unknown", several: true }),
    made: () => kit.arrow(7, 21, 7, { party: "middlebox", tail: "made" }),
    cross: () => kit.arrow(1, 15, 7, { party: "unknown", head: "lost" }),
    query: () => kit.arrow(1, 20, 7, { party: "unknown", head: "open" }),
    bytes: upright("bytes data"),
    again: upright("bytes again"),
    disordered: upright("bytes disordered"),
    probe: upright("bytes probe"),
    sack: upright("sack"),
    acks: line("acks", "M1 11H11V4H21"),
    edge: line("edge", "M1 11H11V4H21"),
    zero: () => kit.svg("circle", { class: "zero", cx: 11, cy: 7, r: 3.5 }),
    decisive: () => kit.svg("g", { class: "decisive-line" }, upright("")()),
    thinned: line("thinned", "M4 7h14"),
    gap: () =>
      kit.svg("g", { class: "gap" }, kit.svg("rect", { x: 4, y: 1, width: 14, height: 12 })),
  };

  /** A line of signs with their words. `signs`: pairs of a sign's or a party's name, and words. */
  kit.legend = function (signs) {
    const items = signs.map(([name, words]) => kit.html("li", {}, sign(name), kit.safe(words)));
    return kit.html("ul", { class: "figure-legend" }, items);
  };

  function sign(name) {
    const box = { class: "key", x: 4, y: 2, width: 14, height: 10 };
    const drawn = SIGNS[name] ? SIGNS[name]() : kit.svg("rect", box);
    const place = { width: 22, height: 14, viewBox: "0 0 22 14", "aria-hidden": "true" };
    const party = SIGNS[name] ? "party-unknown" : `party-${name}`;
    return kit.svg("svg", { class: `figure-svg ${party}`, ...place }, drawn);
  }

  /** A choice among sources by their labels, as elements to append; none for a single one. */
  kit.choice = function (title, sources, show) {
    if (sources.length < 2) {
      return [];
    }
    const options = sources.map((one, at) =>
      kit.html("option", { value: at }, kit.safe(one.label)),
    );
    const select = kit.html("select", {}, options);
    select.addEventListener("change", () => show(sources[Number(select.value)]));
    return [kit.html("label", { class: "figure-choice" }, title, select)];
  };

  /** One tab stop for all that match; arrow keys, Home and End walk from one to the next. */
  kit.roving = function (svg, selector) {
    const items = () => Array.from(svg.querySelectorAll(selector));
    items().forEach((item, at) => item.setAttribute("tabindex", at === 0 ? "0" : "-1"));
    if (svg.dataset.roving) {
      return;
    }
    svg.dataset.roving = selector;
    svg.addEventListener("keydown", (event) => {
      const all = items();
      const at = all.indexOf(event.target.closest(selector));
      const steps = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1 };
      const to = { ...steps, Home: 0, End: all.length - 1 }[event.key];
      if (at < 0 || to === undefined || !all[to]) {
        return;
      }
      event.preventDefault();
      all[at].setAttribute("tabindex", "-1");
      all[to].setAttribute("tabindex", "0");
      all[to].focus();
    });
  };
})((window.pcapdiag = window.pcapdiag || {}));
