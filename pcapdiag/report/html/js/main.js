"use strict";
/* Start: unpack, draw, and go where the address says. */
(() => {
  const overview = document.getElementById("overview");
  const detail = document.getElementById("detail");
  let place = 0;
  let last = "";

  function list() {
    if (detail.hidden) return;
    detail.hidden = true;
    overview.hidden = false;
    window.scrollTo(0, place);
    pcapdiag.list.focusRow(last);
  }

  function back() {
    history.pushState(null, "", "#connections");
    list();
  }

  function named(hash) {
    try {
      return decodeURIComponent(hash);
    } catch {
      return hash;
    }
  }

  async function route() {
    const hash = named(location.hash.slice(1));
    const row = pcapdiag.byKey.get(hash);
    if (row) {
      if (detail.hidden) place = window.scrollY;
      last = row.key;
      await pcapdiag.detail.show(row);
      return;
    }
    list();
    if (hash.startsWith("group-")) document.getElementById(hash)?.setAttribute("open", "");
    if (hash && hash !== "connections") document.getElementById(hash)?.scrollIntoView();
    if (hash.startsWith("stream-")) pcapdiag.say(`${hash} is not in this report`);
  }

  const DOES = {
    print: () => print(),
    theme: () => pcapdiag.theme.toggle(),
    help: () => pcapdiag.keys.help(),
    "list-group": (button) => {
      pcapdiag.list.change({ group: Number(button.dataset.group) });
      document.getElementById("connections").focus();
    },
  };

  function clicked(event) {
    const button = event.target.closest("[data-does]");
    if (button) DOES[button.dataset.does](button);
  }

  function drawActivity() {
    const section = document.querySelector("[data-figure=activity]");
    if (!pcapdiag.report.activity) return;
    section.hidden = false;
    pcapdiag.activity = pcapdiag.figures.activity(
      section.querySelector(".figure"), pcapdiag.report, pcapdiag.detail.context,
    );
  }

  async function begin() {
    if (typeof DecompressionStream === "undefined") {
      const text = "This browser is too old to unpack the connections: all above is whole.";
      document.getElementById("list")?.append(pcapdiag.el("p", { class: "note" }, text));
      return;
    }
    pcapdiag.theme.begin();
    pcapdiag.keys.begin();
    pcapdiag.addCopyButtons(document);
    document.addEventListener("click", clicked);
    await pcapdiag.data.load();
    pcapdiag.list.build();
    drawActivity();
    pcapdiag.print.begin();
    for (const hidden of document.querySelectorAll(".tools, .jump")) hidden.hidden = false;
    if (pcapdiag.figures.link) pcapdiag.figures.link(detail, {});
    addEventListener("hashchange", route);
    await route();
    await pcapdiag.unpackSamples();
    document.documentElement.dataset.ready = "1";
  }

  pcapdiag.unpackSamples = async () => {
    for (const group of document.querySelectorAll("details.group[data-key]")) {
      const row = pcapdiag.byKey.get(group.dataset.key);
      if (row) await pcapdiag.data.detail(row);
    }
  };
  pcapdiag.show = { list, back };
  begin();
})();
