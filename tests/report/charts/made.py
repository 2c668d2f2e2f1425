"""Made-up connections with their packets, and what was drawn of them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from pcapdiag.model import packet as marks
from pcapdiag.model.ends import Actor
from pcapdiag.model.packet import ACK, FIN, PSH, RST, SYN
from pcapdiag.model.report import (
    Activity,
    BySide,
    Connection,
    Segment,
    SegmentSeries,
    TimelineEntry,
)
from tests.report.fabricate import refused, seconds

BEGIN = 1.204


def entry(offset: float, frame: int, sender: Actor, event: str, detail: str = "") -> TimelineEntry:
    time = seconds(BEGIN + offset)
    return TimelineEntry(time=time, frame=frame, from_=sender, event=event, detail=detail)


def segment(
    time: float,
    frame: int,
    sent: str,
    flags: int,
    seq: int,
    length: int = 0,
    ack: int | None = None,
    window: int = 0,
    marks: int = 0,
    sack: tuple[int, int] | None = None,
) -> Segment:
    return Segment(time, frame, sent == ">", flags, seq, length, ack, window, marks, sack)


def cut_off() -> Connection:
    """A download: one segment lost and sent again, the window closed, a forged reset after 100 s."""
    made = refused()
    made.end = seconds(BEGIN + 100.5)
    made.packets, made.bytes = (
        BySide(initiator=6, responder=5),
        BySide(initiator=40, responder=5000),
    )
    made.retransmissions = BySide(responder=1)
    verdict = made.verdict
    verdict.code, verdict.title = "tcp.injected_reset", "reset forged on the path"
    verdict.attribution.side, verdict.attribution.party = "path", "middlebox"
    verdict.frames = [14, 30]
    made.resets[0].frame = 30
    made.resets[0].attribution.side = "path"
    made.timeline = [
        entry(0, 10, "initiator", "SYN", "seq 0"),
        entry(0.01, 11, "responder", "SYN,ACK", "seq 0, ack 1"),
        entry(0.011, 14, "initiator", "GET /pay", "40 bytes, seq 1, ack 1"),
        entry(0.02, 15, "responder", "3 segments, 5,000 bytes", "seq 1 to 5001"),
        entry(100.5, 30, "responder", "RST", "after 100.3 s, seq 5001, window 0, TTL 63"),
    ]
    made.series = SegmentSeries(
        segments=[
            segment(0.0, 10, ">", SYN, 0),
            segment(0.01, 11, "<", SYN | ACK, 0, ack=1, window=65535),
            segment(0.0105, 12, ">", ACK, 1, ack=1, window=4000),
            segment(0.011, 14, ">", PSH | ACK, 1, 40, ack=1, window=4000),
            segment(0.02, 15, "<", ACK, 1, 2000, ack=41, window=500),
            segment(0.021, 16, "<", ACK, 3001, 2000, ack=41, window=500, marks=marks.GAP_BEFORE),
            segment(0.03, 17, ">", ACK, 41, ack=2001, window=2000, sack=(3001, 5001)),
            segment(0.05, 18, "<", ACK, 2001, 1000, ack=41, marks=marks.FAST_RETRANSMISSION),
            segment(0.06, 19, ">", ACK, 41, ack=5001, window=0, marks=marks.ZERO_WINDOW),
            segment(0.2, 20, "<", ACK, 5000, 0, ack=41, marks=marks.KEEP_ALIVE),
            segment(0.21, 21, ">", ACK, 41, ack=5001, window=0, marks=marks.ZERO_WINDOW),
            segment(100.5, 30, "<", RST, 5001),
        ]
    )
    return made


def stroke_after(gap: float) -> SegmentSeries:
    """Two packets, one left out between them, and then some more."""
    sent = [segment(t, n, ">", ACK, 1 + n * 100, 100, ack=1) for n, t in enumerate((0.0, 0.1, gap))]
    sent.append(segment(gap + 0.1, 9, ">", FIN | ACK, 301, ack=1))
    return SegmentSeries(segments=sent, left_out=7, left_out_after=2)


def activity(bins: int = 4) -> Activity:
    return Activity(
        start=seconds(0),
        bin=15.0,
        packets=[10, 20, 30, 40][:bins],
        bytes=[1500, 0, 3000, 150][:bins],
        opened=[1, 0, 2, 0][:bins],
        open=[1, 1, 3, 2][:bins],
        retransmissions=[0, 0, 4, 0][:bins],
        resets=[1, 0, 1, 0][:bins],
        goaways=[0] * bins,
        failed={"upstream": [1, 0, 2, 0][:bins]},
    )


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def named(figure: Figure, gid: str) -> Iterator[Artist]:
    return (one for one in figure.findobj() if one.get_gid() == gid)


def points(figure: Figure, gid: str) -> list[tuple[float, float]]:
    """Return what a line or its markers have as data."""
    found = []
    for line in named(figure, gid):
        assert isinstance(line, Line2D)
        xs, ys = np.asarray(line.get_data(), dtype=float)
        found += [(round(x, 6), round(y, 6)) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
    return found


def strokes(figure: Figure, gid: str) -> list[tuple[float, int, int]]:
    """Return strokes as (seconds, first byte, end)."""
    found = []
    for lines in named(figure, gid):
        assert isinstance(lines, LineCollection)
        found += [
            (round(float(x), 6), int(low), int(high))
            for (x, low), (_, high) in lines.get_segments()
        ]
    return found


def check_texts(figure: Figure, dpi: int) -> None:
    """Check that every text is on the page and none is over another."""
    figure.set_dpi(dpi)
    figure.savefig(io.BytesIO(), format="svg")
    shown = [one for one in figure.findobj(Text) if isinstance(one, Text) and one.get_text()]
    boxes = [one.get_window_extent() for one in shown]
    for one, box in zip(shown, boxes, strict=True):
        assert figure.bbox.x0 <= box.x0, one
        assert box.x1 <= figure.bbox.x1, one
    slack = dpi / 30  # a line's box is higher than its letters
    for number, box in enumerate(boxes):
        for other in range(number):
            wide = min(box.x1, boxes[other].x1) - max(box.x0, boxes[other].x0)
            high = min(box.y1, boxes[other].y1) - max(box.y0, boxes[other].y0)
            assert wide <= 1 or high <= slack, (shown[number], shown[other])
