"use strict";
/* A small box of words beside what is pointed at; a screen reader is told it too. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});

  kit.tip = function () {
    const box = kit.html("div", { class: "figure-tip", role: "status", hidden: true });
    const hide = () => {
      box.hidden = true;
    };
    const show = function (lines, x, y, width) {
      box.replaceChildren(...lines.map((line) => kit.html("div", {}, kit.safe(line))));
      box.hidden = false;
      const [own, tall] = [box.offsetWidth, box.offsetHeight];
      const left = x + 14 + own > width ? Math.max(x - 14 - own, 0) : x + 14;
      box.style.left = `${left}px`;
      box.style.top = `${Math.max(y - tall - 10, 0)}px`;
    };
    return { box, show, hide };
  };
})((window.pcapdiag = window.pcapdiag || {}));
