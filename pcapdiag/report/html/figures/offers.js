"use strict";
(() => {
  pcapdiag.figures.offers = (element, connection) => {
    const sni = connection.tls && connection.tls.client_hello ? connection.tls.client_hello.sni : null;
    element.append(pcapdiag.el("p", { class: "muted" }, `TLS offers: SNI ${sni}`));
  };
})();
