"use strict";
/* Evidence and the frames that it rests on light each other up, wherever on the page they are. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const LIT = "is-lit";

  /**
   * Within `root`, pointing at (or focusing) an element with `data-frames="25 26"` lights all that
   * have one of them as `data-frame`, and pointing at one of those lights the first. `data-point`
   * on either is the label of the point whose frames they are, where there are several. What has
   * `data-lights-itself` calls `light` itself.
   */
  figures.link = function (root, context) {
    const over = (event) => {
      if (event.target.closest("[data-lights-itself]")) {
        return;
      }
      const source = event.target.closest("[data-frames], [data-frame]");
      figures.light(root, source ? framesOf(source) : [], source ? pointOf(source) : "");
      if (context && context.hover) {
        context.hover(source ? framesOf(source) : [], source ? pointOf(source) : "");
      }
    };
    root.dataset.figureRoot = "";
    root.addEventListener("pointerover", over);
    root.addEventListener("focusin", over);
    root.addEventListener("pointerleave", () => figures.light(root, [], ""));
    root.addEventListener("focusout", () => figures.light(root, [], ""));
  };

  /** Light exactly what is about one of these frames of that point. */
  figures.light = function (root, frames, point) {
    const wanted = new Set(frames);
    for (const element of root.querySelectorAll("[data-frames], [data-frame]")) {
      const same = pointOf(element) === (point || "");
      element.classList.toggle(LIT, same && framesOf(element).some((frame) => wanted.has(frame)));
    }
  };

  function framesOf(element) {
    const text = element.dataset.frames || element.dataset.frame || "";
    return text
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(Number);
  }

  function pointOf(element) {
    return element.dataset.point || "";
  }
})((window.pcapdiag = window.pcapdiag || {}));
