"use strict";
/* Tables of one connection: requests, resets, ends. */
(() => {
  const { el, words } = pcapdiag;
  const LONG = 48;

  function table(caption, heads, rows) {
    if (!rows.length) return null;
    const used = heads.map((_, at) => rows.some((cells) => cells[at] !== ""));
    heads = heads.filter((_, at) => used[at] || at === 0);
    rows = rows.map((cells) => cells.filter((_, at) => used[at] || at === 0));
    const head = el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)));
    const body = rows.map((cells) => el("tr", {}, cells.map((cell) => el("td", { class: isWide(cell) && "wide" }, cell))));
    return el(
      "section", { class: "facts-table" }, el("h2", {}, caption),
      el("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": caption },
        el("table", {}, el("thead", {}, head), el("tbody", {}, body))),
    );
  }

  const isWide = (cell) => typeof cell === "string" && cell.length > LONG;

  function answer(exchange) {
    const call = exchange.grpc;
    if (call && call.status !== null) return call.name || `grpc-status ${call.status}`;
    if (exchange.status === null) return "no answer";
    return exchange.complete ? exchange.status : `${exchange.status}, not complete`;
  }

  function requests(connection) {
    const http = connection.http;
    if (!http) return null;
    const verdict = connection.verdict;
    const rows = http.exchanges.map((one) => [
      one.index === verdict.exchange ? el("b", {}, one.index) : one.index,
      [one.method, one.target].filter(Boolean).join(" "),
      one.host || "",
      answer(one),
      words.since(connection.start, one.request_time),
      one.request_frame ? `#${one.request_frame}` : "",
      one.response_frame ? `#${one.response_frame}` : "",
      one.local_reply ? `${one.local_reply.product}: ${one.local_reply.reason || ""}` : "",
    ]);
    const title = http.requests > rows.length
      ? `Requests (${rows.length} of ${http.requests})` : "Requests";
    return table(
      title, ["No.", "Request", "Host", "Answer", "At", "Frame", "Answered", "Proxy's own words"], rows,
    );
  }

  function resets(connection) {
    const rows = connection.resets.map((one) => [
      one.point ? `${one.point} #${one.frame}` : `#${one.frame}`,
      words.since(connection.start, one.time),
      words.sender(connection, one.from),
      party(one.attribution.party),
      one.attribution.side === "unknown" ? "" : words.sure(one.attribution.confidence),
      one.ttl, one.window, one.text || "",
    ]);
    return table(
      "Resets", ["Frame", "At", "In the name of", "Sent by", "How sure", "TTL", "Window", "Text"], rows,
    );
  }

  function http2(connection) {
    if (!connection.http2) return null;
    const row = (one, what, more) => [
      `#${one.frame}`, words.since(connection.start, one.time), words.sender(connection, one.from),
      what, one.error_name, more,
    ];
    const rows = [
      ...connection.http2.rst_stream.map((one) => row(one, `RST_STREAM of stream ${one.stream_id}`, "")),
      ...connection.http2.goaway.map((one) =>
        row(one, `GOAWAY, last stream ${one.last_stream_id}`, one.debug)),
    ];
    return table("HTTP/2 streams and connection ended", ["Frame", "At", "By", "What", "Error", "Text"], rows);
  }

  const AGREES = new Map([[true, "agrees"], [false, "disagrees"], [null, "open"]]);

  /* What proxies' logs say of it: the words of the line, and what ties it to this connection. */
  function logs(connection) {
    const rows = (connection.log_lines || []).map((one) => [
      `${one.product} ${one.file.split("/").pop()}:${one.line}`,
      one.leg,
      one.status === null ? "" : one.status,
      one.flags.join(","),
      [one.reset_reason || one.details, one.transport_failure, one.message].filter(Boolean).join(" | "),
      [one.method, one.target].filter(Boolean).join(" "),
      el("span", { class: one.agrees === false && "warn" }, AGREES.get(one.agrees)),
      one.tied_by.join(", ").replaceAll("_", " "),
    ]);
    return table(
      "What proxies logged",
      ["Line", "Leg", "Status", "Flags", "Details", "Request", "The wire", "Tied by"], rows,
    );
  }

  function party(name) {
    return el("span", { class: `party ${name}` }, words.PARTY[name] || name);
  }

  function both(label, pair, text = String) {
    return [label, text(pair.initiator ?? "\u2013"), text(pair.responder ?? "\u2013")];
  }

  function ends(connection) {
    const bytes = (value) => typeof value === "number" ? words.size(value) : value;
    return table("Both ends", ["", "Initiator", "Responder"], [
      ["Address", ...["initiator", "responder"].map((side) => address(connection[side]))],
      ["Role", connection.initiator.role, connection.responder.role],
      both("Packets", connection.packets),
      both("Payload", connection.bytes, bytes),
      both("Retransmissions", connection.retransmissions),
      both("Zero windows", connection.zero_windows),
      both("MSS", connection.mss),
    ]);
  }

  function address(end) {
    const ip = end.ip.includes(":") ? `[${end.ip}]` : end.ip;
    return end.name ? `${ip}:${end.port} (${end.name})` : `${ip}:${end.port}`;
  }

  pcapdiag.facts = { requests, http2, resets, logs, ends, party };
})();
