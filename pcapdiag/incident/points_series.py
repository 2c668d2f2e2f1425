"""What charts draw of a connection at each of several points: one clock, one count of bytes."""

from __future__ import annotations

from pcapdiag.incident.describe import FIRST_PACKETS
from pcapdiag.incident.merge import Meeting, View
from pcapdiag.incident.series import MASK32, Zero, series
from pcapdiag.model.points import Match
from pcapdiag.model.report import SegmentSeries


def points_series(meeting: Meeting) -> dict[int, SegmentSeries]:
    """Return the segments at the points beside the first that tells the connection, by point.

    Nothing of points whose clocks are not known: their times could not be drawn with the others.
    """
    base = meeting.views[0]
    return {
        view.point: series(view.told.story, FIRST_PACKETS, zero_at(view, base, meeting))
        for view in meeting.views[1:]
        if view.stamp.clock.known and base.stamp.clock.known
    }


def zero_at(view: View, base: View, meeting: Meeting) -> Zero:
    """Return what a view's series counts from, so that it lies on the one of ``base``."""
    match = meeting.way.journey.match
    story = base.told.story
    bases = {
        initiator: _base_at(view, base, match, initiator=initiator) for initiator in (True, False)
    }
    swapped = _is_swapped(match, view.point) != _is_swapped(match, base.point)
    return Zero(
        time=base.stamp.clock.to_first(story.start),
        clock=view.stamp.clock,
        initiator_base=bases[not swapped],
        responder_base=bases[swapped],
        swapped=swapped,
    )


def _base_at(view: View, base: View, match: Match, *, initiator: bool) -> int | None:
    """Return where an end of the base's story begins, in this point's sequence numbers."""
    known = base.told.story.half(initiator).base_seq
    if known is None:
        return None
    of_initiator = initiator != _is_swapped(match, base.point)
    shifts = match.shift_initiator if of_initiator else match.shift_responder
    return (known + shifts[base.point] - shifts[view.point]) & MASK32


def _is_swapped(match: Match, point: int) -> bool:
    return bool(match.swapped) and match.swapped[point]
