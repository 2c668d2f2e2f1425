"""Where an ICMP error in an end's name was born: a REJECT rule on the way may use its address."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.signal import signal
from pcapdiag.diagnose.points.signals import PointSignal, lost_between
from pcapdiag.diagnose.points.way import Way, packets
from pcapdiag.model.ends import side_of
from pcapdiag.model.points import Passage
from pcapdiag.model.story import IcmpFact


def weigh(way: Way) -> list[PointSignal]:
    """Return what the points say of the last ICMP error that bears an end's address."""
    for point, errors in enumerate(way.journey.icmp):
        for error in reversed(errors):
            if error.source == way.address(not error.from_initiator, point):
                found = _weigh(way, point, error)
                if found is not None:
                    return [found]
    return []


def _weigh(way: Way, point: int, error: IcmpFact) -> PointSignal | None:
    far = way.nearest(not error.from_initiator)
    quoted = [p for p in way.passages(error.from_initiator) if _is_quoted(p, error, way)]
    if far is None or not quoted:
        return None
    side = side_of(not error.from_initiator)
    own = next((e for e in way.journey.icmp[far] if _same(e, error)), None)
    if own is not None and own.source != way.address(not error.from_initiator, far):
        detail = (
            f"the ICMP error bore {own.source} at {way.labels[far]} (frame {own.frame}): a NAT put "
            f"{error.source} in its place"
        )
        return PointSignal(signal("icmp_from_path", "path", detail, (own.frame,)), far)
    if own is not None:
        beside = way.is_beside(far, not error.from_initiator)
        detail = f"the ICMP error of {own.source} passed {way.labels[far]} (frame {own.frame})"
        name = "left_end" if beside else "left_side"
        return PointSignal(signal(name, side, detail, (own.frame,)), far)
    gone = way.gone(quoted)
    if way.at(quoted, far) or not gone:
        return None
    crossing = gone[0][1]
    what = f"{packets(quoted, 'segment')} that {error.source} is said to reject"
    found = lost_between(way, way.at(quoted, crossing.shown), crossing, what)
    frames = (error.frame,) if point == crossing.shown else ()
    return found._replace(
        signal=signal(found.signal.name, "path", found.signal.detail, found.signal.frames + frames)
    )


def _is_quoted(passage: Passage, error: IcmpFact, way: Way) -> bool:
    """Return whether it is the quoted segment; a device that rewrites numbers hides that."""
    return passage.seq == error.quoted_seq and any(
        passage.frames[point] is not None for point in way.line(error.from_initiator)
    )


def _same(one: IcmpFact, other: IcmpFact) -> bool:
    return (one.type, one.code, one.from_initiator) == (
        other.type,
        other.code,
        other.from_initiator,
    )
