"""Where a RST or FIN was born: at the end whose address it bears, or on the way (judgement)."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.priors import HOST_ANSWERS
from pcapdiag.diagnose.attribution.signal import signal
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.points.signals import PointSignal, by_crossing, lost_between
from pcapdiag.diagnose.points.way import Way, is_reset, is_syn, packets, surest
from pcapdiag.model.ends import side_of
from pcapdiag.model.packet import ACK, FIN, PSH, RST, flag_letters, seq_add
from pcapdiag.model.points import Passage
from pcapdiag.model.units import SECOND

RENUMBERED_WITHIN = SECOND
"""Another RST of that end this near (ns), at the point that lacks this one, may be the same one
with other numbers."""


AT_ONCE = SECOND
"""A RST this long (ns) after the decisive one may be an effect of it."""
UNHEARD = 2
"""Resets of one end that got lost, and not by chance."""
MOST_TOLD = 4
"""Resets born on the way that the evidence names."""
REFUSED = "tcp.connection_refused"
"""Judged by one refusal of several: that an earlier one got lost says nothing of who refuses."""
SENDERS = (
    REFUSED,
    "tcp.reset_",
    "tcp.closed_",
    "tcp.idle_reset",
    "tcp.stale_connection",
    "tcp.state_lost",
    "tcp.injected_reset",
    "tcp.initiator_abort",
    "tls.handshake_reset",
    "tls.handshake_closed",
    "tls.sni_rejected",
    "http.truncated_response",
)
"""Failures that whoever sent the RST or FIN brought about."""


def weigh(way: Way, point: int, judgement: Judgement) -> list[PointSignal]:
    """Return who sent the RST or FIN that a point's judgement is about, as far as the points tell.

    Where the other end got one too that its peer never sent, that says the same.
    """
    closing = _closing(way, point, judgement)
    if closing is None or not judgement.code.startswith(SENDERS):
        return []
    if judgement.code == REFUSED:
        return _refused(way, closing, judgement)
    unheard = unheard_close(way, closing)
    if unheard is not None:
        return [unheard]
    near = [p for p in way.journey.passages if p.first_seen - closing.first_seen <= AT_ONCE]
    # Handed on with other numbers it is still the same one, and was born where that was.
    apart = [
        p for p in near if is_reset(p) and p is not closing and not _is_renumbered(way, p, closing)
    ]
    others = [born_between(way, p) for p in apart]
    answers = _unheard_answers(way, closing) if judgement.code in HOST_ANSWERS else None
    found = [_blamed(way, closing, judgement), answers, *others]
    return [one for one in found if one is not None][:MOST_TOLD]


def _refused(way: Way, refusal: Passage, judgement: Judgement) -> list[PointSignal]:
    """Return who refused a SYN; each is refused anew, and the path may deliver a RST twice."""
    if None in refusal.frames:
        same = way.passages(refusal.from_initiator, lambda p: _are_alike(p, refusal))
        refusal = next((p for p in same if None not in p.frames), refusal)
    found = _blamed(way, refusal, judgement)
    return [found] if found is not None else []


def _blamed(way: Way, closing: Passage, judgement: Judgement) -> PointSignal | None:
    """Return who sent it, as far as that says who is to blame.

    A device that forgot the connection, or swallowed a FIN, makes the host behind it answer with a
    bare RST: so that it left the host says less (priors.py).
    """
    found = born_between(way, closing)
    if found is not None:
        return found
    found = left_end(way, closing)
    if found is None or judgement.code not in HOST_ANSWERS or closing.flags & ACK:
        return found
    if closing.flags & FIN or not (_swallowed(way, closing) or _unheard_answers(way, closing)):
        return found
    one = found.signal
    return found._replace(signal=signal("left_side", one.says, one.detail, one.frames))


def _unheard_answers(way: Way, closing: Passage) -> PointSignal | None:
    """Find that a host answers by bare RSTs again and again, and none of them comes through.

    What swallows them may have made the host forget as well: by a reset in the other end's name.
    """
    resets = way.passages(closing.from_initiator, lambda p: is_reset(p) and not p.flags & ACK)
    gone = way.gone(resets)
    if len(gone) < UNHEARD or way.at(resets, way.nearest(not closing.from_initiator)):
        return None
    crossing = surest(gone)
    what = f"{packets(resets, 'RST')} of {way.address(closing.from_initiator)}"
    return lost_between(way, way.at([p for p, _ in gone], crossing.shown), crossing, what)


def _swallowed(way: Way, closing: Passage) -> bool:
    """Return whether what made the host forget may have been before the capture there began."""
    point = way.nearest(closing.from_initiator)
    return not way.at(way.passages(True, is_syn), point)


def _closing(way: Way, point: int, judgement: Judgement) -> Passage | None:
    """Return the RST that is decisive, or the first RST or FIN among the decisive frames."""
    named = {judgement.reset.frame} if judgement.reset else set(judgement.frames)
    words = (p for p in way.journey.passages if p.flags & (RST | FIN))
    return next((p for p in words if p.frames[point] in named), None)


def who_sent(way: Way, passage: Passage) -> PointSignal | None:
    """Weigh by whom a closing segment was sent; None where the points do not tell."""
    return born_between(way, passage) or left_end(way, passage)


def unheard_close(way: Way, closing: Passage) -> PointSignal | None:
    """Find that the end had closed before, and its FIN or RST never reached the other one.

    A device that had forgotten the connection swallowed it; what followed had to fail. A FIN that
    got through when it was repeated was only late. Those that cannot be told from missed by the
    capture do not count, but none may have arrived.
    """
    earlier = [
        p
        for p in way.passages(closing.from_initiator, lambda p: bool(p.flags & (FIN | RST)))
        if p.first_seen < closing.first_seen - (RENUMBERED_WITHIN if is_reset(p) else 0)
        if is_reset(p) or is_reset(closing) or _end(p) != _end(closing)
    ]
    other = way.nearest(not closing.from_initiator)
    gone = way.gone(earlier)
    if not gone or way.at(earlier, other):
        return None
    earlier = [p for p, _ in gone]
    crossing = surest(gone)
    word = "FIN" if earlier[0].flags & FIN else "RST"
    what = f"{packets(earlier, word)} of {way.address(closing.from_initiator)}"
    return lost_between(way, way.at(earlier, crossing.shown), crossing, what)


def born_between(way: Way, passage: Passage) -> PointSignal | None:
    """Find a segment that came past one point and never left the end whose address it bears."""
    crossing = way.born(passage)
    if crossing is None:
        return None
    address = way.address(passage.from_initiator, crossing.shown)
    frame = passage.frames[crossing.shown]
    shown, absent = way.labels[crossing.shown], way.labels[crossing.absent]
    detail = (
        f"{flag_letters(passage.flags)} bears {address}'s address, reached {shown} "
        f"(frame {frame}), never left {absent}"
    )
    frames = (frame,) if frame is not None else ()
    found = by_crossing("born_between", crossing, detail, frames, way)
    other = _renumbered(way, passage, crossing.absent)
    if other is None:
        return found
    detail += f"; {absent} has another of that end (frame {other.frames[crossing.absent]})"
    name = found.signal.name
    return found._replace(signal=signal(name, "path", detail, frames, confounded=True))


def left_end(way: Way, passage: Passage) -> PointSignal | None:
    """Find a segment that the point nearest to its end shows, on its way to the other one."""
    point = way.nearest(passage.from_initiator)
    frame = passage.frames[point] if point is not None else None
    if point is None or frame is None:
        return None
    address, label = way.address(passage.from_initiator), way.labels[point]
    beside = way.is_beside(point, passage.from_initiator)
    detail = f"{flag_letters(passage.flags)} of {address} passed {label} (frame {frame})"
    detail += f", beside {address}" if beside else f": it came from {address}'s side of it"
    others = [other for other in way.line(passage.from_initiator)[1:] if passage.frames[other]]
    if others:
        detail += f", then {way.labels[others[-1]]} (frame {passage.frames[others[-1]]})"
    gone = way.lost(passage)
    if gone is not None and not gone.supposed:
        detail += f"; it never reached {way.labels[gone.absent]}"
    name = "left_end" if beside else "left_side"
    return PointSignal(signal(name, side_of(passage.from_initiator), detail, (frame,)), point)


def _renumbered(way: Way, passage: Passage, absent: int) -> Passage | None:
    """Return a segment of the same kind that only the other point has, at about that time."""
    for other in way.passages(passage.from_initiator):
        if other is passage or (other.flags ^ passage.flags) & ~PSH:
            continue
        apart = abs(other.first_seen - passage.first_seen)
        alone = sum(frame is not None for frame in other.frames) == 1
        if alone and other.frames[absent] is not None and apart <= RENUMBERED_WITHIN:
            return other
    return None


def _is_renumbered(way: Way, passage: Passage, closing: Passage) -> bool:
    crossing = way.born(passage)
    return crossing is not None and _renumbered(way, passage, crossing.absent) is closing


def _are_alike(one: Passage, other: Passage) -> bool:
    return (one.flags, one.seq, one.ack) == (other.flags, other.seq, other.ack)


def _end(passage: Passage) -> int:
    return seq_add(passage.seq, passage.length)
