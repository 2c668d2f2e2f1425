"""Which point's judgement counts, and the code once the points have told more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.points.signals import PointSignal
from pcapdiag.diagnose.points.way import Way, is_reset
from pcapdiag.diagnose.tcp import data_timeout, handshake_stalled, injected_reset
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.report import Attribution
from pcapdiag.model.story import Story

_CLOSED = ("tcp.reset_before_response", "tcp.closed_before_response")
"""What an end did in place of answering; where it never came through, the other one waits."""
EXPLAINED_BY = {
    "tcp.connection_timeout": ("tcp.connection_refused", "icmp."),
    "tcp.handshake_stalled": ("tcp.connection_refused", "icmp."),
    "tcp.response_timeout": ("mtu.", "tcp.data_timeout", "icmp.", *_CLOSED),
    "tcp.initiator_abort": ("mtu.", "tcp.data_timeout", "icmp.", *_CLOSED),
    "http.truncated_response": ("mtu.", "tcp.data_timeout", "icmp."),
    "tls.handshake_timeout": ("mtu.",),
    "tcp.data_timeout": ("mtu.", "icmp."),
}
"""What a failure looks like at one point, and the earlier cause that only another may show."""
PATH_TOOK_IT = frozenset({"lost_between", "lost_between_quiet"})
CONNECT = "connect"
"""The phase of a connection that never came up."""
ARRIVED = frozenset({"arrived_unanswered", "arrived_unanswered_near"})
"""What came to its receiver's point did not vanish by its size, whatever that made of it."""


def failing_point(way: Way, judgements: Mapping[int, Judgement]) -> int | None:
    """Return the point whose judgement counts; None where none failed.

    Of those that failed it is the nearest to the initiator, but for one that shows the cause of
    what that one saw.
    """
    failed = _failed(way, judgements)
    if not failed:
        return None
    earliest = behind_a_syn_proxy(way, judgements)
    if earliest is None:
        earliest = _struck_first(way, judgements, failed)
    if earliest is not None:
        return earliest
    causes = EXPLAINED_BY.get(judgements[failed[0]].code, ())
    for point in failed[1:]:
        if judgements[point].code.startswith(causes or ("-",)):
            return point
    return failed[0]


def _failed(way: Way, judgements: Mapping[int, Judgement]) -> list[int]:
    """Return the points that saw it fail, from the initiator's end on."""
    order = way.journey.order
    failed = [point for point, judgement in judgements.items() if judgement.failed]
    failed.sort(key=lambda point: (order.index(point) if point in order else len(order), point))
    return failed


def behind_a_syn_proxy(way: Way, judgements: Mapping[int, Judgement]) -> int | None:
    """Return the point where the connection never came up, where it did nearer to its initiator.

    A device between took the handshake in the responder's place, and only then asked that one.
    """
    failed = _failed(way, judgements)
    came_up = bool(failed) and judgements[failed[0]].phase != CONNECT
    behind = (point for point in failed[1:] if judgements[point].phase == CONNECT)
    return next(behind, None) if came_up else None


def _struck_first(way: Way, judgements: Mapping[int, Judgement], failed: list[int]) -> int | None:
    """Return the point whose reset came first and was born on the way; others may be effects."""
    resets = [p for p in way.journey.passages if is_reset(p)]
    resets.sort(key=lambda passage: passage.first_seen)
    for passage in resets[:1]:
        for point in failed:
            reset = judgements[point].reset
            if reset is not None and passage.frames[point] == reset.frame and way.born(passage):
                return point
    return None


def with_code(
    judgement: Judgement,
    story: Story,
    context: Context,
    signals: Sequence[PointSignal],
    attribution: Attribution,
) -> Judgement:
    """Return the judgement with the code that the points leave of several alike."""
    names = {one.signal.name for one in signals}
    code, others = judgement.code, judgement.alternatives
    if code == injected_reset.KIND.code and attribution.side not in ("path", "unknown") and others:
        return _sent_by_its_end(judgement, others[0].code)
    if code == "mtu.black_hole" and names & ARRIVED and not names & PATH_TOOK_IT:
        found = data_timeout.match(story, context) or data_timeout.undelivered(story, context)
        return found or judgement
    if code == "tcp.accept_queue_overflow" and names & PATH_TOOK_IT:
        return handshake_stalled.ack_lost(story)
    return judgement


def _sent_by_its_end(judgement: Judgement, code: str) -> Judgement:
    """Return what the reset was before one capture took it for a forged one."""
    others = tuple(other for other in judgement.alternatives if other.code != code)
    was = OtherCode(judgement.code, round(1 - judgement.confidence, 2))
    by_initiator = judgement.reset is not None and judgement.reset.from_initiator
    return replace(
        judgement,
        code=code,
        ended_by=side_of(by_initiator),
        alternatives=(was, *others),
    )
