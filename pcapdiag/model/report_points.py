"""The report's members about several capture points: where they are, and what passed them."""

from typing import Literal

import msgspec

from pcapdiag.model.ends import End
from pcapdiag.model.report_pictures import Activity, SegmentSeries

Fate = Literal["both", "lost", "appeared", "unknown"]
"""Seen wherever it should be; seen where it was sent and not further on; seen further on but not
where it should have been sent; or absent where absence proves nothing."""


class ClockChange(msgspec.Struct, kw_only=True):
    """From ``since`` on (by the point's own clock) its offset is another one, seconds."""

    since: str
    clock_offset: float


class Point(msgspec.Struct, kw_only=True):
    """One capture point: its files, and how its clock stands to the first point's.

    ``clock_offset`` (seconds) added to a time of this point gives the first point's; the true
    value lies within ``clock_error`` of it. Both are None where no connection was seen at both
    with packets in both directions: then nothing finer than a second is concluded from times
    between them. ``drift`` is seconds per second.
    """

    label: str
    files: list[str]
    clock_offset: float | None = None
    clock_error: float | None = None
    drift: float | None = None
    packets: int = 0
    complete: bool = True
    clock_steps: list[ClockChange] = []
    connections: int = 0
    """TCP connections in it, before anything was found at several points."""
    shared: int = 0
    """Those of them that were found at another point, too."""
    activity: Activity | None = None
    """What this point saw over time, by its own clock; ``failed`` is told of the first point."""


class Sighting(msgspec.Struct, kw_only=True):
    """A connection as one point shows it: its own numbers there, and other addresses behind NAT."""

    point: str
    stream: int
    first_frame: int
    initiator: str
    responder: str
    packets: int = 0
    series: SegmentSeries | msgspec.UnsetType = msgspec.UNSET
    """Its packets as this point shows them, with ``AnalyzeOptions.pictures``; unset for the point
    whose numbers the connection has, which are in ``Connection.series``, and where the clock is not
    known. Times are on the first point's clock, since the connection's ``start`` as there; sequence
    numbers count from where those of the connection do."""


class PointPassage(msgspec.Struct, kw_only=True):
    """One packet, or range of bytes, on its way past the points.

    ``frames``, ``times`` and ``covers`` have one entry per point in the order of ``points``; None
    where it was not seen. Times are by the first point's clock. ``covers`` says whether that
    capture would have shown it.
    """

    from_: End = msgspec.field(name="from")
    event: str
    frames: list[int | None]
    times: list[str | None]
    covers: list[bool]
    fate: Fate
    changed: list[str] = []
    decisive: bool = False
    """The verdict's evidence rests on it."""
