"use strict";
/* Times, sizes and names as the terminal writes them. */
(() => {
  const PARTY = {
    client: "client",
    proxy: "proxy",
    upstream: "upstream",
    middlebox: "device on the path",
    unknown: "cannot be told",
  };

  /* Report times are decimal texts with nanoseconds: more than a double holds. */
  function nanoseconds(text) {
    const [whole, fraction = ""] = text.replace("-", "").split(".");
    const value = BigInt(whole) * 1000000000n + BigInt(fraction.padEnd(9, "0").slice(0, 9));
    return text.startsWith("-") ? -value : value;
  }

  function between(first, last) {
    return Number(nanoseconds(last) - nanoseconds(first)) / 1e9;
  }

  function since(start, text) {
    if (!text) return "";
    const seconds = between(start, text);
    return `${seconds < 0 ? "\u2212" : "+"}${Math.abs(seconds).toFixed(6)} s`;
  }

  function size(number) {
    let value = number;
    for (const unit of ["B", "kB", "MB", "GB"]) {
      if (value < 1000) return unit === "B" ? `${number} B` : `${Number(value.toPrecision(3))} ${unit}`;
      value /= 1000;
    }
    return `${Math.round(value).toLocaleString("en")} TB`;
  }

  function count(number, one, many) {
    return `${number.toLocaleString("en")} ${number === 1 ? one : many || `${one}s`}`;
  }

  function sender(connection, side) {
    if (side === "path") return "device";
    const role = connection[side] ? connection[side].role : "unknown";
    return role === "unknown" ? side : role;
  }

  const sure = (value) => Math.min(Math.max(value, 0), 0.99).toFixed(2);

  pcapdiag.words = { PARTY, since, size, count, sender, sure };
})();
