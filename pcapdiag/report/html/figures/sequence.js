"use strict";
/* The time-sequence chart: both directions of a connection, byte by byte, with zoom. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const LEFT = 58;
  const WIDE = 720;
  const HEAD = 18;
  const GAP = 18;
  const AXIS = 24;
  const TALL = 190;
  const FEW = 5;
  const MIDDLE = 100;
  const LOW = 52;
  const LEAST_SPAN = 1e-6;

  figures.sequence = function (element, connection, context) {
    const segments = connection.series ? kit.segments(connection.series) : [];
    if (!segments.length) {
      return;
    }
    const chart = { connection, segments, context: context || {}, series: connection.series };
    chart.panels = [true, false].map((side) => kit.panelOf(segments, side)).filter((one) => one.sent.length);
    chart.measure = kit.ruler(element);
    chart.svg = kit.canvas(title(connection), description(chart), "group");
    chart.svg.classList.add("figure-sequence");
    chart.svg.setAttribute("tabindex", "0");
    const last = segments[segments.length - 1].time;
    const pad = Math.max(last - Math.min(segments[0].time, 0), LEAST_SPAN * 10) * 0.02;
    chart.domain = kit.domain([Math.min(segments[0].time, 0) - pad, last + pad], LEAST_SPAN, () => paint(chart));
    const zoom = kit.zoomBar(chart.domain, () => rangeWords(chart.domain));
    chart.zoom = zoom;
    chart.tip = kit.tip();
    const plot = kit.html("div", { class: "figure-plot" }, chart.svg, chart.tip.box);
    element.append(zoom.bar, plot, kit.legend(signsOf(chart)), kit.segmentTable(segments, connection));
    kit.listen(chart.svg, chart.domain, hooks(chart));
    kit.mount(element, (width) => {
      chart.width = width;
      paint(chart);
    });
  };

  function title(connection) {
    return `Bytes over time, ${kit.end(connection.initiator)} and ${kit.end(connection.responder)}`;
  }

  function description({ segments, connection }) {
    const again = segments.filter((one) => kit.dataKind(one) === "again").length;
    const span = kit.duration(segments[segments.length - 1].time - segments[0].time);
    const packets = kit.plural(segments.length, "packet");
    return `${packets} in ${span}, ${again} sent again. ${connection.verdict.title}. Plus and minus zoom, 0 shows all, arrows go from packet to packet.`;
  }

  const rangeWords = (domain) =>
    `${kit.duration(Math.max(domain.from, 0))} to ${kit.duration(domain.to)} since its start`;

  function signsOf({ segments, series, connection }) {
    const kinds = new Set(segments.map(kit.dataKind));
    const answered = segments.some((one) => one.ack !== null && !(one.flags & kit.FLAGS.RST));
    const has = (bit) => segments.some((one) => one.marks & bit);
    return [
      ["bytes", "bytes sent"],
      kinds.has("again") && ["again", "sent again"],
      kinds.has("disordered") && ["disordered", "out of order"],
      kinds.has("probe") && ["probe", "keep-alive or window probe"],
      ...(answered ? [["acks", "acknowledged up to"], ["edge", "receive window's edge"]] : []),
      segments.some((one) => one.sack) && ["sack", "SACK"],
      has(kit.MARKS.ZERO_WINDOW) && ["zero", "window 0"],
      segments.some((one) => isDecisive(connection, one)) && ["decisive", "decides the verdict"],
      series.left_out && ["gap", "packets not kept"],
      series.thinned && ["thinned", `${kit.plural(series.thinned, "packet")} left out evenly`],
    ].filter(Boolean);
  }

  const isDecisive = (connection, segment) =>
    connection.verdict.failed &&
    kit.decides(connection.verdict, segment.frame, connection.point || "");

  function paint(chart) {
    const { svg, domain, width, panels, measure } = chart;
    const right = width >= WIDE ? 96 : 8;
    const plot = { left: LEFT, width: Math.max(width - LEFT - right, 60) };
    const x = kit.scale(domain.from, domain.to, plot.left, plot.left + plot.width);
    let y = HEAD;
    const drawn = panels.map((panel) => {
      const top = y + 16;
      const height = heightOf(panel);
      y = top + height + GAP;
      return drawPanel(chart, panel, { ...plot, top, height, right }, x);
    });
    const bottom = y - GAP + 6;
    Object.assign(chart, { plot, x, drawn });
    const axis = kit.timeAxis(x, domain, bottom, plot, measure);
    const parts = [gap(chart, bottom), decisive(chart, bottom), drawn.map((one) => one.parts), axis];
    kit.repaint(svg, width, bottom + AXIS, parts);
    svg.dataset.from = domain.from;
    svg.dataset.to = domain.to;
    chart.zoom.update();
    chart.tip.hide();
  }

  function heightOf(panel) {
    const data = panel.sent.filter((one) => one.length).length;
    return data >= FEW ? TALL : data ? MIDDLE : LOW;
  }

  function drawPanel(chart, panel, box, x) {
    const { connection, measure, domain, series } = chart;
    const range = kit.panelRange(panel, domain);
    const pad = (range.high - range.low) * 0.04;
    const y = kit.scale(range.low - pad, range.high + pad, box.top + box.height - 3, box.top + 12);
    const side = panel.initiator ? "initiator" : "responder";
    const party = kit.partyOf(connection, side);
    const gapAfter = series.left_out ? series.left_out_after : -1;
    const marks = kit.panelMarks(panel, x, y, { gapAfter, end: box.left + box.width });
    const view = { x: box.left, y: box.top, width: box.width, height: box.height };
    const frame = { ...view, viewBox: `${box.left} ${box.top} ${box.width} ${box.height}` };
    const name = `${connection[side].ip} (${kit.role(connection, side)}) sent`;
    const above = range.fits || range.edge <= range.high ? "" : `window's edge above: ${kit.bytes(range.edge)}`;
    const room = box.width - (above ? measure(above, kit.SMALL) + 12 : 0);
    const heading = { size: kit.SMALL, weight: 600, class: "panel-name", room };
    const parts = kit.svg(
      "g",
      { class: `panel party-${party}`, "data-side": side },
      kit.text(box.left, box.top - 4, name, heading, measure),
      grid(range, y, box, measure),
      kit.svg("svg", frame, marks),
      above && kit.text(box.left + box.width, box.top - 4, above, { anchor: "end", class: "soft" }, measure),
      box.right > 20 && ends(panel, range, y, box, chart),
    );
    return { panel, y, box, parts };
  }

  function grid(range, y, box, measure) {
    const step = kit.roundStep(range.high - range.low, box.height / 36);
    return kit.ticks(range.low, range.high, Math.max(step, 1)).map((value) => [
      kit.svg("line", { class: "grid", x1: box.left, x2: box.left + box.width, y1: y(value), y2: y(value) }),
      kit.text(box.left - 6, y(value) + 4, kit.bytes(value), { anchor: "end", class: "soft" }, measure),
    ]);
  }

  /* Names of the lines at their ends, where they do not cover each other. */
  function ends(panel, range, y, box, { domain, measure }) {
    const seen = panel.answers.filter((one) => one.time <= domain.to);
    const last = seen[seen.length - 1];
    if (!last) {
      return null;
    }
    const x = box.left + box.width + 5;
    const at = y(last.ack);
    const edge = y(last.ack + last.window);
    const inside = (place) => Math.min(Math.max(place, box.top + 6), box.top + box.height);
    const say = (place, text) => kit.text(x, inside(place) + 4, text, { class: "soft" }, measure);
    return [say(at, "acknowledged"), range.fits && at - edge > 12 && say(edge, "window's edge")];
  }

  function gap(chart, bottom) {
    const { segments, series, x } = { ...chart, x: kit.scale(chart.domain.from, chart.domain.to, LEFT, LEFT + plotWidth(chart)) };
    if (!series.left_out) {
      return null;
    }
    const before = segments.filter((one) => one.place < series.left_out_after).slice(-1)[0];
    const after = segments.find((one) => one.place >= series.left_out_after);
    const from = Math.max(LEFT, before ? x(before.time) : LEFT);
    const to = Math.min(LEFT + plotWidth(chart), after ? x(after.time) : Infinity);
    if (to <= from) {
      return null;
    }
    const text = `${kit.plural(series.left_out, "packet")} between not kept`;
    const options = { anchor: "middle", class: "soft", room: to - from - 4 };
    return kit.svg(
      "g",
      { class: "gap" },
      kit.svg("rect", { x: from, y: HEAD + 16, width: to - from, height: bottom - HEAD - 16 }),
      kit.text((from + to) / 2, HEAD + 30, text, options, chart.measure),
    );
  }

  const plotWidth = ({ width }) => Math.max(width - LEFT - (width >= WIDE ? 96 : 8), 60);

  /* A hairline through all at each frame that the verdict rests on, with its number on top. */
  function decisive({ connection, segments, x, plot, measure }, bottom) {
    const inside = (at) => at >= plot.left && at <= plot.left + plot.width;
    const chosen = segments.filter((one) => isDecisive(connection, one) && inside(x(one.time)));
    const data = (one) => ({ "data-frame": one.frame, "data-point": connection.point || null });
    const lines = chosen.map((one) => {
      const place = { x1: x(one.time), x2: x(one.time), y1: HEAD - 2, y2: bottom };
      return kit.svg("g", { class: "decisive-line", ...data(one) }, kit.svg("line", place));
    });
    return [lines, numbers(chosen, x, plot, measure)];
  }

  /* Frames whose numbers would lie over each other are told in one text. */
  function numbers(chosen, x, plot, measure) {
    const groups = [];
    for (const one of chosen) {
      const group = groups[groups.length - 1];
      const half = group ? measure(group.text, kit.SMALL, 600) / 2 : 0;
      if (group && x(one.time) - half < group.at + half + 6) {
        group.text += ` #${one.frame}`;
      } else {
        groups.push({ at: x(one.time), text: `#${one.frame}` });
      }
    }
    return groups.map(({ at, text }) => {
      const half = measure(text, kit.SMALL, 600) / 2;
      const middle = Math.min(Math.max(at, half), plot.left + plot.width - half + 8);
      const options = { anchor: "middle", weight: 600, class: "decisive-number", room: plot.width };
      return kit.text(middle, HEAD - 6, text, options, measure);
    });
  }

  function hooks(chart) {
    return {
      timeAt: (x) => chart.x.invert(x),
      left: () => chart.plot.left,
      right: () => chart.plot.left + chart.plot.width,
      dragged: (from, to) => chart.domain.set(from, to),
      hover: (x, y) => point(chart, nearest(chart, x, y)),
      leave: () => point(chart, null),
      key: (event) => walk(chart, event),
    };
  }

  function nearest(chart, x, y) {
    const REACH = 40;
    const panel = chart.drawn.find((one) => y >= one.box.top - 16 && y <= one.box.top + one.box.height);
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
      figures.light(root, frames, connection.point || "");
    }
    if (context.hover) {
      context.hover(frames, connection.point || "");
    }
    if (!segment) {
      tip.hide();
      return;
    }
    const home = chart.drawn.find((one) => one.panel.sent.includes(segment)) || chart.drawn.find((one) => one.panel.answers.includes(segment));
    if (home) {
      const [x, y] = spot(chart, home, segment);
      svg.append(kit.svg("circle", { class: "pointer", cx: x, cy: y, r: 6 }));
      tip.show(kit.segmentLines(segment, connection), x, y, chart.width);
    }
  }
})((window.pcapdiag = window.pcapdiag || {}));
