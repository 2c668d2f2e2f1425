"""Signals that take two captures: each with its sentence, and the point whose frames it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.points.way import Crossing, Way
from pcapdiag.model.ends import side_of
from pcapdiag.model.points import Passage
from pcapdiag.model.report import Evidence


class PointSignal(NamedTuple):
    """A signal, the point whose frames it names, and whether it only supposes a capture ran on."""

    signal: Signal
    point: int
    supposed: bool = False

    def evidence(self, labels: Sequence[str]) -> Evidence:
        """Return it as the report shows it."""
        evidence = self.signal.evidence()
        evidence.point = labels[self.point]
        return evidence


def by_crossing(
    name: str, crossing: Crossing, detail: str, frames: tuple[int, ...], way: Way
) -> PointSignal:
    """Return a signal for the path that rests on a packet's absence at a point.

    It is weaker where the capture there has nothing later, so that it may have been stopped, and
    where it shows nothing to that port, so that a capture filter may have left it out.
    """
    label = way.labels[crossing.absent]
    if crossing.supposed:
        name += "_quiet"
        compared = None not in [way.journey.errors[n] for n in (crossing.shown, crossing.absent)]
        detail += (
            f" (if {label} was still capturing: it shows nothing later)"
            if compared
            else f" (if {label}'s clock is about right: no packet at both compares it)"
        )
    found = signal(name, "path", detail, frames, confounded=crossing.by_host)
    return PointSignal(found, crossing.shown, crossing.supposed)


def lost_between(
    way: Way, passages: Sequence[Passage], crossing: Crossing, what: str
) -> PointSignal:
    """Say that packets left one point and never reached the next: something between dropped them.

    ``what`` names them: ``3 SYNs of 10.0.0.1``.
    """
    shown, absent = way.labels[crossing.shown], way.labels[crossing.absent]
    detail = f"{what} passed {shown} ({way.where(passages, crossing.shown)})"
    detail += f" and never reached {absent}"
    frames = way.frames(passages, crossing.shown)
    return by_crossing("lost_between", crossing, detail, frames, way)


def arrived_unanswered(
    way: Way, passages: Sequence[Passage], point: int, initiator: bool, detail: str
) -> PointSignal:
    """Say that packets reached the point nearest to an end, and no answer left it.

    That says much where the point is on that end's own host or link, and little where more of the
    path is behind it.
    """
    name = "arrived_unanswered"
    if not way.is_beside(point, initiator):
        name += "_near" if way.is_labelled(point, initiator) else "_far"
    frames = way.frames(passages, point)
    return PointSignal(signal(name, side_of(initiator), detail, frames), point)
