"use strict";
/* The keyboard, and the dialog that says what it does. */
(() => {
  const { el } = pcapdiag;
  const KEYS = [
    ["/", "filter the connections"],
    ["j", "next connection"],
    ["k", "previous connection"],
    ["Enter", "open the connection"],
    ["Esc", "back to the list; empty the filter"],
    ["t", "light or dark"],
    ["?", "this help"],
  ];
  const isOpen = () => !document.getElementById("detail").hidden;
  const isTyping = (target) => target.matches("input, select, textarea");

  function step(by) {
    if (!isOpen()) return pcapdiag.list.move(by);
    const found = pcapdiag.filter.found;
    const at = found.findIndex((row) => `#${row.key}` === location.hash);
    if (found[at + by]) location.hash = found[at + by].key;
    return undefined;
  }

  function leave(event) {
    if (isTyping(event.target)) return event.target.blur();
    if (isOpen()) return pcapdiag.show.back();
    if (pcapdiag.filter.isSet()) pcapdiag.list.clear();
    return undefined;
  }

  function slash(event) {
    if (isOpen()) pcapdiag.show.back();
    event.preventDefault();
    document.getElementById("filter-text")?.focus();
  }

  const DOES = {
    "/": slash,
    j: () => step(1),
    k: () => step(-1),
    t: () => pcapdiag.theme.toggle(),
    "?": () => help(),
    Escape: leave,
  };

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (isTyping(event.target) && event.key !== "Escape") return;
    DOES[event.key]?.(event);
  }

  function help() {
    document.getElementById("help").showModal();
  }

  function begin() {
    const dialog = document.getElementById("help");
    dialog.append(
      el("h2", { id: "help-title" }, "Keys"),
      el("dl", { class: "keys" }, KEYS.map(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)])),
      el("form", { method: "dialog" }, el("button", {}, "Close")),
    );
    addEventListener("keydown", pressed);
  }

  pcapdiag.keys = { begin, help };
})();
