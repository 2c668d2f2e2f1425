"use strict";
(() => {
  pcapdiag.figures.activity = (element, report) => {
    const bins = report.activity ? report.activity.packets.length : 0;
    element.append(pcapdiag.el("p", { class: "muted" }, `timeline: ${bins} bins`));
  };
})();
