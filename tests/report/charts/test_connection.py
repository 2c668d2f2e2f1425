"""The picture of one connection: what is drawn, where, and that nothing overlaps or runs out."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import msgspec
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from pcapdiag.model import packet as marks
from pcapdiag.model.packet import ACK
from pcapdiag.model.report import (
    Candidate,
    Connection,
    PointPassage,
    SegmentSeries,
    Sighting,
)
from pcapdiag.model.report_points import Point
from pcapdiag.report.charts.canvas import drawing
from pcapdiag.report.charts.look import Look
from pcapdiag.report.charts.picture import connection_picture
from pcapdiag.report.clock import Clock
from pcapdiag.report.palette import PARTY
from tests.report.charts.made import (
    check_texts,
    cut_off,
    entry,
    named,
    points,
    segment,
    stroke_after,
    strokes,
    texts,
)
from tests.report.fabricate import refused, report, seconds

pytestmark = pytest.mark.once

LOOK = Look(clock=Clock("utc", seconds(0)))


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with drawing():
        yield


def drawn(connection: Connection, look: Look = LOOK) -> Figure:
    made = report([connection])
    made.capture.vantage = "initiator"
    return connection_picture(made, connection, look)


def test_the_words_say_what_who_and_why() -> None:
    said = texts(drawn(refused()))
    assert "10.0.1.5 could not connect to 10.0.2.7:8443: refused" in said
    assert "upstream: did it" in said
    assert "10.0.2.7:8443" in said
    assert (
        "the upstream 10.0.2.7 (the host, its own firewall, or its sidecar), confidence 0.93"
        in said
    )
    assert "RST has TTL 63 like 60 other packets of 10.0.2.7 (#122)" in said
    assert "a REJECT rule on 10.0.2.7 looks the same on the wire" in said
    assert "tcp.connection_refused by the upstream" in said
    assert "+0.000310" in said
    assert any("tcp.stream==17" in text for text in said)


def test_the_decisive_frame_stands_on_the_culprit_s_colour() -> None:
    figure = drawn(refused())
    (label,) = named(figure, "verdict")
    (band,) = named(figure, "decisive-292")
    (head,) = named(figure, "culprit")
    assert isinstance(label, Rectangle)
    assert isinstance(band, Rectangle)
    assert isinstance(head, Rectangle)
    colour = PARTY["upstream"].light
    assert Rectangle((0, 0), 1, 1, facecolor=colour).get_facecolor() == label.get_facecolor()
    assert head.get_facecolor() == label.get_facecolor()
    assert band.get_y() < label.get_y() < band.get_y() + band.get_height()


def test_who_it_may_have_been_is_said_at_their_lanes() -> None:
    made = refused()
    made.verdict.attribution.side = "unknown"
    made.verdict.attribution.candidates = [
        Candidate(side="responder", party="upstream", confidence=0.57),
        Candidate(side="path", party="middlebox", confidence=0.43),
    ]
    figure = drawn(made)
    assert {"upstream: maybe 0.57", "path: maybe 0.43"} <= set(texts(figure))
    assert not list(named(figure, "culprit"))


def test_segments_are_at_their_bytes_and_moments() -> None:
    figure = drawn(cut_off())
    assert strokes(figure, "initiator-data") == [(0.011, 1, 41)]
    assert strokes(figure, "responder-data") == [(0.02, 1, 2001), (0.021, 3001, 5001)]
    assert strokes(figure, "responder-again") == [(0.05, 2001, 3001)]
    assert strokes(figure, "responder-sacked") == [(0.03, 3001, 5001)]
    assert points(figure, "responder-acked")[-1] == (0.21, 5001)
    assert (0.03, 4001) in points(figure, "responder-edge")
    assert points(figure, "responder-closed") == [(0.06, 5001), (0.21, 5001)]
    assert points(figure, "responder-probes") == [(0.2, 5000)]
    assert points(figure, "responder-missing") == [(0.021, 4001)]
    assert points(figure, "responder-resets") == [(100.5, 5001)]
    assert points(figure, "responder-decisive") == [(100.5, 5001)]
    assert points(figure, "initiator-decisive") == [(0.011, 21)]


def test_the_legend_is_of_what_is_there() -> None:
    def legend(figure: Figure) -> set[str]:
        return {one.get_text() for one in named(figure, "legend") if isinstance(one, Text)}

    everything = legend(drawn(cut_off()))
    assert {"data", "sent again", "SACK", "zero window", "RST", "SYN"} <= everything
    assert not {"FIN", "out of order"} & everything
    short = cut_off()
    short.series = stroke_after(0.2)
    assert legend(drawn(short)) == {"data", "FIN", "the verdict rests on it"}


def test_a_long_pause_is_cut_out_of_the_chart_and_named() -> None:
    figure = drawn(cut_off())
    quiet = [one.get_text() for one in named(figure, "quiet") if isinstance(one, Text)]
    assert quiet == ["1 min 40 s of quiet"] * 2
    assert len(list(named(figure, "pause"))) == 2


def test_left_out_packets_are_a_gap_and_no_pause() -> None:
    made = cut_off()
    made.series = stroke_after(60.0)
    figure = drawn(made)
    assert list(named(figure, "left-out"))
    assert not list(named(figure, "pause"))
    assert "7 packets not kept" in texts(figure)


def test_lines_do_not_run_across_what_was_left_out() -> None:
    made = cut_off()
    series = stroke_after(60.0)
    series.segments = [
        msgspec.structs.replace(s, initiator=n % 2 == 0, ack=1 + n)
        for n, s in enumerate(series.segments)
    ]
    made.series = series
    xs = points(drawn(made), "initiator-acked")
    assert any(math.isnan(y) for _, y in xs)


def long_transfer(packets: int) -> SegmentSeries:
    sent = [
        segment(n / 1000, n + 1, "<", ACK, 1 + n * 1448, 1448, ack=1, window=0)
        for n in range(packets)
    ]
    sent[packets // 2] = msgspec.structs.replace(
        sent[packets // 2], marks=marks.FAST_RETRANSMISSION
    )
    return SegmentSeries(segments=sent)


def test_a_long_transfer_is_drawn_once_at_each_place_and_what_is_rare_is_seen() -> None:
    made = cut_off()
    made.series = long_transfer(20_000)
    figure = drawn(made)
    assert len(strokes(figure, "responder-data")) <= 1501
    assert len(points(figure, "initiator-closed")) <= 1501
    ((time, low, high),) = strokes(figure, "responder-again")
    assert time == 10.0
    assert low < 1 + 10_000 * 1448 < high
    assert high - low > 20_000 * 1448 / 100


def test_a_ladder_alone_where_no_packets_are_kept() -> None:
    assert not list(named(drawn(refused()), "legend"))


def test_a_healthy_connection_names_no_culprit() -> None:
    made = cut_off()
    made.verdict.failed = False
    figure = drawn(made)
    for gid in ("culprit", "verdict", "who", "responder-decisive"):
        assert not list(named(figure, gid)), gid


def seen_twice() -> Connection:
    made = cut_off()
    made.path_order = ["client", "upstream"]
    made.seen_at = [
        Sighting(point=point, stream=n, first_frame=1, initiator="a", responder="b")
        for n, point in enumerate(made.path_order)
    ]
    made.passages = [
        PointPassage(
            from_="initiator", event="GET /pay", frames=[14, 7], times=[seconds(2), seconds(2)],
            covers=[True, True], fate="both", changed=["ttl"],
        ),
        PointPassage(
            from_="initiator", event="40 bytes", frames=[15, None], times=[seconds(3), None],
            covers=[True, True], fate="lost",
        ),
        PointPassage(
            from_="responder", event="RST", frames=[30, None], times=[seconds(4), None],
            covers=[True, True], fate="appeared", decisive=True,
        ),
    ]  # fmt: skip
    return made


def test_several_points_have_a_lane_each() -> None:
    made = seen_twice()
    whole = report([made])
    whole.points = [Point(label=label, files=[f"{label}.pcap"]) for label in made.path_order]
    figure = connection_picture(whole, made, LOOK)
    said = texts(figure)
    assert {"client", "upstream", "path: did it", "#14", "#7", "not seen"} <= set(said)
    assert {"came into being between", "sent on, never arrived", "ttl changed"} <= set(said)
    assert list(named(figure, "decisive-30"))
    assert "tcp.injected_reset by the device on the path" in said


HOSTILE = "$\\frac{1}{0}$ \x1b[31m\u202e<script>\u05d0\u4e2d" + "n" * 3000


def test_hostile_texts_are_only_text() -> None:
    made = cut_off()
    made.verdict.title = made.responder.name = HOSTILE
    made.verdict.attribution.evidence[0].detail = HOSTILE
    made.timeline[2] = entry(0.011, 14, "initiator", HOSTILE, HOSTILE)
    figure = drawn(made)
    figure.savefig(io.BytesIO())
    said = "".join(texts(figure))
    assert "$\\frac{1}{0}$ \\x1b[31m\\u202e" in said
    assert not any(mark in said for mark in "\x1b\u202e\u05d0\u4e2d")
    shown = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    assert not any(text.get_parse_math() for text in shown if text.get_text())


@pytest.mark.parametrize(("width", "dpi"), [(6.0, 90), (10.0, 72), (20.0, 200)])
def test_no_text_leaves_the_page_or_meets_another(width: float, dpi: int) -> None:
    made = cut_off()
    made.initiator.ip, made.responder.name = "2001:db8:1234:5678:9abc:def0:1234:5678", "n" * 300
    made.timeline[2].event, made.timeline[2].detail = "GET /" + "x" * 300, "y" * 300
    figure = drawn(made, msgspec.structs.replace(LOOK, width=width))
    check_texts(figure, dpi)
