"use strict";
/* A range of time that a chart shows, and the ways to change it: wheel, drag, keys, buttons. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const STEP = 2;
  const PAN = 0.25;
  const MIN_DRAG = 5;

  /** The range that is shown, within `full`; `changed(domain)` is called after every change. */
  kit.domain = function (full, least, changed) {
    const domain = { from: full[0], to: full[1], full, isFull: true };
    domain.set = function (from, to) {
      const width = Math.min(Math.max(to - from, least), full[1] - full[0]);
      const start = Math.min(Math.max(from, full[0]), full[1] - width);
      Object.assign(domain, { from: start, to: start + width });
      domain.isFull = start <= full[0] && start + width >= full[1];
      changed(domain);
    };
    domain.zoom = function (factor, at) {
      const around = at === undefined ? (domain.from + domain.to) / 2 : at;
      const width = (domain.to - domain.from) / factor;
      const share = (around - domain.from) / (domain.to - domain.from || 1);
      domain.set(around - share * width, around + (1 - share) * width);
    };
    domain.pan = (share) => {
      const by = share * (domain.to - domain.from);
      domain.set(domain.from + by, domain.to + by);
    };
    domain.reset = () => domain.set(full[0], full[1]);
    return domain;
  };

  /** Buttons for all that wheel and keys do, with the range shown in words (`say(domain)`). */
  kit.zoomBar = function (domain, say) {
    const button = (text, label, act) => {
      const made = kit.html("button", { type: "button", title: label, "aria-label": label }, text);
      made.addEventListener("click", act);
      return made;
    };
    const range = kit.html("output", { class: "figure-range" });
    const reset = button("all", "Show all of the time", domain.reset);
    const bar = kit.html(
      "div",
      { class: "figure-bar", role: "group", "aria-label": "Zoom" },
      button("\u2212", "Zoom out", () => domain.zoom(1 / STEP)),
      button("+", "Zoom in", () => domain.zoom(STEP)),
      button("\u25c2", "Earlier", () => domain.pan(-PAN)),
      button("\u25b8", "Later", () => domain.pan(PAN)),
      reset,
      range,
    );
    const update = () => {
      range.textContent = say(domain);
      reset.disabled = domain.isFull;
    };
    return { bar, update };
  };

  /**
   * Listen on a chart. `hooks`: timeAt(x), left() and right() of the plot in pixels of the chart,
   * dragged(from, to), and where wanted hover(x, y), leave(), click(x, y), key(event).
   */
  kit.listen = function (svg, domain, hooks) {
    let start = null;
    const place = (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / (box.width || 1);
      return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    };
    svg.addEventListener("pointerdown", (event) => {
      if (event.button === 0) {
        start = place(event);
      }
    });
    svg.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      if (start && Math.abs(x - start[0]) > MIN_DRAG) {
        svg.setPointerCapture(event.pointerId);
        showBrush(svg, hooks, start[0], x);
      } else if (!start && hooks.hover) {
        hooks.hover(x, y);
      }
    });
    svg.addEventListener("pointerup", (event) => {
      const [x, y] = place(event);
      const from = start;
      start = null;
      hideBrush(svg);
      if (from && Math.abs(x - from[0]) > MIN_DRAG) {
        const times = [from[0], x].map((one) => hooks.timeAt(within(hooks, one)));
        hooks.dragged(Math.min(...times), Math.max(...times));
      } else if (from && hooks.click) {
        hooks.click(x, y);
      }
    });
    const cancel = () => {
      start = null;
      hideBrush(svg);
    };
    svg.addEventListener("pointercancel", cancel);
    svg.addEventListener("pointerleave", () => hooks.leave && hooks.leave());
    svg.addEventListener("wheel", (event) => wheel(event, domain, hooks.timeAt(place(event)[0])), {
      passive: false,
    });
    svg.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        cancel();
      }
      if (!event.ctrlKey && !event.metaKey && !event.altKey) {
        (hooks.key && hooks.key(event)) || pressed(event, domain);
      }
    });
  };

  function wheel(event, domain, time) {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    if (event.ctrlKey || event.metaKey) {
      domain.zoom(event.deltaY < 0 ? 1.25 : 0.8, time);
    } else if (sideways && !domain.isFull) {
      domain.pan((event.deltaX || event.deltaY) / 600);
    } else {
      return;
    }
    event.preventDefault();
  }

  function pressed(event, domain) {
    const acts = {
      "+": () => domain.zoom(STEP),
      "=": () => domain.zoom(STEP),
      "-": () => domain.zoom(1 / STEP),
      0: domain.reset,
      ArrowLeft: () => domain.pan(-PAN),
      ArrowRight: () => domain.pan(PAN),
    };
    if (acts[event.key]) {
      event.preventDefault();
      acts[event.key]();
    }
  }

  function within(hooks, x) {
    return Math.min(Math.max(x, hooks.left()), hooks.right());
  }

  function showBrush(svg, hooks, first, last) {
    hideBrush(svg);
    const [a, b] = [within(hooks, first), within(hooks, last)].sort((one, other) => one - other);
    const height = svg.viewBox.baseVal.height;
    svg.append(kit.svg("rect", { class: "brush", x: a, y: 0, width: b - a, height }));
  }

  function hideBrush(svg) {
    svg.querySelectorAll(".brush").forEach((brush) => brush.remove());
  }
})((window.pcapdiag = window.pcapdiag || {}));
