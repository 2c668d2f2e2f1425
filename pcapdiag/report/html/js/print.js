"use strict";
/* What is printed: the connection that is open, or one of each group with its pictures. */
(() => {
  const { el } = pcapdiag;

  function before() {
    if (!document.getElementById("detail").hidden) return;
    for (const group of document.querySelectorAll("details.group")) {
      group.dataset.open = group.open ? "1" : "";
      group.open = true;
      const row = pcapdiag.byKey && pcapdiag.byKey.get(group.dataset.key);
      const detail = row ? pcapdiag.data.detailNow(row) : null;
      if (!detail) continue;
      const section = el("section", { class: "pictures" });
      group.append(section);
      section.append(...pcapdiag.detail.pictures(detail.connection));
      pcapdiag.detail.draw(section, detail.connection);
    }
  }

  function after() {
    for (const pictures of document.querySelectorAll("details.group > .pictures")) pictures.remove();
    for (const group of document.querySelectorAll("details.group")) {
      group.open = group.dataset.open === "1";
    }
  }

  function begin() {
    addEventListener("beforeprint", before);
    addEventListener("afterprint", after);
  }

  pcapdiag.print = { begin };
})();
