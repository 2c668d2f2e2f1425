"use strict";
/* Numbers, times and parties in words, as the other outputs write them. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const numbers = new Intl.NumberFormat("en-US");

  kit.PARTIES = ["client", "proxy", "upstream", "middlebox", "unknown"];
  kit.PARTY_WORDS = {
    client: "client",
    proxy: "proxy",
    upstream: "upstream",
    middlebox: "device on the path",
    unknown: "cannot be told",
  };

  kit.count = (number) => numbers.format(number);

  kit.plural = (number, one, many) =>
    `${kit.count(number)} ${number === 1 ? one : many || one + "s"}`;

  /** Seconds from one decimal string to another, to the nanosecond. */
  kit.between = function (first, last) {
    const [a, b] = [parts(first), parts(last)];
    return b[0] - a[0] + (b[1] - a[1]) / 1e9;
  };

  function parts(text) {
    const [whole, fraction = ""] = String(text).split(".");
    const sign = whole.startsWith("-") ? -1 : 1;
    return [Number(whole), sign * Number(fraction.padEnd(9, "0").slice(0, 9))];
  }

  /** `24 µs`, `1.35 ms`, `2.1 s`, `5 min 50 s`, `2 h 5 min`. */
  kit.duration = function (seconds) {
    const size = Math.abs(seconds);
    if (size < 0.5e-9) {
      return "0";
    }
    const sign = seconds < 0 ? "\u2212" : "";
    if (size < 1) {
      const [factor, unit] = size < 999.5e-6 ? [1e6, "\u00b5s"] : [1e3, "ms"];
      return `${sign}${digits(size * factor)} ${unit}`;
    }
    if (size < 600) {
      return `${sign}${digits(size)} s`;
    }
    const [large, small, per] = size < 7200 ? ["min", "s", 60] : ["h", "min", 3600];
    const rest = Math.round((size % per) / (per / 60));
    return `${sign}${kit.count(Math.floor(size / per))} ${large}${rest ? ` ${rest} ${small}` : ""}`;
  };

  function digits(value) {
    return value >= 100 ? kit.count(Math.round(value)) : Number(value.toPrecision(3));
  }

  /** `517 B`, `88.9 kB`, `1.14 GB`: the unit that fits. */
  kit.bytes = function (value) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let size = value;
    while (Math.abs(size) >= 999.5 && units.length > 1) {
      size /= 1000;
      units.shift();
    }
    const text = units[0] === "B" ? Math.round(size) : Number(size.toPrecision(3));
    return `${text} ${units[0]}`;
  };

  /** The time of day in UTC with as many digits as `step` (seconds) deserves. */
  kit.clock = function (epoch, step) {
    const places = step >= 1 ? 0 : Math.min(6, Math.ceil(-Math.log10(step)));
    const whole = Math.floor(epoch + 0.5 * 10 ** -places);
    const text = new Date(whole * 1000).toISOString();
    const fraction = Math.max(0, epoch - whole)
      .toFixed(places)
      .slice(1);
    return step >= 86400 ? text.slice(0, 10) : text.slice(11, 19) + (places ? fraction : "");
  };

  kit.day = (seconds) => {
    const date = new Date(Number(seconds) * 1000);
    return seconds && !Number.isNaN(date.getTime()) ? date.toISOString().slice(0, 10) : "";
  };

  /** A probability with two digits, and never as a certainty. */
  kit.sure = (value) => Math.min(Math.max(value, 0), 0.99).toFixed(2);

  kit.end = function (endpoint) {
    const host = endpoint.ip.includes(":") ? `[${endpoint.ip}]` : endpoint.ip;
    return `${host}:${endpoint.port}`;
  };

  /** What an end is called: its role, or what it did where its role is not known. */
  kit.role = function (connection, side) {
    if (side === "path") {
      return "path";
    }
    const role = connection[side].role;
    const unnamed = side === "initiator" ? "connected" : "was called";
    return role === "unknown" ? unnamed : role;
  };

  /** The party that a packet's sender is, for its colour. */
  kit.partyOf = (connection, side) => (side === "path" ? "middlebox" : connection[side].role);

  kit.failures = (report, context) =>
    (context && context.rows) ||
    report.connections
      .filter((connection) => connection.verdict.failed)
      .map((connection) => ({
        key: kit.keyOf(connection, context),
        start: Number(connection.start),
        end: Number(connection.end),
        party: connection.verdict.attribution.party,
        code: connection.verdict.code,
        label: `${kit.end(connection.initiator)} to ${kit.end(connection.responder)}`,
      }));

  kit.keyOf = (connection, context) =>
    context && context.key ? context.key(connection) : connection.id;

  kit.labels = (context) => {
    const report = context && context.report;
    const points = (context && context.points) || (report && report.points) || [];
    return points.map((point) => (typeof point === "string" ? point : point.label));
  };
})((window.pcapdiag = window.pcapdiag || {}));
