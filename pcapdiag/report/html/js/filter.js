"use strict";
/* Which rows are listed, and in which order. */
(() => {
  const EMPTY = {
    text: "", host: "", party: "", code: "", group: -1, from: null, to: null,
    sort: "start", down: false,
  };
  let state = { ...EMPTY };
  let found = [];

  function matches(row, wanted) {
    if (wanted.group >= 0 && row.group !== wanted.group) return false;
    if (wanted.party && row.party !== wanted.party) return false;
    if (wanted.code && row.code !== wanted.code) return false;
    if (wanted.from !== null && (row.end < wanted.from || row.start > wanted.to)) return false;
    if (wanted.host && !hasHost(row, wanted.host)) return false;
    return wanted.words.every((word) => row.text.includes(word));
  }

  function hasHost(row, host) {
    return row.initiator.toLowerCase().includes(host) || row.responder.toLowerCase().includes(host);
  }

  function compare(name) {
    return (a, b) => {
      const [x, y] = [a[name], b[name]];
      const order = typeof x === "number" ? x - y : x < y ? -1 : x > y ? 1 : 0;
      return order || a.index - b.index;
    };
  }

  function apply() {
    const wanted = {
      ...state,
      host: state.host.trim().toLowerCase(),
      words: state.text.toLowerCase().split(/\s+/).filter(Boolean),
    };
    found = pcapdiag.rows.filter((row) => matches(row, wanted));
    found.sort(compare(state.sort));
    if (state.down) found.reverse();
    return found;
  }

  function set(changes) {
    state = { ...state, ...changes };
    return apply();
  }

  const clear = () => set({ ...EMPTY, sort: state.sort, down: state.down });
  const isSet = () =>
    Object.keys(EMPTY).some((name) => !["sort", "down"].includes(name) && state[name] !== EMPTY[name]);

  pcapdiag.filter = {
    set, clear, isSet,
    get state() { return state; },
    get found() { return found; },
  };
})();
