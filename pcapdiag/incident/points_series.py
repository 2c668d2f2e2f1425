"""What charts draw of a connection at each of several points: one clock, one count of bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pcapdiag.flow.story import FIRST_PACKETS
from pcapdiag.incident.drawing import Drawing
from pcapdiag.incident.merge import Meeting, View
from pcapdiag.incident.series import Zero, series
from pcapdiag.model.packet import seq_add
from pcapdiag.model.points import Match
from pcapdiag.model.report import SegmentSeries


def points_series(
    meeting: Meeting, drawings: Sequence[Mapping[int, Drawing]]
) -> dict[int, SegmentSeries]:
    """Return a connection's segments by point: every packet where there is a drawing of it.

    ``drawings`` are every point's, by stream. Nothing of points whose clocks are not known: their
    times could not be drawn with the first one's.
    """
    base = meeting.views[0]
    found = {base.point: _series(base, drawings[base.point], None)}
    for view in meeting.views[1:]:
        if view.stamp.clock.known and base.stamp.clock.known:
            zero = zero_at(view, base, meeting)
            found[view.point] = _series(view, drawings[view.point], zero)
    return found


def _series(view: View, drawings: Mapping[int, Drawing], zero: Zero | None) -> SegmentSeries:
    story = view.told.story
    drawing = drawings.get(story.stream)
    return drawing.series(story, zero) if drawing else series(story, FIRST_PACKETS, zero)


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
    return seq_add(known, shifts[base.point] - shifts[view.point])


def _is_swapped(match: Match, point: int) -> bool:
    return bool(match.swapped) and match.swapped[point]
