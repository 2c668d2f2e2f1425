"use strict";
/* Which packet of a time-sequence chart is pointed at, by mouse or keys; its words beside it. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const REACH = 40;

  /** What the chart does when it is pointed at, dragged over, and walked through by keys. */
  kit.sequenceHooks = function (chart) {
    return {
      timeAt: (x) => chart.x.invert(x),
      left: () => chart.plot.left,
      right: () => chart.plot.left + chart.plot.width,
      dragged: (from, to) => chart.domain.set(from, to),
      hover: (x, y) => point(chart, nearest(chart, x, y)),
      leave: () => point(chart, null),
      key: (event) => walk(chart, event),
    };
  };

  function nearest(chart, x, y) {
    const panel = chart.drawn.find(
      (one) => y >= one.box.top - 16 && y <= one.box.top + one.box.height,
    );
    if (!panel) {
      return null;
    }
    const all = [...panel.panel.sent, ...panel.panel.answers];
    let best = null;
    for (const one of all) {
      const [px, py] = spot(chart, panel, one);
      const far = Math.hypot(px - x, (py - y) / 2);
      if (far < REACH && (!best || far < best.far)) {
        best = { segment: one, far };
      }
    }
    return best && best.segment;
  }

  /* Where a packet is: in the middle of its bytes, or at the number that it acknowledges. */
  function spot(chart, drawn, one) {
    const mine = one.initiator === drawn.panel.initiator;
    return [chart.x(one.time), drawn.y(mine ? one.seq + one.length / 2 : one.ack)];
  }

  function walk(chart, event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || event.shiftKey) {
      return false;
    }
    event.preventDefault();
    const { segments, domain } = chart;
    const first = segments.findIndex((one) => one.time >= domain.from);
    const at = chart.pointed ? segments.indexOf(chart.pointed) + step : Math.max(first, 0);
    const next = segments[Math.min(Math.max(at, 0), segments.length - 1)];
    if (next.time < domain.from || next.time > domain.to) {
      const half = (domain.to - domain.from) / 2;
      domain.set(next.time - half, next.time + half);
    }
    point(chart, next);
    return true;
  }

  /* Show which packet is pointed at, everywhere: here, in the ladder, in the evidence. */
  function point(chart, segment) {
    const { svg, tip, connection, context } = chart;
    if (segment === chart.pointed && (segment === null || !tip.box.hidden)) {
      return;
    }
    chart.pointed = segment;
    svg.querySelectorAll(".pointer").forEach((one) => one.remove());
    const root = svg.closest("[data-figure-root]");
    const frames = segment ? [segment.frame] : [];
    if (root) {
      figures.light(root, frames, chart.label);
    }
    if (context.hover) {
      context.hover(frames, chart.label);
    }
    if (!segment) {
      tip.hide();
      return;
    }
    const home =
      chart.drawn.find((one) => one.panel.sent.includes(segment)) ||
      chart.drawn.find((one) => one.panel.answers.includes(segment));
    if (home) {
      const [x, y] = spot(chart, home, segment);
      svg.append(kit.svg("circle", { class: "pointer", cx: x, cy: y, r: 6 }));
      tip.show(kit.segmentLines(segment, connection), x, y, chart.width);
    }
  }
})((window.pcapdiag = window.pcapdiag || {}));
