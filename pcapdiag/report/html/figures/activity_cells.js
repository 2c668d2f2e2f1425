"use strict";
/* Very many failed connections: counted by when they began and how long they lasted. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const COLUMN = 6;
  const NAME = 11;
  const BAND = 25;
  const FAINTEST = 0.3;
  const BANDS = [
    [1e-3, "under 1 ms"],
    [1e-2, "1 to 10 ms"],
    [1e-1, "10 to 100 ms"],
    [1, "0.1 to 1 s"],
    [10, "1 to 10 s"],
    [100, "10 to 100 s"],
    [Infinity, "over 100 s"],
  ];

  /** Cells in bands of duration, as `spansOf` gives bars; each has the color of its main party. */
  kit.cellsOf = function (rows, x, domain, box) {
    const cells = new Map();
    for (const row of rows) {
      if (row.start < domain.from || row.start > domain.to) {
        continue;
      }
      const band = BANDS.findIndex(([limit]) => row.end - row.start < limit);
      const column = Math.floor((x(row.start) - box.left) / COLUMN);
      const name = `${band}|${column}`;
      const cell = cells.get(name) || { band, column, rows: [], start: row.start, end: row.start };
      cell.rows.push(row);
      cell.start = Math.min(cell.start, row.start);
      cell.end = Math.max(cell.end, row.start);
      cells.set(name, cell);
    }
    const spans = [...cells.values()].sort((a, b) => a.column - b.column || a.band - b.band);
    const used = [...new Set(spans.map((cell) => cell.band))].sort((a, b) => a - b);
    const shown = spans.reduce((sum, cell) => sum + cell.rows.length, 0);
    spans.forEach((cell) => settle(cell, used, box));
    return { spans, shown, hidden: 0, bands: used, lanes: used.length, height: used.length * BAND };
  };

  function settle(cell, used, box) {
    const counts = new Map();
    cell.rows.forEach((row) => counts.set(row.party, (counts.get(row.party) || 0) + 1));
    const main = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
    cell.row = cell.rows.find((row) => row.party === main);
    cell.parties = kit.PARTIES.filter((party) => counts.get(party)).map((party) => [
      party,
      counts.get(party),
    ]);
    cell.count = cell.rows.length;
    cell.from = box.left + cell.column * COLUMN;
    cell.to = cell.from + COLUMN;
    cell.lane = used.indexOf(cell.band);
    cell.lasted = BANDS[cell.band][1];
  }

  /** The cells as elements, and the bands' names. */
  kit.cellBars = function (found, top, box, measure) {
    const most = found.spans.reduce((a, b) => Math.max(a, b.count), 1);
    const cells = found.spans.map((cell) => {
      cell.words = words(cell);
      cell.y = top + cell.lane * BAND + NAME;
      const share = Math.log(cell.count + 1) / Math.log(most + 1);
      const place = { x: cell.from, y: cell.y, width: COLUMN - 1, height: BAND - NAME - 3 };
      const shade = { "fill-opacity": (FAINTEST + (1 - FAINTEST) * share).toFixed(2) };
      const data = { "data-key": cell.row.key, "data-count": cell.count };
      const named = { role: "button", "aria-label": kit.safe(cell.words.join(", ")) };
      cell.element = kit.svg(
        "g",
        { class: `span party-${cell.row.party || "unknown"}`, ...named, ...data },
        kit.svg("rect", { ...place, ...shade }),
      );
      return cell.element;
    });
    const names = found.bands.map((band, lane) =>
      kit.text(
        box.left,
        top + lane * BAND + NAME - 3,
        BANDS[band][1],
        { size: 10, class: "soft" },
        measure,
      ),
    );
    return [cells, names];
  };

  function words(cell) {
    if (cell.count === 1) {
      return kit.spanWords({ ...cell, end: cell.row.end });
    }
    const parties = cell.parties.map(
      ([party, count]) => `${kit.count(count)} ${kit.PARTY_WORDS[party]}`,
    );
    return [
      `${kit.plural(cell.count, "connection")} that lasted ${cell.lasted}`,
      parties.join(", "),
      `from ${kit.clock(cell.start, 1e-3)} UTC on`,
    ];
  }
})((window.pcapdiag = window.pcapdiag || {}));
