"use strict";
/* Both sides of a TLS handshake, row by row: what was offered, what was taken, what did not fit. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const LISTED = 4;
  const LISTED_WRONG = 60;
  const LONGEST_NAME = 255;
  const CODES = {
    "tls.version_mismatch": "versions",
    "tls.alpn_mismatch": "alpn",
    "tls.sni_rejected": "sni",
    "tls.certificate_name_mismatch": "sni",
  };
  const SHARED = { "signature algorithm": "signature_algorithms", group: "groups" };

  figures.offers = function (element, connection) {
    const tls = connection.tls;
    if (!tls) {
      return;
    }
    const wrong = mismatchOf(connection.verdict);
    const rows = rowsOf(tls).map((row) => tableRow(row, row.name === wrong));
    element.append(
      kit.html(
        "table",
        { class: "offers" },
        columns(),
        head(connection),
        kit.html("tbody", {}, rows),
      ),
    );
    element.append(
      ...["responder", "initiator"]
        .map((side) => kit.certificates(connection, side))
        .filter(Boolean),
    );
  };

  /* The row that the verdict is about; which list it is, no_shared_cipher only says in words. */
  function mismatchOf(verdict) {
    if (verdict.code !== "tls.no_shared_cipher") {
      return CODES[verdict.code] || "";
    }
    const said = / offered (signature algorithm|group)s? /.exec(verdict.explanation);
    return said ? SHARED[said[1]] : "ciphers";
  }

  function columns() {
    const kinds = ["what", "offered", "taken"];
    return kit.html(
      "colgroup",
      {},
      kinds.map((kind) => kit.html("col", { class: kind })),
    );
  }

  function head(connection) {
    const side = (end, words) =>
      kit.html(
        "th",
        { scope: "col", class: `party-${kit.partyOf(connection, end)}` },
        `${kit.role(connection, end)} ${kit.safe(kit.end(connection[end]))} ${words}`,
      );
    const cells = [kit.html("td", {}), side("initiator", "offered"), side("responder", "answered")];
    return kit.html("thead", {}, kit.html("tr", {}, cells));
  }

  function rowsOf(tls) {
    const hello = tls.client_hello || {};
    const taken = tls.server_hello || {};
    const list = (name) => hello[name] || [];
    return [
      {
        name: "sni",
        title: "server name",
        offered: hello.sni ? [hello.sni] : [],
        answer: names(tls),
        match: kit.covers,
      },
      { name: "versions", title: "version", offered: list("versions"), taken: taken.version },
      {
        name: "alpn",
        title: "ALPN",
        offered: list("alpn"),
        taken: taken.alpn,
        hidden: hiddenAlpn(tls),
      },
      { name: "ciphers", title: "cipher suite", offered: list("ciphers"), taken: taken.cipher },
      { name: "groups", title: "key exchange group", offered: list("groups"), taken: taken.group },
      {
        name: "signature_algorithms",
        title: "signature algorithm",
        offered: list("signature_algorithms"),
        hidden: "not told by a server",
      },
    ].map((row) => ({ ...row, tls }));
  }

  function names(tls) {
    const own = tls.certificates.find((one) => one.from === "responder");
    return own ? own.names : null;
  }

  function hiddenAlpn(tls) {
    const hello = tls.server_hello;
    return hello && hello.version === "TLS 1.3" && !tls.decrypted
      ? "encrypted in TLS 1.3"
      : "none chosen";
  }

  /** Whether a certificate's name is for that server name (RFC 6125: one label for a star). */
  kit.covers = function (pattern, name) {
    if (Math.max(pattern.length, name.length) > LONGEST_NAME) {
      return false;
    }
    const [wanted, given] = [pattern, name].map((text) => text.toLowerCase().replace(/\.$/, ""));
    const rest = given.slice(given.indexOf("."));
    return (
      wanted === given ||
      (wanted.startsWith("*.") && given.includes(".") && wanted.slice(1) === rest)
    );
  };

  /* A server that chose nothing told nothing of its lists: that is said once, beside them all. */
  function tableRow(row, isWrong) {
    const answers = row.answer || (row.taken ? [row.taken] : []);
    const match = row.match || ((a, b) => a === b);
    const common = (text, others) =>
      others.some((other) => match(text, other) || match(other, text));
    const most = isWrong ? LISTED_WRONG : LISTED;
    const offered = items(row.offered, (text) => common(text, answers), most);
    const taken = answers.length
      ? items(answers, (text) => common(text, row.offered), most)
      : nothing(row);
    const mark = isWrong ? kit.html("div", { class: "is-against" }, "\u2717 does not fit") : null;
    const isName = row.name === "sni";
    const said = kit.html("td", {}, isName && answers.length ? ["certificate for ", taken] : taken);
    const answer =
      row.tls.server_hello || isName ? said : row.name === "versions" && silence(row.tls);
    return kit.html(
      "tr",
      { class: isWrong ? "is-mismatch" : null, "data-row": row.name },
      kit.html("th", { scope: "row" }, row.title, mark),
      kit.html("td", {}, offered),
      answer,
    );
  }

  function silence(tls) {
    const alert = tls.alerts.find((one) => one.from === "responder");
    const code = alert && alert.code !== null ? ` (${alert.code})` : "";
    const words =
      alert && `refused with the alert ${kit.safe(alert.name)}${code}, frame ${alert.frame}`;
    const what = alert
      ? kit.html("span", { class: "is-against", "data-frames": alert.frame }, words)
      : kit.html("span", { class: "none" }, "No ServerHello was seen.");
    const rest = kit.html("div", { class: "none" }, "What it would have taken is in no packet.");
    return kit.html("td", { rowspan: 5, class: "refusal" }, what, rest);
  }

  function items(texts, isCommon, most) {
    if (!texts.length) {
      return kit.html("span", { class: "none" }, "nothing");
    }
    const item = (text) => {
      const common = isCommon(text);
      return kit.html(
        "li",
        { class: common ? "is-common" : null },
        `${common ? "\u2713\u00a0" : ""}${kit.safe(text)}`,
      );
    };
    /* What both have stands first, so that it is never among those folded away. */
    const ordered = [...texts.filter(isCommon), ...texts.filter((text) => !isCommon(text))];
    const first = kit.html("ul", {}, ordered.slice(0, most).map(item));
    const rest = ordered.slice(most);
    if (!rest.length) {
      return first;
    }
    const more = kit.html("summary", {}, `and ${kit.count(rest.length)} more`);
    return [first, kit.html("details", {}, more, kit.html("ul", {}, rest.map(item)))];
  }

  function nothing({ name, hidden }) {
    const words = name === "sni" ? "no certificate could be read" : hidden || "not told";
    return kit.html("span", { class: "none" }, words);
  }
})((window.pcapdiag = window.pcapdiag || {}));
