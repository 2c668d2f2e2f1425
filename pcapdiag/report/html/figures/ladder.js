"use strict";
(() => {
  pcapdiag.figures.ladder = (element, connection) => {
    element.append(pcapdiag.el("p", { class: "muted" }, `ladder: ${connection.timeline.length} entries`));
  };
})();
