"use strict";
/* Scales, round numbers for ticks, and a time axis with words that do not overlap. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});

  /** A linear scale from [from, to] to [start, end] pixels, with its inverse. */
  kit.scale = function (from, to, start, end) {
    const factor = (end - start) / (to - from || 1);
    const scale = (value) => start + (value - from) * factor;
    scale.invert = (pixel) => from + (pixel - start) / (factor || 1);
    return scale;
  };

  /** The round step (1, 2 or 5 times a power of ten) that gives `most` ticks or fewer. */
  kit.roundStep = function (span, most) {
    const rough = span / Math.max(most, 1) || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((one) => one * power).find((step) => step >= rough * (1 - 1e-9));
  };

  /** Multiples of `step` within [from, to]. */
  kit.ticks = function (from, to, step) {
    const first = Math.ceil(from / step - 1e-9);
    const count = Math.floor(to / step + 1e-9) - first + 1;
    return Array.from(
      { length: Math.max(0, Math.min(count, 100)) },
      (_, at) => (first + at) * step,
    );
  };

  /** Ticks and words of seconds since the start, in the unit that fits the step. */
  kit.timeAxis = function (x, domain, y, plot, measure) {
    const step = kit.roundStep(domain.to - domain.from, plot.width / 90);
    const [factor, unit] =
      domain.to >= 1 ? [1, "s"] : domain.to >= 1e-3 ? [1e3, "ms"] : [1e6, "\u00b5s"];
    const places = Math.max(0, Math.ceil(-Math.log10(step * factor) - 1e-9));
    const say = (time) => `${Number((time * factor).toFixed(places))} ${unit}`;
    return axis(kit.ticks(domain.from, domain.to, step), say, x, y, plot, measure);
  };

  /** Ticks and words of the time of day (UTC); `domain` is in seconds since the epoch. */
  kit.clockAxis = function (x, domain, y, plot, measure) {
    const room = measure("00:00:00.000000", kit.SMALL) + 20;
    const step = clockStep(domain.to - domain.from, plot.width / room);
    const say = (time) => kit.clock(time, step);
    return axis(kit.ticks(domain.from, domain.to, step), say, x, y, plot, measure);
  };

  const CLOCK_STEPS = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
  ];

  function clockStep(span, most) {
    const rough = span / Math.max(most, 1);
    return rough < 1
      ? kit.roundStep(span, most)
      : CLOCK_STEPS.find((step) => step >= rough) || kit.roundStep(span, most);
  }

  function axis(times, say, x, y, plot, measure) {
    const line = kit.svg("line", {
      class: "axis",
      x1: plot.left,
      x2: plot.left + plot.width,
      y1: y,
      y2: y,
    });
    let free = -Infinity;
    const marks = times.map((time) => {
      const text = say(time);
      const half = measure(text, kit.SMALL) / 2;
      const at = x(time);
      const middle = Math.min(
        Math.max(at, plot.left + half - 4),
        plot.left + plot.width - half + 4,
      );
      const tick = kit.svg("line", { class: "axis", x1: at, x2: at, y1: y, y2: y + 4 });
      if (middle - half < free) {
        return tick;
      }
      free = middle + half + 8;
      return [tick, kit.text(middle, y + 16, text, { anchor: "middle", class: "soft" }, measure)];
    });
    return [line, marks];
  }
})((window.pcapdiag = window.pcapdiag || {}));
