"use strict";
/* What the terminal says of a failure, label by label; the template does the same without script. */
(() => {
  const { el } = pcapdiag;

  function content(slip) {
    const texts = slip.texts || [];
    if (slip.kind === "list") return el("ol", {}, texts.map((text) => el("li", {}, text)));
    if (slip.kind === "commands") return texts.map(command);
    if (slip.kind === "verbatim") return el("pre", { class: "verbatim" }, texts.join("\n"));
    return texts.map((text) => el("p", {}, text));
  }

  function command(text) {
    return el(
      "pre", { class: "command" }, el("code", {}, text), pcapdiag.copyButton(text, "command"),
    );
  }

  function row(slip) {
    const name = `slip-${slip.label.toLowerCase()}`;
    const right = slip.right ? el("span", { class: "right" }, slip.right) : null;
    return [el("dt", { class: name }, slip.label), el("dd", { class: name }, right, content(slip))];
  }

  pcapdiag.slips = (slips) => el("dl", { class: "slips" }, slips.map(row));
  pcapdiag.command = command;
})();
