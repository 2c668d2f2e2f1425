"use strict";
/* Failed connections as bars along time; those that look the same are one bar with their number. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const SAME = 4;
  const LANES = 14;
  const LEAST = 3;
  const SPACE = 3;

  /**
   * The bars that fit, in lanes: `{spans, lanes, hidden, shown, height}`. Connections whose bars
   * would begin and end within SAME pixels, with the same verdict and party, are one span.
   */
  kit.spansOf = function (rows, x, domain, box, measure) {
    const found = new Map();
    let shown = 0;
    for (const row of rows) {
      if (row.end < domain.from || row.start > domain.to) {
        continue;
      }
      shown += 1;
      const from = Math.max(box.left, x(row.start));
      const to = Math.min(box.left + box.width, x(row.end));
      const name = [row.party, row.code, Math.round(from / SAME), Math.round(to / SAME)].join("|");
      const span = found.get(name);
      if (span) {
        span.count += 1;
        span.start = Math.min(span.start, row.start);
        span.end = Math.max(span.end, row.end);
      } else {
        found.set(name, {
          row,
          from,
          to: Math.max(to, from + LEAST),
          count: 1,
          start: row.start,
          end: row.end,
        });
      }
    }
    return { ...packed([...found.values()], box, measure), shown };
  };

  function packed(spans, box, measure) {
    spans.sort((a, b) => a.from - b.from || b.count - a.count);
    const free = [];
    let hidden = 0;
    const placed = [];
    for (const span of spans) {
      span.number = span.count > 1 ? `\u00d7${kit.count(span.count)}` : "";
      const wide = span.number ? measure(span.number, 10) + 4 : 0;
      span.before = span.to + wide > box.left + box.width;
      const [from, to] = span.before ? [span.from - wide, span.to] : [span.from, span.to + wide];
      let lane = free.findIndex((end) => end + SPACE <= from);
      if (lane < 0 && free.length < LANES) {
        lane = free.length;
      }
      if (lane < 0) {
        hidden += span.count;
        continue;
      }
      free[lane] = to;
      placed.push({ ...span, lane });
    }
    return {
      spans: placed,
      lanes: free.length,
      hidden,
      height: Math.max(free.length, 1) * pitch(free.length),
    };
  }

  const pitch = (lanes) => (lanes > 6 ? 9 : 12);

  /** The bars as elements that can be pointed at, focused and chosen. */
  kit.spanBars = function (found, top, measure) {
    const step = pitch(found.lanes);
    return found.spans.map((span) => {
      span.y = top + span.lane * step;
      span.words = kit.spanWords(span);
      const bar = {
        x: span.from,
        y: span.y,
        width: span.to - span.from,
        height: step - 3,
        rx: 1.5,
      };
      const words = span.before
        ? { x: span.from - 3, anchor: "end" }
        : { x: span.to + 3, anchor: "start" };
      const data = { "data-key": span.row.key, "data-count": span.count };
      const group = kit.svg(
        "g",
        {
          class: `span party-${span.row.party || "unknown"}`,
          role: "button",
          "aria-label": kit.safe(span.words.join(", ")),
          ...data,
        },
        kit.svg("rect", bar),
        span.number &&
          kit.text(
            words.x,
            span.y + step - 4,
            span.number,
            { size: 10, anchor: words.anchor, class: "soft" },
            measure,
          ),
      );
      span.element = group;
      return group;
    });
  };

  kit.spanWords = function (span) {
    const party = kit.PARTY_WORDS[span.row.party || "unknown"];
    const time = `${kit.clock(span.start, 1e-3)} UTC, for ${kit.duration(span.end - span.start)}`;
    if (span.count === 1) {
      return [span.row.label, `${span.row.code}: ${party}`, time];
    }
    return [`${kit.plural(span.count, "connection")}: ${span.row.code}`, party, time];
  };
})((window.pcapdiag = window.pcapdiag || {}));
