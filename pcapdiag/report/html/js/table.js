"use strict";
/* The list of connections: filters, a table that sorts, and pages of it. */
(() => {
  const { el, words } = pcapdiag;
  const PAGE = 100;
  const COLUMNS = [
    ["start", "Start", (row) => el("span", { class: "when" }, row.when)],
    ["initiator", "From", (row) => end(row.initiator)],
    ["responder", "To", (row) => end(row.responder)],
    ["title", "What", what],
    ["party", "Who", (row) => row.party ? pcapdiag.facts.party(row.party) : ""],
    ["confidence", "Sure", (row) => row.failed && row.confidence >= 0 ? words.sure(row.confidence) : ""],
  ];
  const LONG = 24;
  let page = 0;
  let chosen = -1;
  let root;
  let heads;

  function what(row) {
    return [
      el("a", { href: `#${row.key}` }, row.title), " ",
      el("code", { class: "code" }, row.code),
    ];
  }

  /* `ADDRESS:PORT (NAME)`: the name under the address. */
  function end(text) {
    const at = text.indexOf(" (");
    const address = el("span", { class: "address" }, at < 0 ? text : text.slice(0, at));
    return at < 0 ? address : [address, el("span", { class: "name" }, text.slice(at + 2, -1))];
  }

  function options(values, all) {
    const counts = new Map();
    for (const value of values) if (value) counts.set(value, (counts.get(value) || 0) + 1);
    const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return [el("option", { value: "" }, all), ...sorted.map(([value, number]) =>
      el("option", { value }, `${words.PARTY[value] || value} (${number.toLocaleString("en")})`))];
  }

  function field(name, label, input) {
    input.id = `filter-${name}`;
    input.addEventListener("input", () => change({ [name]: input.value }));
    return el("label", { class: `field ${name}`, for: input.id }, label, input);
  }

  function controls() {
    const rows = pcapdiag.rows;
    const typed = { type: "search", autocomplete: "off", spellcheck: "false" };
    return el(
      "form", { class: "filters", role: "search", "aria-label": "Connections" },
      field("text", "Any text", el("input", { ...typed, placeholder: "title, code, SNI, request" })),
      field("host", "Host", el("input", { ...typed, placeholder: "address, port or name" })),
      field("party", "Who", el("select", {}, options(rows.map((row) => row.party), "anyone"))),
      field("code", "Verdict", el("select", {}, options(rows.map((row) => row.code), "any"))),
      el("button", { type: "button", class: "clear", onclick: clear }, "Clear"),
    );
  }

  function build() {
    root = document.getElementById("list");
    if (!root) return;
    heads = COLUMNS.map(([name, label]) => {
      const button = el("button", { type: "button", onclick: () => sortBy(name) }, label);
      return el("th", { scope: "col", role: "columnheader", class: `column-${name}`, "aria-sort": "none" }, button);
    });
    const form = controls();
    form.addEventListener("submit", (event) => event.preventDefault());
    root.append(
      form,
      el("p", { class: "matches", id: "matches" }),
      el("table", { class: hasLong() ? "list long" : "list", role: "table", "aria-describedby": "matches" },
        el("caption", { class: "visually-hidden" }, "Connections"),
        el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads)),
        el("tbody", { role: "rowgroup" })),
      el("nav", { class: "pages", "aria-label": "Pages of the list" }),
    );
    pcapdiag.filter.set({});
    show();
  }

  const hasLong = () => pcapdiag.rows.some((row) => row.responder.split(" ")[0].length > LONG);

  function change(changes) {
    pcapdiag.filter.set(changes);
    page = 0;
    chosen = -1;
    show();
    pcapdiag.say(`${words.count(pcapdiag.filter.found.length, "connection")} listed`);
  }

  function clear() {
    pcapdiag.filter.clear();
    for (const input of root.querySelectorAll("input, select")) input.value = "";
    if (pcapdiag.activity) pcapdiag.activity.show(null, null);
    change({});
  }

  function sortBy(name) {
    const { sort, down } = pcapdiag.filter.state;
    change({ sort: name, down: sort === name ? !down : false });
  }

  function show() {
    const { found, state } = pcapdiag.filter;
    const first = page * PAGE;
    const rows = found.slice(first, first + PAGE);
    root.querySelector("tbody").replaceChildren(...rows.map(line));
    COLUMNS.forEach(([name], at) => {
      const order = state.sort === name ? (state.down ? "descending" : "ascending") : "none";
      heads[at].setAttribute("aria-sort", order);
    });
    document.getElementById("matches").replaceChildren(...matches(found.length));
    root.querySelector(".pages").replaceChildren(...pager(found.length));
  }

  function line(row) {
    return el(
      "tr", { role: "row", "data-key": row.key, class: row.failed ? "failed" : "worked" },
      COLUMNS.map(([name, label, cell]) =>
        el("td", { role: "cell", class: `column-${name}`, "data-label": label }, cell(row))),
    );
  }

  function matches(number) {
    const total = pcapdiag.rows.length;
    const text = number === total
      ? words.count(total, "connection")
      : `${number.toLocaleString("en")} of ${words.count(total, "connection")}`;
    const { state } = pcapdiag.filter;
    const more = [];
    if (state.group >= 0) more.push(` of one kind: ${pcapdiag.report.groups[state.group].title}`);
    if (state.from !== null) more.push(` open within ${chosenTime(state)}`);
    return [text, ...more];
  }

  function chosenTime(state) {
    const zero = Number(pcapdiag.report.capture.first_time || 0);
    const [from, to] = [state.from, state.to].map((time) => `+${Math.max(time - zero, 0).toFixed(3)} s`);
    return `${from} to ${to} of the capture`;
  }

  function pager(number) {
    const pages = Math.ceil(number / PAGE);
    if (pages < 2) return [];
    const to = (place, text, disabled) =>
      el("button", { type: "button", disabled, onclick: () => turn(place) }, text);
    const last = Math.min(number, (page + 1) * PAGE);
    return [
      to(0, "First", page === 0), to(page - 1, "Previous", page === 0),
      el("span", {}, `${page * PAGE + 1} to ${last} of ${number.toLocaleString("en")}`),
      to(page + 1, "Next", page === pages - 1), to(pages - 1, "Last", page === pages - 1),
    ];
  }

  function turn(to) {
    page = to;
    chosen = -1;
    show();
    root.querySelector("table").scrollIntoView({ block: "start" });
  }

  /* Move the keyboard's row by one, over the pages' edges, and focus its link. */
  function move(step) {
    const { found } = pcapdiag.filter;
    if (!found.length) return;
    const next = chosen < 0 ? page * PAGE : chosen + step;
    chosen = Math.min(Math.max(next, 0), found.length - 1);
    if (Math.floor(chosen / PAGE) !== page) {
      page = Math.floor(chosen / PAGE);
      show();
    }
    focusRow(found[chosen].key);
  }

  function focusRow(key) {
    const row = root.querySelector(`tr[data-key="${CSS.escape(key)}"]`);
    if (!row) return false;
    const at = pcapdiag.filter.found.findIndex((one) => one.key === key);
    if (at >= 0) chosen = at;
    row.querySelector("a").focus();
    row.scrollIntoView({ block: "nearest" });
    return true;
  }

  pcapdiag.list = { build, change, clear, move, focusRow };
})();
