"use strict";
/* What the terminal says of a failure, label by label; the template does the same without script. */
(() => {
  const { el } = pcapdiag;
  const EVIDENCE = new Set(["FOR", "AGAINST", "SIGNS"]);

  function content(slip) {
    const texts = slip.texts || [];
    if (slip.kind === "list") return el("ol", {}, texts.map((text) => el("li", {}, text)));
    if (slip.kind === "commands") return texts.map(command);
    if (slip.kind === "verbatim") return el("pre", { class: "verbatim" }, texts.join("\n"));
    return texts.map((text) => el("p", EVIDENCE.has(slip.label) ? framesOf(text) : {}, text));
  }

  /* Pointing at a sign lights the frames that it names: (#118, #121), or [proxy #118]. */
  function framesOf(text) {
    const frames = [...text.matchAll(/#(\d+)/g)].map((found) => found[1]);
    const point = text.match(/\[([\w.-]+) #/);
    return frames.length ? { "data-frames": frames.join(" "), "data-point": point && point[1] } : {};
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

  pcapdiag.slips = (slips) => el("dl", { class: "slips" }, slips.filter((slip) => slip.texts && slip.texts.length).map(row));
  })();
