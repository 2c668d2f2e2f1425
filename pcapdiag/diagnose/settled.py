"""What only a proxy's other leg can settle of a connection, once both are known.

A 502, 503 or 504 whose page names no product may be the origin's or its own: it is the responder's
own where a call of it failed at that moment, and none brought the same answer. So is a 500, which
frameworks and lighttpd say in their place, where that call was the same request. An
empty answer that bears a proxy's name is not its own where its call brought the same.

An answer that its reader would not take, or lost to the RST behind it, looks like a good one until
the proxy's client gets an error in its place. An initiator that left had lost patience where it
told its client so, and only followed its client where that had left first. A SYN without answer at
the capture's end, or data without acknowledgment, had been given up where the client was told.
"""

from __future__ import annotations

from collections.abc import Container

import msgspec
from msgspec.structs import replace

from pcapdiag.diagnose.failed_requests import with_exchange
from pcapdiag.diagnose.http import local_reply, response_lost, response_rejected
from pcapdiag.diagnose.http.reply import BY_ITS_CALL
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.patience import MOST_SURE, Patience
from pcapdiag.diagnose.tcp import data_timeout
from pcapdiag.diagnose.tcp.connection_timeout import given_up
from pcapdiag.diagnose.tcp.leaving import ABORT, TIMEOUT, leaving
from pcapdiag.diagnose.tcp.left import leaving_judgement
from pcapdiag.diagnose.tls import certificate_rejected
from pcapdiag.diagnose.tls.leaving import left_unused
from pcapdiag.diagnose.work import answer_may_be_missing, sending_request
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from pcapdiag.protocols.http.local_reply import IN_PLACE

FAILED = 500
GIVEN_UP = 0.9
"""Probability of a timed-out connect where the proxy told its client so: one SYN may get lost."""


class Suspect(msgspec.Struct, frozen=True):
    """A request that failed only if another leg shows it, and when that was decided (ns)."""

    code: str
    exchange: int | None
    """None: the connection as a whole, on which nothing was asked."""
    time: int
    frame: int
    by_initiator: bool


def suspects(story: Story) -> list[Suspect]:
    """Return requests whose answers were complete, and may have been of no use all the same."""
    found = []
    for exchange in story.exchanges:
        end = response_rejected.left_at_once(story, exchange, surely=True)
        if end is not None:
            code = response_rejected.KIND.code
            found.append(Suspect(code, exchange.index, end.time, end.frame, True))
        reset = response_lost.early_answer(story, exchange)
        if reset is not None:
            code = response_lost.KIND.code
            found.append(Suspect(code, exchange.index, reset.time, reset.frame, False))
    left = left_unused(story)
    if left is not None:
        code = certificate_rejected.KIND.code
        found.append(Suspect(code, None, left.time, left.frame, True))
    return found


def gateway_answers(story: Story) -> list[Suspect]:
    """Return answers that nothing shows to be a proxy's own, and that its call may show to be."""
    code = local_reply.KIND.code
    return [
        Suspect(code, one.index, one.response_time, one.response_frame, False)
        for one in story.exchanges
        if _may_be_its_own(one) and one.response_time and one.response_frame
    ]


def _may_be_its_own(exchange: Exchange) -> bool:
    handed_on = exchange.upstream_service_time
    bare = exchange.local_reply is None and not handed_on
    return bare and exchange.status in (FAILED, *IN_PLACE)


def mark_gateway_answers(story: Story, confirmed: Container[int]) -> None:
    """Take the answers with these numbers for the responder's own: its call failed just then."""
    for exchange in story.exchanges:
        if exchange.index in confirmed and _may_be_its_own(exchange):
            exchange.local_reply = BY_ITS_CALL


def mark_handed_on(story: Story, shown: Container[int | None]) -> None:
    """Take the answers with these numbers for an origin's, which the responder only handed on."""
    for exchange in story.exchanges:
        if exchange.index in shown:
            exchange.local_reply = None


def confirm(story: Story, code: str, index: int | None, shown: str) -> Judgement | None:
    """Return the verdict for a suspect whose failure the other leg shows, as ``shown`` says."""
    if index is None:
        return certificate_rejected.left_unused_judgement(story, shown)
    for exchange in story.exchanges:
        if exchange.index != index:
            continue
        if code == response_rejected.KIND.code:
            return response_rejected.rejected(story, exchange, response_rejected.CONFIRMED, shown)
        if code == response_lost.KIND.code:
            return response_lost.lost(story, exchange, response_lost.CONFIRMED, shown)
    return None


def never_connected(story: Story, context: Context) -> Judgement | None:
    """Return the verdict on a SYN without answer that its initiator is known to have given up."""
    if not story.syn_frames or story.responder.packets or story.icmp:
        return None
    return given_up(story, context, gave_up=True, confidence=GIVEN_UP)


def never_acknowledged(story: Story, context: Context) -> Judgement | None:
    """Return the verdict on data still repeated when its sender is known to have given up."""
    if answer_may_be_missing(story):
        return None
    return data_timeout.undelivered(story, context)


def gave_up(story: Story, context: Context, leg: str, *, again: bool = False) -> Judgement | None:
    """Return the verdict where an initiator that left had told its client that it timed out.

    With ``again`` it tried once more instead: ``leg`` is that try.
    """
    if sending_request(story):
        # Its own client stalled within the request: no answer was due.
        return None
    why = f"it told its own client so at that moment ({leg})"
    if again:
        why = f"it then made the same call again ({leg})"
    return _left(story, context, TIMEOUT, MOST_SURE, why)


def held_up_its_client(
    story: Story, context: Context, leg: str, timeout: float
) -> Judgement | None:
    """Return the verdict where an initiator left as its own client had lost patience.

    ``timeout`` is the probability that the client had.
    """
    if sending_request(story):
        return None
    why = f"its own client gave up at that moment ({leg})"
    return _left(story, context, TIMEOUT, timeout, why)


def followed_its_client(story: Story, context: Context, leg: str) -> Judgement | None:
    """Return the verdict where an initiator left because its own client had."""
    why = f"its own client had left just before ({leg})"
    return _left(story, context, ABORT, 1 - MOST_SURE, why)


def _left(story: Story, context: Context, code: str, timeout: float, why: str) -> Judgement | None:
    how = leaving(story, context)
    if how is None:
        return None
    waited = Patience(how.waited.waited, timeout, how.waited.round_value, why)
    return with_exchange(leaving_judgement(story, code, replace(how, waited=waited)), story)
