"use strict";
/* The time-sequence chart: both directions of a connection, byte by byte, with zoom. */
(function (pcapdiag) {
  const figures = (pcapdiag.figures = pcapdiag.figures || {});
  const kit = (figures.kit = figures.kit || {});
  const LEAST_SPAN = 1e-6;

  figures.sequence = function (element, connection, context) {
    const segments = connection.series ? kit.segments(connection.series) : [];
    if (!segments.length) {
      return;
    }
    const chart = { connection, segments, context: context || {}, series: connection.series };
    chart.panels = [true, false]
      .map((side) => kit.panelOf(segments, side))
      .filter((one) => one.sent.length);
    chart.measure = kit.ruler(element);
    chart.svg = kit.canvas(title(connection), description(chart), "group");
    chart.svg.classList.add("figure-sequence");
    chart.svg.setAttribute("tabindex", "0");
    const last = segments[segments.length - 1].time;
    const pad = Math.max(last - Math.min(segments[0].time, 0), LEAST_SPAN * 10) * 0.02;
    chart.domain = kit.domain([Math.min(segments[0].time, 0) - pad, last + pad], LEAST_SPAN, () =>
      kit.paintSequence(chart),
    );
    const zoom = kit.zoomBar(chart.domain, () => rangeWords(chart.domain));
    chart.zoom = zoom;
    chart.tip = kit.tip();
    const plot = kit.html("div", { class: "figure-plot" }, chart.svg, chart.tip.box);
    element.append(
      zoom.bar,
      plot,
      kit.legend(signsOf(chart)),
      kit.segmentTable(segments, connection),
    );
    kit.listen(chart.svg, chart.domain, kit.sequenceHooks(chart));
    kit.mount(element, (width) => {
      chart.width = width;
      kit.paintSequence(chart);
    });
  };

  function title(connection) {
    return `Bytes over time, ${kit.end(connection.initiator)} and ${kit.end(connection.responder)}`;
  }

  function description({ segments, connection }) {
    const again = segments.filter((one) => kit.dataKind(one) === "again").length;
    const span = kit.duration(segments[segments.length - 1].time - segments[0].time);
    const packets = kit.plural(segments.length, "packet");
    const keys = "Plus and minus zoom, 0 shows all, arrows go from packet to packet.";
    return `${packets} in ${span}, ${again} sent again. ${connection.verdict.title}. ${keys}`;
  }

  const rangeWords = (domain) =>
    `${kit.duration(Math.max(domain.from, 0))} to ${kit.duration(domain.to)} since its start`;

  function signsOf({ segments, series, connection }) {
    const kinds = new Set(segments.map(kit.dataKind));
    const answered = segments.some((one) => one.ack !== null && !(one.flags & kit.FLAGS.RST));
    const has = (bit) => segments.some((one) => one.marks & bit);
    return [
      ["bytes", "bytes sent"],
      kinds.has("again") && ["again", "sent again"],
      kinds.has("disordered") && ["disordered", "out of order"],
      kinds.has("probe") && ["probe", "keep-alive or window probe"],
      ...(answered
        ? [
            ["acks", "acknowledged up to"],
            ["edge", "receive window's edge"],
          ]
        : []),
      segments.some((one) => one.sack) && ["sack", "SACK"],
      has(kit.MARKS.ZERO_WINDOW) && ["zero", "window 0"],
      segments.some((one) => kit.isDecisive(connection, one)) && [
        "decisive",
        "decides the verdict",
      ],
      series.left_out && ["gap", "packets not kept"],
      series.thinned && ["thinned", `${kit.plural(series.thinned, "packet")} left out evenly`],
    ].filter(Boolean);
  }
})((window.pcapdiag = window.pcapdiag || {}));
