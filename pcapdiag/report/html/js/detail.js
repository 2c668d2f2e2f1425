"use strict";
/* One connection: its words, its pictures, its tables. */
(() => {
  const { el, words } = pcapdiag;
  const ACTIONS = new Set(["SCOPE", "BECAUSE", "FIX", "NEXT", "SEE"]);
  const DRAWN = new Set(["FAILED", "PATH", "TIME", "TLS"]);

  const context = {
    get report() { return pcapdiag.report; },
    get points() { return pcapdiag.report.points.map((point) => point.label); },
    get rows() { return pcapdiag.rows.filter((row) => row.failed); },
    key: (connection) => pcapdiag.key(connection.stream, connection.point),
    select(key) { location.hash = key; },
    filterTime(from, to) {
      pcapdiag.list.change({ from, to });
    },
  };

  /* A figure measures its room, so it is drawn when its place is in the page. */
  function figure(title, name) {
    const place = el("div", { class: "figure", "data-draws": name });
    return el("section", {}, el("h2", {}, title), place);
  }

  function draw(root, connection) {
    for (const place of root.querySelectorAll("[data-draws]")) {
      pcapdiag.figures[place.dataset.draws](place, connection, context);
      if (!place.childNodes.length) place.parentNode.remove();
    }
  }

  function link(key, text) {
    const row = pcapdiag.byKey.get(key);
    return row
      ? [el("a", { href: `#${row.key}` }, `${text || row.title}`), ` ${row.key}`]
      : [text || "", ` ${key}`];
  }

  function related(connection, row) {
    const causes = connection.causes.map((cause) =>
      el("li", {}, "Caused by ", link(pcapdiag.key(cause.stream, cause.point),
        `${cause.code} at ${cause.endpoint}`)));
    const effects = (pcapdiag.effects.get(row.key) || []).slice(0, 20).map((effect) =>
      el("li", {}, "It caused ", link(effect.key)));
    const same = connection.same_as === null ? [] :
      [el("li", {}, "The same connection before NAT: ", link(pcapdiag.key(connection.same_as, connection.point)))];
    const lines = [...causes, ...effects, ...same];
    return lines.length ? el("section", {}, el("h2", {}, "On other legs"), el("ul", { class: "related" }, lines)) : null;
  }

  function pictures(connection) {
    return [
      figure("What was sent when", "ladder"),
      figure("Sequence numbers over time", "sequence"),
      figure("TLS: what each end offered", "offers"),
      pcapdiag.facts.requests(connection),
      pcapdiag.facts.http2(connection),
      pcapdiag.facts.resets(connection),
      pcapdiag.facts.logs(connection),
      pcapdiag.facts.ends(connection),
    ].filter(Boolean);
  }

  /* What is shown, and printed, of a connection that has details. */
  function body({ connection, slips }, row) {
    const told = slips.filter((slip) => !DRAWN.has(slip.label)).map((slip) => under(slip, row));
    return el(
      "div", { class: "told" },
      el("div", { class: "verdict" }, pcapdiag.slips(told.filter((slip) => !ACTIONS.has(slip.label))),
        related(connection, row)),
      el("div", { class: "pictures" }, pictures(connection)),
      el("div", { class: "actions" }, pcapdiag.slips(told.filter((slip) => ACTIONS.has(slip.label)))),
    );
  }

  /* The title stands above: what follows it is told. */
  function under(slip, row) {
    if (slip.label !== "WHAT" || slip.texts[0] !== row.title) return slip;
    return { label: "WHAT", texts: slip.texts.slice(1) };
  }

  function head(row, slips) {
    const failed = slips.find((slip) => slip.label === "FAILED");
    return failed ? failed.texts[0] : `${row.initiator} -> ${row.responder} at ${row.when}`;
  }

  function heading(row, slips) {
    const what = slips.find((slip) => slip.label === "WHAT");
    return [
      el("h1", { tabindex: "-1", id: "detail-title" }, row.title),
      el("code", { class: "code" }, what ? what.right : row.code),
      el("p", { class: "subtitle" }, el("b", {}, row.key), " ", head(row, slips)),
    ];
  }

  async function show(row) {
    const place = document.getElementById("detail");
    const detail = await pcapdiag.data.detail(row);
    const slips = detail ? detail.slips : [];
    place.replaceChildren(
      el("nav", { class: "back", "aria-label": "Connections" },
        el("a", { href: "#connections" }, "Back to the list"), " ", neighbours(row)),
      ...heading(row, slips),
      detail ? body(detail, row)
        : el("p", { class: "note" }, "Listed without details, to keep this file small: see the JSON."),
    );
    place.hidden = false;
    document.getElementById("overview").hidden = true;
    if (detail) draw(place, detail.connection);
    window.scrollTo(0, 0);
    document.getElementById("detail-title").focus();
  }

  function neighbours(row) {
    const found = pcapdiag.filter.found;
    const at = found.indexOf(row);
    if (at < 0) return [];
    const to = (place, text) => found[place] ? el("a", { href: `#${found[place].key}` }, text) : null;
    return [to(at - 1, "Previous"), " ", to(at + 1, "Next"), ` ${at + 1} of ${found.length}`];
  }

  pcapdiag.detail = { show, pictures, draw, context };
})();
