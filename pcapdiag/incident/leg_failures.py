"""From a connection's story and judgements to what the other legs need of its failures."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.correlate.fitting import REPLIES, SOCKS
from pcapdiag.correlate.hints import is_health_check
from pcapdiag.correlate.leg_failure import LegFailure
from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.exchanges import judge_exchanges
from pcapdiag.diagnose.goodbye import responders_goodbye
from pcapdiag.diagnose.judgement import Judgement, Phase
from pcapdiag.diagnose.ok import KIND as WORKED
from pcapdiag.diagnose.settled import Suspect, gateway_answers, suspects
from pcapdiag.diagnose.tcp.data_timeout import KIND as DATA_TIMEOUT
from pcapdiag.diagnose.tcp.delivered_too_late import is_abandoned
from pcapdiag.diagnose.tls_asked import unanswered_request
from pcapdiag.diagnose.tls_state import nothing_answered
from pcapdiag.model.context import Context
from pcapdiag.model.ends import Actor, side_of
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from pcapdiag.protocols.http.local_reply import is_by_name
from pcapdiag.protocols.socks import refusal

UNASKED = frozenset({"tcp.closed_before_request", "tcp.reset_before_request"})
MAX_PER_CONNECTION = 20
"""Failed requests of one connection that other legs are searched for."""
TRACE_LENGTH = 32
MAX_TEXT = 256
"""Characters of a path or an id that are compared."""


class _End(msgspec.Struct, frozen=True):
    """When, in which frame and by whom a failure was decided."""

    time: int
    frame: int
    by: Actor | None


def leg_failures(story: Story, judgement: Judgement, context: Context) -> Iterator[LegFailure]:
    """Yield a connection's failures: the verdict's, then those of its other requests.

    Of a connection that did not fail, as far as it shows, what another leg may show to have failed.
    """
    answers = gateway_answers(story)[:MAX_PER_CONNECTION]
    yield from (_suspected(story, suspect) for suspect in answers)
    if judgement.code == WORKED.code:
        yield from (_suspected(story, suspect) for suspect in suspects(story))
        return
    yield _leg_failure(story, judgement)
    told = 1
    for other in judge_exchanges(story, context):
        if other.exchange == judgement.exchange:
            continue
        if told >= MAX_PER_CONNECTION:
            return
        told += 1
        yield _leg_failure(story, other)


def _leg_failure(story: Story, judgement: Judgement) -> LegFailure:
    exchange = _exchange(story, judgement)
    end = _end(story, judgement, exchange)
    asked = _asked(story, exchange)
    failure = LegFailure(
        stream=story.stream,
        opener=story.initiator.address,
        answerer=story.responder.address,
        answerer_port=story.responder.port,
        code=judgement.code,
        phase=judgement.phase,
        since=story.start if _calls_before(story, judgement) else asked,
        asked=asked,
        decided=end.time,
        frame=end.frame or max(judgement.frames, default=story.first_frame),
        by=end.by,
        sure=judgement.confidence,
        side=_side(judgement),
        opened=story.start if story.syn_count else 0,
        tunnel=_is_tunnel(story),
        came_up=story.established,
        last_try=story.initiator.last_time if story.established else _last_syn(story),
        same_as=story.same_as,
        exchange=judgement.exchange,
        health_check=any(is_health_check(one.user_agent) for one in story.exchanges),
    )
    if judgement.code == SOCKS:
        return _with_answer(failure, story)
    return failure if exchange is None else _with_content(failure, exchange)


def _calls_before(story: Story, judgement: Judgement) -> bool:
    """Return whether a TCP proxy may have called before its client asked: nothing was answered.

    One that ends TLS calls as soon as the handshake is over (hitch, stunnel: measured).
    """
    if judgement.code in REPLIES:
        return False
    return story.turn.index <= 1 or judgement.code in UNASKED or nothing_answered(story)


def _with_answer(failure: LegFailure, story: Story) -> LegFailure:
    """Add a SOCKS proxy's refusal of a request, which it gave when its own call had failed."""
    found = refusal(story)
    return msgspec.structs.replace(
        failure,
        status=found.code if found is not None and found.step == "request" else None,
        decided=story.turn.response_time,
        frame=story.turn.response_frame,
        by="responder",
    )


def _suspected(story: Story, suspect: Suspect) -> LegFailure:
    phase: Phase = "in_response" if suspect.by_initiator else "in_request"
    phase = "before_response" if suspect.code in REPLIES else phase
    phase = "before_request" if suspect.exchange is None else phase
    judgement = Judgement(suspect.code, False, phase, 0, exchange=suspect.exchange)
    return msgspec.structs.replace(
        _leg_failure(story, judgement),
        decided=suspect.time,
        frame=suspect.frame,
        by=side_of(suspect.by_initiator),
        suspected=True,
    )


def _with_content(failure: LegFailure, exchange: Exchange) -> LegFailure:
    reply = exchange.local_reply
    return msgspec.structs.replace(
        failure,
        method=exchange.method,
        target=exchange.target and exchange.target[:MAX_TEXT],
        request_id=exchange.request_id and exchange.request_id[:MAX_TEXT],
        trace=_trace(exchange.traceparent),
        status=exchange.status,
        grpc_status=exchange.grpc.status if exchange.grpc else None,
        product=reply.product if reply else "",
        reason=" ".join(filter(None, (reply.reason, reply.details))) if reply else "",
        handed_on=exchange.upstream_service_time,
        by_name=is_by_name(exchange),
    )


def _exchange(story: Story, judgement: Judgement) -> Exchange | None:
    if judgement.exchange is None:
        return None
    return next((one for one in story.exchanges if one.index == judgement.exchange), None)


def _asked(story: Story, exchange: Exchange | None) -> int:
    """Return when the request began; of several at once on one connection, the last."""
    if exchange is not None and exchange.request_time is not None:
        return exchange.request_time
    record = unanswered_request(story) if exchange is None else None
    if record is not None:
        return record.time
    waiting = [one.request_time for one in story.exchanges if not one.complete]
    known = [time for time in waiting if time is not None]
    return max(known, default=story.turn.request_time or story.start)


def _end(story: Story, judgement: Judgement, exchange: Exchange | None) -> _End:
    if exchange is not None:
        if judgement.code in REPLIES and exchange.response_time is not None:
            time, frame = exchange.response_time, exchange.response_frame
            if exchange.grpc is not None and exchange.response_end_time is not None:
                time, frame = exchange.response_end_time, exchange.response_end_frame
            return _End(time, frame or 0, "responder")
        if exchange.reset_time is not None:
            return _End(exchange.reset_time, exchange.reset_frame or 0, exchange.ended_by)
    end = ending(story)
    said = responders_goodbye(story, end)
    if said is not None and judgement.ended_by == "responder":
        return _End(said.time, said.frame, "responder")
    if end is not None and judgement.code == DATA_TIMEOUT.code and is_abandoned(end):
        # It was given up unseen: the FIN waited behind the data, and what is seen came later.
        return _End(0, 0, None)
    if end is not None and (story.established or not end.by_initiator):
        return _End(end.time, end.frame, end.actor)
    if judgement.code.startswith("icmp.") and story.icmp and not story.established:
        # On an established connection TCP goes on after it (RFC 9293 section 3.9.2.2).
        last = story.icmp[-1]
        return _End(last.time, last.frame, "path")
    # Late packets of a handshake that was given up meet a reset: nobody decided by that.
    return _End(0, 0, None)


def _is_tunnel(story: Story) -> bool:
    """Return whether the connection carries another one's bytes behind CONNECT or an upgrade."""
    asked = story.hello_initiator.startswith(b"CONNECT ") and story.turn.index > 1
    return asked or any(one.upgrade for one in story.exchanges)


def _last_syn(story: Story) -> int:
    return max(story.syn_times, default=story.start)


def _side(judgement: Judgement) -> Actor | None:
    best = max(judgement.candidates, key=lambda hint: hint.probability, default=None)
    return best.side if best else None


def _trace(traceparent: str | None) -> str | None:
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) > 2 and len(parts[1]) == TRACE_LENGTH else None
