"use strict";
/* The capture over time as rows of bars and steps that share one axis. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const BINS = 120;
  const COUNTS = [
    ["resets", "reset"],
    ["retransmissions", "segment sent again", "segments sent again"],
    ["goaways", "GOAWAY", "GOAWAYs"],
    ["open", "open connection"],
    ["packets", "packet"],
  ];

  /** The report's activity, or the failures alone in bins where it has none. */
  kit.activityOf = function (report, rows) {
    if (report.activity && report.activity.packets.length) {
      return { ...report.activity, start: Number(report.activity.start) };
    }
    const times = rows.flatMap((row) => [row.start, row.end]);
    const start = times.reduce((a, b) => Math.min(a, b), Infinity);
    const end = times.reduce((a, b) => Math.max(a, b), -Infinity);
    const bin = Math.max(end - start, 1e-3) / BINS;
    const failed = {};
    for (const row of rows) {
      const counts = (failed[row.party || "unknown"] ||= new Array(BINS).fill(0));
      counts[Math.min(BINS - 1, Math.floor((row.end - start) / bin))] += 1;
    }
    return { start, bin, failed, packets: new Array(BINS).fill(0) };
  };

  /** What each point saw, by the first one's clock; failures are told of the first. */
  kit.activitySources = function (report, rows) {
    const others = (report.points || [])
      .slice(1)
      .filter(
        (point) => point.activity && point.activity.packets.length && point.clock_offset !== null,
      );
    const first = report.points && report.points.length ? report.points[0].label : "";
    return [
      { label: first, activity: { ...kit.activityOf(report, rows), ofAll: others.length > 0 } },
      ...others.map(({ label, activity, clock_offset: offset }) => ({
        label,
        activity: { ...activity, start: Number(activity.start) + offset, failed: {} },
      })),
    ];
  };

  /** What the small charts show, those with nothing in them left away. */
  kit.activityRows = function (activity) {
    const parties = kit.PARTIES.filter((party) => activity.failed[party]);
    const has = (values) => values && values.some(Boolean);
    const rate = (activity.bytes || []).map((bytes) => bytes / activity.bin);
    const perBin = (most) => `at most ${kit.count(most)} in ${kit.duration(activity.bin)}`;
    return [
      parties.length && {
        name: "failures",
        title: activity.ofAll ? "failures at all points" : "failures",
        layers: parties.map((party) => [party, activity.failed[party]]),
        height: 58,
        say: perBin,
      },
      has(activity.resets) && {
        name: "resets",
        layers: [["resets", activity.resets]],
        height: 22,
        say: perBin,
      },
      has(activity.retransmissions) && {
        name: "segments sent again",
        layers: [["again", activity.retransmissions]],
        height: 22,
        say: perBin,
      },
      has(activity.goaways) && {
        name: "GOAWAY",
        layers: [["goaways", activity.goaways]],
        height: 16,
        say: perBin,
      },
      has(activity.open) && {
        name: "open connections",
        steps: activity.open,
        height: 30,
        say: (most) => `at most ${kit.count(most)}`,
      },
      has(rate) && {
        name: "TCP payload",
        steps: rate,
        height: 30,
        say: (most) => `at most ${kit.bytes(most)}/s`,
      },
    ]
      .filter(Boolean)
      .map((row) => ({ ...row, activity }));
  };

  /** One of the small charts within `box` (left, top, width, height), of the bins in the domain. */
  kit.activityRow = function (row, x, domain, box, measure) {
    const { activity } = row;
    const values =
      row.steps ||
      row.layers[0][1].map((_, at) => row.layers.reduce((sum, [, one]) => sum + one[at], 0));
    const [first, last] = visible(activity, domain, values.length);
    const most = values.slice(first, last).reduce((a, b) => Math.max(a, b), 0);
    const bottom = box.top + box.height;
    const y = kit.scale(0, most || 1, bottom, box.top);
    const edge = (at) => x(activity.start + at * activity.bin);
    const clipped = { x: box.left, y: box.top, width: box.width, height: box.height };
    const view = { ...clipped, viewBox: `${box.left} ${box.top} ${box.width} ${box.height}` };
    const drawn = row.steps
      ? [steps(row.steps, first, last, edge, y, bottom)]
      : bars(row.layers, first, last, edge, y);
    const base = kit.svg("line", {
      class: "grid",
      x1: box.left,
      x2: box.left + box.width,
      y1: bottom,
      y2: bottom,
    });
    return kit.svg(
      "g",
      { class: "activity-row", "data-row": row.name },
      kit.text(
        box.left,
        box.top - 4,
        `${row.title || row.name}, ${row.say(most)}`,
        { class: "soft", room: box.width },
        measure,
      ),
      base,
      kit.svg("svg", view, drawn),
    );
  };

  function visible(activity, domain, count) {
    const at = (time) => (time - activity.start) / activity.bin;
    return [Math.max(0, Math.floor(at(domain.from))), Math.min(count, Math.ceil(at(domain.to)))];
  }

  function bars(layers, first, last, edge, y) {
    const drawn = [];
    for (let at = first; at < last; at += 1) {
      let below = 0;
      for (const [kind, values] of layers) {
        if (values[at]) {
          const [top, bottom] = [y(below + values[at]), y(below)];
          const wide = edge(at + 1) - edge(at);
          const place = {
            x: edge(at),
            width: Math.max(wide - (wide > 4 ? 1 : 0), 1.5),
            y: top,
            height: Math.max(bottom - top, 1),
          };
          const data = { "data-bin": at, "data-kind": kind, "data-count": values[at] };
          drawn.push(kit.svg("rect", { class: `count ${kind} party-${kind}`, ...place, ...data }));
          below += values[at];
        }
      }
    }
    return drawn;
  }

  function steps(values, first, last, edge, y, bottom) {
    const parts = [`M${edge(first)} ${bottom}`];
    for (let at = first; at < last; at += 1) {
      parts.push(`V${y(values[at])}H${edge(at + 1)}`);
    }
    return kit.svg("path", { class: "steps", d: `${parts.join("")}V${bottom}Z` });
  }

  /** What happened in the bin at that time, in words; failures are told of `first`. */
  kit.activityWords = function (shown, first, time) {
    const at = binAt(shown, time);
    if (shown.packets[at] === undefined) {
      return [];
    }
    const counts = COUNTS.filter(([name]) => shown[name] && shown[name][at]);
    const start = kit.clock(shown.start + at * shown.bin, shown.bin);
    return [
      `${start} UTC, for ${kit.duration(shown.bin)}`,
      ...failures(first, binAt(first, time)),
      counts.map(([name, ...words]) => kit.plural(shown[name][at], ...words)).join(", "),
    ].filter(Boolean);
  };

  const binAt = (activity, time) => Math.floor((time - activity.start) / activity.bin);

  function failures({ failed }, at) {
    const parties = kit.PARTIES.filter((party) => failed[party] && failed[party][at]);
    const say = (party) => `${kit.plural(failed[party][at], "failure")}: ${kit.PARTY_WORDS[party]}`;
    return parties.map(say);
  }
})((window.pcapdiag = window.pcapdiag || {}));
