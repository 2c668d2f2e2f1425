"use strict";
/* The capture over time: failures by party, failed connections, resets, load; a drag filters. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const NAME = 16;
  const GAP = 10;
  const AXIS = 22;
  const LEFT = 2;
  const LEAST_SPAN = 1e-4;
  const SETTLED = 120;

  /** Draw it; the result has `show(from, to)` for a range that was chosen elsewhere, nulls: all. */
  figures.activity = function (element, report, context) {
    const rows = kit.failures(report, context);
    const sources = kit.activitySources(report, rows);
    const { activity } = sources[0];
    const chart = { rows, activity, shown: activity, context: context || {} };
    chart.measure = kit.ruler(element);
    const full = rangeOf(sources);
    if (!Number.isFinite(full[0])) {
      return { show: () => {} };
    }
    chart.domain = kit.domain(full, Math.min(LEAST_SPAN, full[1] - full[0]), () => changed(chart));
    chart.svg = kit.canvas("The capture over time", description(chart), "group");
    chart.svg.classList.add("figure-activity");
    chart.svg.setAttribute("tabindex", "0");
    chart.zoom = kit.zoomBar(chart.domain, rangeWords);
    chart.tip = kit.tip();
    const plot = kit.html("div", { class: "figure-plot" }, chart.svg, chart.tip.box);
    const choice = kit.choice("As captured at ", sources, (source) => {
      chart.shown = source.activity;
      paint(chart);
    });
    element.append(...choice, chart.zoom.bar, plot, kit.legend(parties(activity)));
    kit.listen(chart.svg, chart.domain, hooks(chart));
    kit.mount(element, (width) => {
      chart.width = width;
      paint(chart);
    });
    return { show: (from, to) => show(chart, from, to) };
  };

  function rangeOf(sources) {
    const all = sources.map(({ activity }) => activity);
    const ends = all.map((one) => one.start + Math.max(one.packets.length, 1) * one.bin);
    return [Math.min(...all.map((one) => one.start)), Math.max(...ends)];
  }

  function description({ rows, activity }) {
    const said = parties(activity)
      .map(([, words]) => words)
      .join(", ");
    const failed = kit.plural(rows.length, "failed connection");
    return `${failed}. ${said}. Drag to choose a range of time; plus and minus zoom, 0 shows all.`;
  }

  function parties(activity) {
    const sum = (values) => values.reduce((a, b) => a + b, 0);
    return kit.PARTIES.filter((party) => activity.failed[party]).map((party) => [
      party,
      `${kit.PARTY_WORDS[party]}: ${kit.plural(sum(activity.failed[party]), "failure")}`,
    ]);
  }

  function rangeWords(domain) {
    const step = (domain.to - domain.from) / 1000;
    const [from, to] = [domain.from, domain.to].map((time) => kit.clock(time, Math.min(step, 1)));
    return `${kit.clock(domain.from, 86400)} ${from} to ${to} UTC`;
  }

  function show(chart, from, to) {
    chart.quiet = true;
    chart.domain.set(...(from === null ? chart.domain.full : [from, to]));
    chart.quiet = false;
  }

  function changed(chart) {
    paint(chart);
    const { domain, context } = chart;
    if (chart.quiet || !context.filterTime) {
      return;
    }
    clearTimeout(chart.waiting);
    const range = domain.isFull ? [null, null] : [domain.from, domain.to];
    chart.waiting = setTimeout(() => context.filterTime(...range), SETTLED);
  }

  function paint(chart) {
    const { svg, domain, width, measure } = chart;
    const plot = { left: LEFT, width: width - 2 * LEFT };
    const x = kit.scale(domain.from, domain.to, plot.left, plot.left + plot.width);
    const isFailures = (row) => row.name === "failures";
    const failures = kit.activityRows(chart.activity).filter(isFailures);
    const others = kit.activityRows(chart.shown).filter((row) => !isFailures(row));
    let y = 0;
    const drawn = [];
    const add = (row) => {
      const box = { ...plot, top: y + NAME, height: row.height };
      drawn.push(kit.activityRow(row, x, domain, box, measure));
      y = box.top + box.height + GAP;
    };
    failures.forEach(add);
    const lanes = connections(chart, x, plot, y);
    drawn.push(lanes.parts);
    y += lanes.height;
    others.forEach(add);
    const focused = svg.contains(document.activeElement);
    Object.assign(chart, { plot, x, found: lanes.found });
    kit.repaint(svg, width, y + AXIS, [drawn, kit.clockAxis(x, domain, y, plot, measure)]);
    kit.roving(svg, ".span");
    if (focused) {
      svg.focus();
    }
    Object.assign(svg.dataset, { from: domain.from, to: domain.to });
    chart.zoom.update();
    chart.tip.hide();
  }

  /* Bars where all of them have room, otherwise counts by start and duration. */
  function connections({ rows, domain, measure }, x, plot, top) {
    if (!rows.length) {
      return { parts: [], height: 0, found: { spans: [] } };
    }
    const bars = kit.spansOf(rows, x, domain, plot, measure);
    const found = bars.hidden ? kit.cellsOf(rows, x, domain, plot) : bars;
    const many = kit.plural(found.shown, "failed connection");
    const how = bars.hidden
      ? "by their start and how long they lasted"
      : "from first packet to last";
    const words = `${many} ${how}`;
    const drawn = bars.hidden
      ? kit.cellBars(found, top + NAME, plot, measure)
      : kit.spanBars(found, top + NAME, measure);
    const parts = [
      kit.text(plot.left, top + NAME - 4, words, { class: "soft", room: plot.width }, measure),
      drawn,
    ];
    return { parts, found, height: NAME + found.height + GAP };
  }

  function hooks(chart) {
    return {
      timeAt: (x) => chart.x.invert(x),
      left: () => chart.plot.left,
      right: () => chart.plot.left + chart.plot.width,
      dragged: (from, to) => chart.domain.set(from, to),
      hover: (x, y) => hover(chart, x, y),
      leave: () => chart.tip.hide(),
      click: (x, y) => choose(chart, at(chart, x, y)),
      key: (event) => pressed(chart, event),
    };
  }

  function at({ found }, x, y) {
    return found.spans.find(
      (span) => x >= span.from - 2 && x <= span.to + 2 && y >= span.y - 1 && y <= span.y + 12,
    );
  }

  function hover(chart, x, y) {
    const span = at(chart, x, y);
    chart.svg.classList.toggle("is-choosing", Boolean(span));
    const lines = span
      ? span.words
      : kit.activityWords(chart.shown, chart.activity, chart.x.invert(x));
    if (lines.length) {
      chart.tip.show(lines, x, y, chart.width);
    } else {
      chart.tip.hide();
    }
  }

  /* One connection is selected; several that are one bar are zoomed into. */
  function choose(chart, span) {
    if (!span) {
      return;
    }
    const margin = Math.max((span.end - span.start) * 0.05, LEAST_SPAN);
    if (span.count === 1) {
      if (chart.context.select) {
        chart.context.select(span.row.key);
      }
    } else {
      chart.domain.set(span.start - margin, span.end + margin);
    }
  }

  function pressed(chart, event) {
    if (event.target === chart.svg) {
      return false;
    }
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(
        chart,
        chart.found.spans.find((span) => span.element === event.target),
      );
      return true;
    }
    return event.key.startsWith("Arrow");
  }
})((window.pcapdiag = window.pcapdiag || {}));
