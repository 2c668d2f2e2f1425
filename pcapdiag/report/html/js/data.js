"use strict";
/* The report, the rows of the list, and the details that are unpacked when they are asked for. */
(() => {
  const CACHED = 12;
  const FIELDS = [
    "stream", "point", "start", "end", "when", "initiator", "responder", "code", "party", "title",
    "confidence", "asked", "failed", "group", "causes", "aliases", "chunk", "place",
  ];
  const chunks = new Map();

  function key(stream, point) {
    return point ? `stream-${stream}@${point}` : `stream-${stream}`;
  }

  function row(values, index) {
    const named = Object.fromEntries(FIELDS.map((name, at) => [name, values[at]]));
    named.label = named.title;
    named.key = key(named.stream, named.point);
    named.index = index;
    named.text = [
      named.key, named.initiator, named.responder, named.code, named.title, named.asked,
    ].join("\n").toLowerCase();
    return named;
  }

  async function load() {
    pcapdiag.report = await pcapdiag.unpack("report");
    const packed = await pcapdiag.unpack("rows");
    pcapdiag.rows = packed.rows.map(row);
    pcapdiag.byKey = new Map();
    for (const one of pcapdiag.rows) {
      for (const alias of one.aliases) pcapdiag.byKey.set(alias, one);
    }
    for (const one of pcapdiag.rows) pcapdiag.byKey.set(one.key, one);
    pcapdiag.effects = new Map();
    for (const one of pcapdiag.rows) {
      for (const cause of one.causes) {
        const known = pcapdiag.byKey.get(cause);
        if (!known) continue;
        const effects = pcapdiag.effects.get(known.key) || [];
        pcapdiag.effects.set(known.key, [...effects, one]);
      }
    }
  }

  /* The connection and its slips; null for one that is only listed. */
  async function detail(one) {
    if (one.chunk < 0) return null;
    if (!chunks.has(one.chunk)) {
      chunks.set(one.chunk, await pcapdiag.unpack(`chunk-${one.chunk}`));
      for (const number of chunks.keys()) {
        if (chunks.size <= CACHED) break;
        if (number !== 0) chunks.delete(number);
      }
    }
    return chunks.get(one.chunk)[one.place];
  }

  /* The same where it is unpacked already: what is printed cannot wait. */
  function detailNow(one) {
    return one.chunk >= 0 && chunks.has(one.chunk) ? chunks.get(one.chunk)[one.place] : null;
  }

  pcapdiag.key = key;
  pcapdiag.data = { load, detail, detailNow };
})();
