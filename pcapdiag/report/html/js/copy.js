"use strict";
/* A button that copies a text. */
(() => {
  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copiedByHand(text);
    }
  }

  function copiedByHand(text) {
    const area = pcapdiag.el("textarea", { class: "visually-hidden", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  pcapdiag.copyButton = (text, what) => {
    const button = pcapdiag.el("button", { type: "button", class: "copy" }, "Copy");
    button.setAttribute("aria-label", `Copy ${what}`);
    button.addEventListener("click", async () => {
      const done = await copied(text);
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      pcapdiag.say(done ? `Copied ${what}` : "Copying is not allowed here");
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    return button;
  };

  /* Commands that the page came with get their buttons, too. */
  pcapdiag.addCopyButtons = (root) => {
    for (const block of root.querySelectorAll("pre.command")) {
      if (block.querySelector("button")) continue;
      block.append(pcapdiag.copyButton(block.querySelector("code").textContent, "command"));
    }
  };
})();
