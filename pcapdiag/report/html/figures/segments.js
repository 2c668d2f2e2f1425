"use strict";
/* The packets of connection.series as a chart needs them: names for places, words for bits. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});

  kit.FLAGS = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 };
  /* The bits of pcapdiag.model.packet. */
  kit.MARKS = {
    RETRANSMISSION: 1 << 0,
    FAST: 1 << 1,
    SPURIOUS: 1 << 2,
    OUT_OF_ORDER: 1 << 3,
    KEEP_ALIVE: 1 << 4,
    DUPLICATE_ACK: 1 << 5,
    ZERO_WINDOW: 1 << 7,
    WINDOW_PROBE: 1 << 8,
  };
  const WORDS = [
    [1 << 0, "sent again"],
    [1 << 1, "sent again (fast)"],
    [1 << 2, "sent again although it had arrived"],
    [1 << 3, "out of order"],
    [1 << 4, "keep-alive"],
    [1 << 5, "the same ACK again"],
    [1 << 6, "answer to the keep-alive"],
    [1 << 7, "window 0"],
    [1 << 8, "window probe"],
    [1 << 9, "answer to the window probe"],
    [1 << 10, "opens the window"],
    [1 << 11, "fills the window"],
    [1 << 12, "bytes before it are missing"],
    [1 << 13, "acknowledges bytes that were not captured"],
    [1 << 14, "says that bytes came twice"],
    [1 << 16, "cut short by the capture"],
  ];

  /** The series' packets with names. */
  kit.segments = function (series) {
    return series.segments.map((one, place) => ({
      place,
      time: one[0],
      frame: one[1],
      initiator: one[2],
      flags: one[3],
      seq: one[4],
      length: one[5],
      ack: one[6] === undefined ? null : one[6],
      window: one[7] || 0,
      marks: one[8] || 0,
      sack: one[9] || null,
    }));
  };

  kit.flagLetters = function (flags) {
    const names = Object.keys(kit.FLAGS).filter((name) => flags & kit.FLAGS[name]);
    return ["SYN", "FIN", "RST", "PSH", "ACK"].filter((name) => names.includes(name)).join(",");
  };

  kit.markWords = (marks) => WORDS.filter(([bit]) => marks & bit).map(([, words]) => words);

  /** What a packet's bytes are in a chart: the class of their line. */
  kit.dataKind = function (segment) {
    const { RETRANSMISSION, FAST, SPURIOUS, OUT_OF_ORDER, KEEP_ALIVE, WINDOW_PROBE } = kit.MARKS;
    if (segment.marks & (KEEP_ALIVE | WINDOW_PROBE)) {
      return "probe";
    }
    if (segment.marks & (RETRANSMISSION | FAST | SPURIOUS)) {
      return "again";
    }
    return segment.marks & OUT_OF_ORDER ? "disordered" : "data";
  };

  /** A packet in words, for the box beside it and for the reader of the page. */
  kit.segmentLines = function (segment, connection) {
    const [from, to] = segment.initiator ? ["initiator", "responder"] : ["responder", "initiator"];
    const who = `${kit.role(connection, from)} \u2192 ${kit.role(connection, to)}`;
    const flags = kit.flagLetters(segment.flags);
    const numbers = [`seq ${kit.count(segment.seq)}`, kit.plural(segment.length, "byte")];
    if (segment.ack !== null) {
      numbers.push(`ack ${kit.count(segment.ack)}`, `window ${kit.count(segment.window)}`);
    }
    if (segment.sack) {
      numbers.push(`SACK ${segment.sack.map(kit.count).join(" to ")}`);
    }
    const said = kit.markWords(segment.marks).join(", ");
    const time = `#${segment.frame}  +${Number(segment.time.toFixed(9))} s`;
    return [`${time}  ${who}`, `${flags}  ${numbers.join(", ")}`, said].filter(Boolean);
  };

  /** All packets as a table, made when it is opened. */
  kit.segmentTable = function (segments, connection) {
    const heads = ["Frame", "Seconds", "From", "Flags", "Seq", "Bytes", "Ack", "Window", "What"];
    const details = kit.html(
      "details",
      { class: "figure-table" },
      kit.html("summary", {}, `The same as a table: ${kit.plural(segments.length, "packet")}`),
    );
    details.addEventListener("toggle", () => {
      if (details.open && !details.querySelector("table")) {
        const cell = (value) => kit.html("td", {}, value === null ? "" : String(value));
        const head = kit.html(
          "tr",
          {},
          heads.map((name) => kit.html("th", { scope: "col" }, name)),
        );
        const body = segments.map((one) => kit.html("tr", {}, row(one, connection).map(cell)));
        details.append(
          kit.html("table", {}, kit.html("thead", {}, head), kit.html("tbody", {}, body)),
        );
      }
    });
    return details;
  };

  function row(one, connection) {
    const from = kit.role(connection, one.initiator ? "initiator" : "responder");
    const words = kit.markWords(one.marks);
    const said = one.sack ? [...words, `SACK ${one.sack.join(" to ")}`] : words;
    const numbers = [one.seq, one.length, one.ack, one.ack === null ? null : one.window];
    return [
      one.frame,
      one.time.toFixed(6),
      from,
      kit.flagLetters(one.flags),
      ...numbers,
      said.join(", "),
    ];
  }
})((window.pcapdiag = window.pcapdiag || {}));
