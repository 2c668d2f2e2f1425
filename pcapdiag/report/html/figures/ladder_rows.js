"use strict";
/* A connection's timeline as the rows of a ladder: packets, pauses, and what was not kept. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const PAUSE = /^after ([\d,.]+) s(?:, |$)/;
  const LEFT_OUT = /^[\d,]+ (packets between not kept|more lines left out)$/;
  const SEVERAL = /^[\d,]+ segments, /;
  const PROBES = new Set(["keep-alive", "window probe"]);
  const AGAIN = /sent again(?! although)/;

  /**
   * Rows in time order: `{kind: "packet" | "pause" | "gap", ...}`. A packet's `reach` is "all",
   * "lost" (the verdict says that the path swallowed it) or "open" (nobody answered it).
   */
  kit.ladderRows = function (connection, labels) {
    const rows = [];
    let before = null;
    for (const entry of connection.timeline) {
      const pause = PAUSE.exec(entry.detail);
      if (pause) {
        const seconds = Number(pause[1].replace(/,/g, ""));
        const text = seconds < 120 ? `${pause[1]} s` : kit.duration(seconds);
        rows.push({ kind: "pause", text: `${text} pause` });
      }
      if (LEFT_OUT.test(entry.event)) {
        rows.push({ kind: "gap", text: entry.event });
        continue;
      }
      const row = packet(connection, entry, before);
      row.label = row.point || labels[0] || "";
      row.detail = pause ? entry.detail.slice(pause[0].length) : entry.detail;
      rows.push(row);
      before = entry.time;
    }
    markUnanswered(
      connection,
      rows.filter((row) => row.kind === "packet"),
    );
    return rows;
  };

  function packet(connection, entry, before) {
    const own = (frame) => frame === entry.frame;
    const point = entry.point || "";
    const reset = connection.resets.find((one) => own(one.frame) && (one.point || "") === point);
    const byPath = Boolean(reset) && reset.attribution.side === "path";
    return {
      kind: "packet",
      frame: entry.frame,
      point,
      from: entry.from,
      maker: byPath ? "path" : entry.from,
      event: entry.event,
      since: kit.between(connection.start, entry.time),
      delta: before === null ? null : kit.between(before, entry.time),
      several: SEVERAL.test(entry.event),
      decisive: kit.decides(connection.verdict, entry.frame, point),
      evidence: isEvidence(connection.verdict, entry.frame, point),
      reach: "all",
      note: byPath
        ? `by a device between, in the ${kit.inName(connection, entry.from)}'s name`
        : "",
    };
  }

  kit.inName = function (connection, side) {
    const role = connection[side].role;
    return role === "unknown" ? side : role;
  };

  /** Whether a verdict rests on that frame of that point. */
  kit.decides = (verdict, frame, point) =>
    (verdict.point || "") === point && verdict.frames.includes(frame);

  function isEvidence(verdict, frame, point) {
    return verdict.attribution.evidence.some(
      (one) => (one.point || "") === point && one.frames.includes(frame),
    );
  }

  /* What one end sent in vain: repeated and not acknowledged, or to one that never answers. */
  function markUnanswered(connection, packets) {
    const sent = packets.filter((row) => row.from !== "path" && !/\bRST\b/.test(row.event));
    const last = sent[sent.length - 1];
    if (!last || packets.some((row) => row.from === "path")) {
      return;
    }
    const other = last.from === "initiator" ? "responder" : "initiator";
    const answers = sent.filter((row) => row.from === other);
    const tail = sent.slice(sent.indexOf(answers[answers.length - 1]) + 1);
    const silent = connection.packets[other] === 0 && connection.verdict.failed;
    if (!silent && !tail.some((row) => AGAIN.test(row.detail) || PROBES.has(row.event))) {
      return;
    }
    const acked = Math.max(...answers.map((row) => numberOf("ack", row)));
    const inVain = (row) =>
      silent ||
      (row.event !== "ACK" && numberOf("seq", row) >= acked) ||
      (PROBES.has(row.event) && tail.includes(row));
    const lost = connection.verdict.attribution.side === "path" ? "lost" : "open";
    sent
      .filter((row) => row.from === last.from && inVain(row))
      .forEach((row) => {
        row.reach = lost;
      });
  }

  /* The sequence or acknowledgment number that a timeline's detail tells; -1 where it does not. */
  function numberOf(name, row) {
    const found = new RegExp(`\\b${name} (\\d+)`).exec(row.detail);
    return found ? Number(found[1]) : -1;
  }

  /** What stands under the name of a lane: whether it did it, and how sure that is. */
  kit.blame = function (connection, side) {
    const verdict = connection.verdict;
    const who = verdict.attribution;
    if (!verdict.failed) {
      return "";
    }
    if (who.side === side) {
      return `did it, ${kit.sure(who.confidence)}`;
    }
    const candidate = who.side === "unknown" && who.candidates.find((one) => one.side === side);
    return candidate ? `may have, ${kit.sure(candidate.confidence)}` : "";
  };

  /** How many decimals tell all packets of a ladder apart, 3 to 6. */
  kit.places = function (times) {
    const sorted = [...times].sort((a, b) => a - b);
    const steps = sorted
      .slice(1)
      .map((time, at) => time - sorted[at])
      .filter((step) => step > 1e-6);
    const least = Math.min(...steps, 1);
    return Math.min(6, Math.max(3, Math.ceil(-Math.log10(least))));
  };
})((window.pcapdiag = window.pcapdiag || {}));
