"""What several captures make of one connection together: code, side, and the evidence for it.

Every point has its own judgement, made from its capture alone. Here the one that counts is chosen,
and what the points show of the decisive packets' way moves it: a RST that never left the end whose
address it bears, SYNs that reached the responder's host, data that was lost between two points.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import attribute, attribute_reset
from pcapdiag.diagnose.attribution.damage import refused_some
from pcapdiag.diagnose.attribution.signal import signal
from pcapdiag.diagnose.attribution.silence import damaged_on_the_way
from pcapdiag.diagnose.attribution.vantage import vantage
from pcapdiag.diagnose.capture import partial
from pcapdiag.diagnose.judge import refine
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.points import closes, handshake, icmp, transfer
from pcapdiag.diagnose.points.combine import combine
from pcapdiag.diagnose.points.signals import PointSignal
from pcapdiag.diagnose.points.view import (
    PATH_TOOK_IT,
    behind_a_syn_proxy,
    failing_point,
    with_code,
)
from pcapdiag.diagnose.points.way import Way, is_reset
from pcapdiag.diagnose.tcp import data_timeout
from pcapdiag.model.context import Context
from pcapdiag.model.ends import join_port
from pcapdiag.model.packet import ACKED_UNSEEN
from pcapdiag.model.points import Journey, Passage
from pcapdiag.model.report import Attribution
from pcapdiag.model.story import Story

MAY_HAVE_BEEN_LOST = frozenset({"tcp.initiator_abort", "tcp.response_timeout"})
"""What it looks like where an answer never comes: another point may show that it was sent."""

ARRIVED = "arrived_unanswered"
UNTRANSLATED = "untranslated"
"""Signals that others make room for, or that speak for the whole connection."""
SYN_PROXY = (
    "The initiator's handshake was answered all the same: a device between (a SYN proxy, a load "
    "balancer) takes it in the responder's place, and asks that one only then."
)


class Opinion(msgspec.Struct, frozen=True):
    """What one point's capture says of the connection by itself."""

    story: Story
    judgement: Judgement
    attribution: Attribution
    context: Context


class Outcome(msgspec.Struct, frozen=True):
    """What all points say together. The party is left to the roles.

    ``point`` is whose story, frames and texts the judgement has. ``resets`` has who sent each RST
    of which the points tell, by point and frame. ``decisive`` are the frames at every point of what
    the evidence rests on, as indexes into the journey's passages.
    """

    point: int
    judgement: Judgement
    attribution: Attribution
    resets: dict[tuple[int, int], Attribution]
    decisive: tuple[int, ...] = ()


def judge_points(
    journey: Journey, opinions: Sequence[Opinion | None], labels: Sequence[str]
) -> Outcome | None:
    """Return the judgement of a connection by all points; None where it failed at none of them.

    ``opinions`` are in the points' order, None for a point that does not have the connection.
    """
    way = Way(journey, labels)
    way.on_host |= _on_host(opinions)
    way.held_back |= held_back(opinions)
    point = failing_point(way, _trusted(way, opinions))
    if point is None or _code(opinions[point]) in MAY_HAVE_BEEN_LOST:
        opinions, undelivered = _undelivered(way, opinions)
        point = point if undelivered is None else undelivered
    opinion = opinions[point] if point is not None else None
    if point is None or opinion is None:
        return None
    signals = weigh(way, point, opinion.judgement)
    if opinion.judgement.reset is not None:
        signals += past_a_nat(way, opinions)
    signals = _or_damaged(signals, opinion.judgement.code, opinions)
    attribution = combine(way, point, opinion.attribution, signals)
    judgement = with_code(opinion.judgement, opinion.story, opinion.context, signals, attribution)
    if not any(one.signal.name == UNTRANSLATED for one in signals):
        judgement = refine(judgement, attribution, opinion.story, opinion.context)
    if behind_a_syn_proxy(way, _trusted(way, opinions)) == point:
        judgement = replace(judgement, notes=(*judgement.notes, SYN_PROXY))
    judgement = with_notes(judgement, way, opinions, attribution)
    return Outcome(
        point=point,
        judgement=judgement,
        attribution=attribution,
        resets=senders(way, opinions),
        decisive=_decisive(journey, signals),
    )


def _or_damaged(
    signals: list[PointSignal], code: str, opinions: Sequence[Opinion | None]
) -> list[PointSignal]:
    """Put that it came damaged in the place of that it arrived and was not answered."""
    given = [(point, opinion) for point, opinion in enumerate(opinions) if opinion is not None]
    found: list[PointSignal] = []
    for point, opinion in given:
        others = [other.story for number, other in given if number != point]
        damaged = damaged_on_the_way(opinion.story, code, opinion.context, others)
        found += [PointSignal(damaged, point)] if damaged else []
    if not found and not any(refused_some(opinion.story) for _, opinion in given):
        return signals
    return [*(one for one in signals if not one.signal.name.startswith(ARRIVED)), *found[:1]]


def _code(opinion: Opinion | None) -> str:
    return opinion.judgement.code if opinion is not None else ""


def _trusted(way: Way, opinions: Sequence[Opinion | None]) -> dict[int, Judgement]:
    """Return the judgements that count, by point.

    Not that of a capture which took the ends for each other, or missed packets, where another one
    of the connection did not. Where its reset was born on the way, an end may have got a forged
    FIN too, and acknowledged what nobody sent.
    """
    given = {n: opinion for n, opinion in enumerate(opinions) if opinion is not None}
    swapped = way.journey.match.swapped
    straight = {n: o for n, o in given.items() if not (swapped and swapped[n])} or given
    whole = {n: o for n, o in straight.items() if not _is_lossy(o.story) or _struck(way, n, o)}
    tells = any(o.judgement.code != partial.KIND.code for o in whole.values())
    return {n: o.judgement for n, o in (whole if tells else straight).items()}


def _undelivered(
    way: Way, opinions: Sequence[Opinion | None]
) -> tuple[Sequence[Opinion | None], int | None]:
    """Find data that a capture's end found still unacknowledged, and of which nothing arrived."""
    for point, opinion in enumerate(opinions):
        if opinion is None or opinion.judgement.code != partial.KIND.code:
            continue
        judgement = data_timeout.undelivered(opinion.story, opinion.context)
        lost = [one for one in transfer.weigh(way, "") if one.signal.name in PATH_TOOK_IT]
        if judgement is not None and any(one.point == point for one in lost):
            attribution = attribute(opinion.story, judgement, opinion.context)
            now = replace(opinion, judgement=judgement, attribution=attribution)
            return [now if n == point else o for n, o in enumerate(opinions)], point
    return opinions, None


def _struck(way: Way, point: int, opinion: Opinion) -> bool:
    """Return whether the reset that a point's judgement rests on was born on the way to it."""
    reset = opinion.judgement.reset
    if reset is None:
        return False
    same = (p for p in way.journey.passages if p.frames[point] == reset.frame)
    return any(way.born(passage) is not None for passage in same)


def _is_lossy(story: Story) -> bool:
    # A forged RST may acknowledge anything.
    return any(p.marks & ACKED_UNSEEN and not p.is_rst for p in story.packets)


def _on_host(opinions: Sequence[Opinion | None]) -> set[tuple[int, bool]]:
    found = set()
    for point, opinion in enumerate(opinions):
        place = vantage(opinion.story, opinion.context).place if opinion is not None else "unknown"
        if place in ("initiator", "responder"):
            found.add((point, place == "initiator"))
    return found


def past_a_nat(way: Way, opinions: Sequence[Opinion | None]) -> list[PointSignal]:
    """Find that a point has the rest of the connection as it was before a NAT that forgot it."""
    found = []
    rest = way.journey.match.continued
    for point, opinion in enumerate(opinions):
        if opinion is None:
            continue
        story, label = opinion.story, way.labels[point]
        ends = way.journey.ends[point]
        if opinion.context.untranslated is not None:
            known = opinion.context.untranslated.known
            reset = story.resets[0] if story.resets else None
            sender = story.half(not reset.from_initiator) if reset else story.initiator
            detail = f"packets of {sender.address} arrived untranslated at {label}"
        elif rest and story.stream in rest[point] and ends is not None:
            known = join_port(*ends[0])
            detail = f"it went on from {story.initiator.host_port} at {label}"
        else:
            continue
        detail += (
            f" (frame {story.first_frame}), in place of {known}: the NAT between forgot the "
            "connection"
        )
        frames = (story.first_frame,)
        found.append(PointSignal(signal(UNTRANSLATED, "path", detail, frames), point))
    return found


def held_back(opinions: Sequence[Opinion | None]) -> set[int]:
    """Return the points whose captures say that their device did not pass packets on."""
    return {
        point
        for point, opinion in enumerate(opinions)
        if opinion is not None
        and any(one.signal == "not_passed_on" for one in opinion.attribution.evidence)
    }


def weigh(way: Way, point: int, judgement: Judgement) -> list[PointSignal]:
    """Return what the points say of a failure, by its kind."""
    code = judgement.code
    if code in handshake.CODES:
        return handshake.weigh(way)
    if code.startswith("icmp."):
        return icmp.weigh(way)
    if code in transfer.UNACKNOWLEDGED:
        return transfer.weigh(way, code)
    return closes.weigh(way, point, judgement)


def senders(way: Way, opinions: Sequence[Opinion | None]) -> dict[tuple[int, int], Attribution]:
    """Return who sent each RST, where the points tell, by point and frame."""
    found: dict[tuple[int, int], Attribution] = {}
    for passage in filter(is_reset, way.journey.passages):
        point, alone = _alone(passage, opinions)
        signal = closes.who_sent(way, passage) if alone is not None else None
        if signal is None or alone is None:
            continue
        attribution = combine(way, point, alone, [signal])
        for other, frame in enumerate(passage.frames):
            if frame is not None and opinions[other] is not None:
                found[other, frame] = attribution
    return found


def _alone(passage: Passage, opinions: Sequence[Opinion | None]) -> tuple[int, Attribution | None]:
    """Return who sent a RST by the first capture whose story has it, and that point."""
    for point, opinion in enumerate(opinions):
        for packet in opinion.story.resets if opinion is not None else ():
            if opinion is not None and packet.frame == passage.frames[point]:
                return point, attribute_reset(opinion.story, packet, opinion.context)
    return 0, None


def with_notes(
    judgement: Judgement, way: Way, opinions: Sequence[Opinion | None], attribution: Attribution
) -> Judgement:
    """Add what the captures said by themselves, where all together say something else."""
    notes = []
    for point, opinion in enumerate(opinions):
        if opinion is None or attribution.side == "unknown":
            continue
        alone = opinion.attribution
        if opinion.judgement.failed and alone.side not in ("unknown", attribution.side):
            notes.append(
                f"by {way.labels[point]}'s capture alone it looked like the {alone.side}'s doing "
                f"({alone.confidence:.2f}, {opinion.judgement.code})"
            )
    return replace(judgement, notes=(*judgement.notes, *notes))


def _decisive(journey: Journey, signals: Sequence[PointSignal]) -> tuple[int, ...]:
    named = {(one.point, frame) for one in signals for frame in one.signal.frames}
    return tuple(
        number
        for number, passage in enumerate(journey.passages)
        if any((point, frame) in named for point, frame in enumerate(passage.frames))
    )
