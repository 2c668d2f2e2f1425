"use strict";
/* The certificates that could be read, in the order sent, and when each is valid. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const DAY = 86400;
  const HEIGHT = 16;
  const WIDTH = 260;

  /** The chain that one end sent; null where none of it was seen. */
  kit.certificates = function (connection, side) {
    const sent = connection.tls.certificates.filter((one) => one.from === side);
    if (!sent.length) {
      return null;
    }
    const hello = connection.tls.client_hello;
    const asked = side === "responder" && hello ? hello.sni : null;
    const span = spanOf(sent, Number(connection.start));
    const items = sent.map((one, place) => item(one, place, asked, span));
    const heading = `Certificates of the ${kit.role(connection, side)}, in the order sent`;
    return kit.html(
      "div",
      { class: "certificates" },
      kit.html("p", { class: "soft" }, heading),
      kit.html("ol", {}, items),
    );
  };

  function item(one, place, asked, span) {
    const names =
      place === 0 && one.names.length ? kit.html("p", {}, "names ", list(one.names, asked)) : null;
    const issued = one.issuer === one.subject ? "by itself" : `by ${kit.safe(one.issuer)}`;
    return kit.html(
      "li",
      {},
      kit.html(
        "p",
        {},
        kit.html("b", {}, kit.safe(one.subject) || "no subject"),
        `, issued ${issued}`,
      ),
      names,
      validity(one, span),
    );
  }

  function list(names, asked) {
    return names
      .slice(0, 20)
      .map((name, at) => {
        const fits = asked && kit.covers(name, asked);
        const text = kit.html(
          "span",
          { class: fits ? "is-common" : null },
          `${fits ? "\u2713\u00a0" : ""}${kit.safe(name)}`,
        );
        return [at ? ", " : "", text];
      })
      .concat(names.length > 20 ? [` and ${kit.count(names.length - 20)} more`] : []);
  }

  function spanOf(sent, now) {
    const times = sent
      .flatMap((one) => [one.not_before, one.not_after])
      .filter(Boolean)
      .map(Number);
    return { now, from: Math.min(now, ...times), to: Math.max(now, ...times) };
  }

  function validity(one, span) {
    if (!one.not_before || !one.not_after) {
      return null;
    }
    const [from, to] = [Number(one.not_before), Number(one.not_after)];
    const said = standing(from, to, span.now);
    const x = kit.scale(span.from, span.to, 3, WIDTH - 3);
    const words = `valid from ${kit.day(from)} until ${kit.day(to)}`;
    const svg = kit.canvas(words, `${words}, ${said.words}`);
    const bar = {
      class: `valid${said.isOver ? " is-over" : ""}`,
      x: x(from),
      y: 5,
      width: Math.max(x(to) - x(from), 2),
      height: 6,
    };
    const base = kit.svg("line", { class: "grid", x1: 3, x2: WIDTH - 3, y1: 8, y2: 8 });
    const now = kit.svg("line", {
      class: "now",
      x1: x(span.now),
      x2: x(span.now),
      y1: 1,
      y2: HEIGHT - 1,
    });
    kit.repaint(svg, WIDTH, HEIGHT, [base, kit.svg("rect", bar), now]);
    const mark = kit.html("span", { class: said.isOver ? "is-against" : null }, said.words);
    return kit.html("div", {}, svg, kit.html("p", {}, `${words}, `, mark));
  }

  function standing(from, to, now) {
    const days = (seconds) =>
      seconds < DAY ? kit.duration(seconds) : kit.plural(Math.floor(seconds / DAY), "day");
    if (now < from) {
      return {
        isOver: true,
        words: `not yet valid: begins ${days(from - now)} after this connection`,
      };
    }
    if (now > to) {
      return { isOver: true, words: `expired ${days(now - to)} before this connection` };
    }
    return { isOver: false, words: `${days(to - now)} left at this connection` };
  }
})((window.pcapdiag = window.pcapdiag || {}));
