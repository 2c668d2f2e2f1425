"use strict";
/* What a time-sequence chart shows of its range of time: a panel for each direction. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const LEFT = 58;
  const WIDE = 720;
  const NAMES = 96;
  const HEAD = 18;
  const GAP = 18;
  const AXIS = 24;
  const TALL = 190;
  const FEW = 5;
  const MIDDLE = 100;
  const LOW = 52;

  /** Whether a failure's verdict rests on that packet. */
  kit.isDecisive = ({ connection, point }, segment) =>
    connection.verdict.failed && kit.decides(connection.verdict, segment.frame, point);

  /** Draw the chart's range of time at its width. */
  kit.paintSequence = function (chart) {
    const { svg, domain, width, panels, measure } = chart;
    const right = width >= WIDE ? NAMES : 8;
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
    const parts = [
      gap(chart, bottom),
      decisive(chart, bottom),
      drawn.map((one) => one.parts),
      axis,
    ];
    kit.repaint(svg, width, bottom + AXIS, parts);
    if (chart.label) {
      svg.querySelectorAll("[data-frame]").forEach((one) => {
        one.dataset.point = chart.label;
      });
    }
    svg.dataset.from = domain.from;
    svg.dataset.to = domain.to;
    chart.zoom.update();
    chart.tip.hide();
  };

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
    const role = kit.role(connection, side);
    const full = `${connection[side].ip} (${role}) sent`;
    const above =
      range.fits || range.edge <= range.high ? "" : `window's edge above: ${kit.bytes(range.edge)}`;
    const room = box.width - (above ? measure(above, kit.SMALL) + 12 : 0);
    const name = measure(full, kit.SMALL, 600) <= room ? full : `${role} sent`;
    const heading = { size: kit.SMALL, weight: 600, class: "panel-name", room };
    const parts = kit.svg(
      "g",
      { class: `panel party-${party}`, "data-side": side },
      kit.text(box.left, box.top - 4, name, heading, measure),
      grid(range, y, box, measure),
      kit.svg("svg", frame, marks),
      above &&
        kit.text(
          box.left + box.width,
          box.top - 4,
          above,
          { anchor: "end", class: "soft" },
          measure,
        ),
      box.right > 20 && ends(panel, range, y, box, chart),
    );
    return { panel, y, box, parts };
  }

  function grid(range, y, box, measure) {
    const step = kit.roundStep(range.high - range.low, box.height / 36);
    return kit.ticks(range.low, range.high, Math.max(step, 1)).map((value) => [
      kit.svg("line", {
        class: "grid",
        x1: box.left,
        x2: box.left + box.width,
        y1: y(value),
        y2: y(value),
      }),
      kit.text(
        box.left - 6,
        y(value) + 4,
        kit.bytes(value),
        { anchor: "end", class: "soft" },
        measure,
      ),
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
    const { segments, series, x, plot } = chart;
    if (!series.left_out) {
      return null;
    }
    const before = segments.filter((one) => one.place < series.left_out_after).slice(-1)[0];
    const after = segments.find((one) => one.place >= series.left_out_after);
    const from = Math.max(plot.left, before ? x(before.time) : plot.left);
    const to = Math.min(plot.left + plot.width, after ? x(after.time) : Infinity);
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

  /* A hairline through all at each frame that the verdict rests on, with its number on top. */
  function decisive(chart, bottom) {
    const { segments, x, plot, measure } = chart;
    const inside = (at) => at >= plot.left && at <= plot.left + plot.width;
    const chosen = segments.filter((one) => kit.isDecisive(chart, one) && inside(x(one.time)));
    const data = (one) => ({ "data-frame": one.frame });
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
})((window.pcapdiag = window.pcapdiag || {}));
