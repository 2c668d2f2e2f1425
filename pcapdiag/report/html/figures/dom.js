"use strict";
/*
 * The figures of a report, drawn with plain SVG into the page: `pcapdiag.figures`.
 *
 *   ladder(element, connection, context)    who sent what to whom, and where on the path it ended
 *   sequence(element, connection, context)  bytes and acknowledgments over time (connection.series)
 *   offers(element, connection, context)    both sides of a TLS handshake, certificates with dates
 *   activity(element, report, context)      the capture over time; a dragged range filters
 *   topology(element, report, context)      clients, proxies and upstreams, and what failed between
 *   link(root, context)                     hovering [data-frames] lights [data-frame], and back
 *
 * What has nothing to show leaves its element empty. All members of `context` may be missing:
 *   points                 labels of the capture points, or report.points; as passages count them
 *   rows                   failed connections in place of report.connections:
 *                          {key, start, end (seconds since the epoch), party, code, label}
 *   key(connection)        what `select` is called with; connection.id where there is none
 *   select(key)            a connection was chosen
 *   filterTime(from, to)   a range of time was chosen, seconds since the epoch; nulls: all of it
 *   hover(frames, label)   frames are pointed at (of that point, "" of the only one), or none: []
 *
 * The files may be loaded in any order: all names are looked up when a figure is drawn. Colours
 * come from the page's CSS variables. Captured text gets in as text nodes and nothing else.
 *
 * This file: elements of SVG and HTML, and texts that fit their room.
 */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const SVG = "http://www.w3.org/2000/svg";
  const MAX_TEXT = 1000;
  // What would move other text about, or cannot be seen: controls, bidi marks, zero widths.
  const UNSAFE = new RegExp(
    "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e" +
      "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]",
    "g",
  );

  kit.SMALL = 11;
  kit.NORMAL = 12.5;

  kit.svg = (name, attributes, ...children) =>
    fill(document.createElementNS(SVG, name), attributes, children);

  kit.html = (name, attributes, ...children) =>
    fill(document.createElement(name), attributes, children);

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== undefined && value !== null && value !== false) {
        element.setAttribute(name, value === true ? "" : String(value));
      }
    }
    for (const child of children.flat(Infinity)) {
      if (child !== undefined && child !== null && child !== false && child !== "") {
        element.append(typeof child === "object" ? child : document.createTextNode(child));
      }
    }
    return element;
  }

  /** A captured text with everything that does not print written as its code. */
  kit.safe = function (text) {
    const written = String(text === undefined || text === null ? "" : text);
    const cut = written.length > MAX_TEXT;
    const kept = cut ? Array.from(written.slice(0, MAX_TEXT)).slice(0, -1).join("") : written;
    const more = cut ? `... (${kit.count(written.length - MAX_TEXT)} more)` : "";
    return kept.replace(UNSAFE, escaped) + more;
  };

  function escaped(char) {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  }

  const canvas = document.createElement("canvas").getContext("2d");

  /** A function that measures texts in the font that `element` inherits, in pixels. */
  kit.ruler = function (element) {
    /* A figure may be drawn before it is put into the page. */
    const family = getComputedStyle(element.isConnected ? element : document.body).fontFamily;
    return function (text, size, weight) {
      canvas.font = `${weight || 400} ${size || kit.NORMAL}px ${family}`;
      return canvas.measureText(text).width;
    };
  };

  /** The text, or its beginning and end, so that it is no wider than `room` pixels. */
  kit.elide = function (text, room, width) {
    if (width(text) <= room) {
      return text;
    }
    const chars = Array.from(text);
    let fits = 0;
    let over = chars.length;
    while (over - fits > 1) {
      const tried = (fits + over) >> 1;
      if (width(middle(chars, tried)) <= room) {
        fits = tried;
      } else {
        over = tried;
      }
    }
    return fits ? middle(chars, fits) : "";
  };

  function middle(chars, kept) {
    const head = Math.ceil(kept * 0.62);
    const tail = kept - head;
    return chars.slice(0, head).join("") + "\u2026" + (tail ? chars.slice(-tail).join("") : "");
  }

  /**
   * A line of SVG text. `options`: class, size, weight, anchor, and room (pixels): a longer text
   * is elided in the middle, and the whole of it is its title.
   */
  kit.text = function (x, y, written, options, measure) {
    const { size = kit.SMALL, weight, anchor, room } = options || {};
    const whole = kit.safe(written);
    const width = (text) => measure(text, size, weight);
    const text = room === undefined ? whole : kit.elide(whole, Math.max(room, 0), width);
    const attributes = { x, y, "font-size": size, "font-weight": weight, "text-anchor": anchor };
    attributes.class = (options && options.class) || null;
    const title = text === whole ? null : kit.svg("title", {}, whole);
    return kit.svg("text", attributes, title, text);
  };

  /** An SVG of a figure with its title and description, which the page's reader is told. */
  kit.canvas = function (title, description, role) {
    const number = (kit.number = (kit.number || 0) + 1);
    const ids = [`figure-${number}-title`, `figure-${number}-desc`];
    return kit.svg(
      "svg",
      { class: "figure-svg", role: role || "img", "aria-labelledby": ids.join(" ") },
      kit.svg("title", { id: ids[0] }, title),
      kit.svg("desc", { id: ids[1] }, description),
    );
  };

  /** Make the SVG that big, and leave nothing in it but its title, its description and `parts`. */
  kit.repaint = function (svg, width, height, parts) {
    const named = Array.from(svg.children).filter((child) => /^(title|desc)$/.test(child.tagName));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    svg.replaceChildren(...named, ...parts.flat(Infinity).filter(Boolean));
  };

  /** Paint now, and again whenever the element's width changes. */
  kit.mount = function (element, paint) {
    const DEFAULT_WIDTH = 720;
    let painted = 0;
    const again = () => {
      const width = Math.floor(element.clientWidth) || painted || DEFAULT_WIDTH;
      if (width !== painted) {
        painted = width;
        paint(width);
      }
    };
    again();
    new ResizeObserver(() => requestAnimationFrame(again)).observe(element);
  };
})((window.pcapdiag = window.pcapdiag || {}));
