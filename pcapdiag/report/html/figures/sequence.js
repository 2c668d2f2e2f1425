"use strict";
(() => {
  pcapdiag.figures.sequence = (element, connection) => {
    const segments = connection.series ? connection.series.segments.length : 0;
    element.append(pcapdiag.el("p", { class: "muted" }, `time-sequence chart: ${segments} segments`));
  };
})();
