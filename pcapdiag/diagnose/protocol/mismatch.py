"""What the kinds of two ends that do not speak the same protocol share.

Bytes of an answer show it. A close or a reset alone does not (verdicts.md, "Which code wins", rule
3): then other connections to the same address and port, or what the port is registered for, must
say what is spoken there; without that it stays the plain code, and these are only alternatives.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, Phase, SideHint
from pcapdiag.diagnose.speech import (
    PLAIN,
    PROXIED,
    Kept,
    Said,
    accepted_at,
    answered,
    opening,
    refuses_by_goaway,
    spoken_before,
    status_of,
)
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import answer_may_be_missing, request_may_be_missing
from pcapdiag.model.context import Context, EndpointFacts
from pcapdiag.model.once import once
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND, counted

PLAIN_CODES = frozenset(
    {
        "tcp.closed_before_response",
        "tcp.reset_before_response",
        "tls.handshake_closed",
        "tls.handshake_reset",
    }
)
"""What a close or a reset at the first bytes is, where nothing says what the port speaks."""
PROMPT = 3 * SECOND
"""A server closes on bytes that it cannot read within this; Envoy's delayed close takes 1 s, and
later closes are timeouts."""
TLS_PORTS = {443: 0.75} | dict.fromkeys((465, 636, 853, 993, 995, 5671, 6443, 8883), 0.7)
"""Ports registered (or always used) for TLS, with how sure a close to plaintext then is."""
PLAIN_PORTS = {80: (0.65, "HTTP"), 1883: (0.65, "MQTT"), 5672: (0.65, "AMQP")}
"""The same for what is in the clear there; the last two have ports of their own for TLS."""
OFTEN_TLS = (8443, 9443)
"""Ports whose usual use is only worth an alternative."""
SURE_BY_OTHERS = 0.9
"""Probability of the code where other connections show what the endpoint speaks."""


class Close(msgspec.Struct, frozen=True):
    """A responder that took the first bytes and ended the connection without one of its own."""

    end: Ending
    waited: int
    """From the initiator's last byte until the end, nanoseconds."""


@once
def unanswered_close(story: Story) -> Close | None:
    """Return the end of a connection whose first bytes its responder met by a close or a reset."""
    end, turn = ending(story), story.turn
    if end is None or end.by_initiator or turn.index != 1 or turn.response_bytes:
        return None
    if story.greeting_bytes or spoken_before(story) or not story.handshake_done:
        return None
    if answer_may_be_missing(story) or request_may_be_missing(story):
        return None
    waited = max(0, end.time - turn.request_last_time)
    return Close(end, waited) if waited <= PROMPT else None


def endpoint_of(story: Story, context: Context) -> EndpointFacts:
    """Return what is known of the responder's address and port."""
    return context.endpoint(story.responder.address, story.responder.port)


def others_work(endpoint: EndpointFacts, mine: frozenset[Kept], others: frozenset[Kept]) -> int:
    """Return how many that began with ``others`` were accepted; 0 where one of ``mine`` was."""
    answers = accepted_at(endpoint)
    if any(answers.get(word) for word in mine):
        return 0
    return sum(answers.get(word, 0) for word in others)


def mine_works(story: Story, context: Context) -> bool:
    """Return whether another connection that began like this one was accepted."""
    return bool(accepted_at(endpoint_of(story, context)).get(my_word(story)))


def my_word(story: Story) -> Kept:
    """Return how this connection began, in the words of ``accepted_at``."""
    first = opening(story)
    return PROXIED if first.proxy_version else first.said


def shown_by_bytes(
    story: Story,
    code: str,
    confidence: float,
    why: str,
    alternatives: tuple[OtherCode, ...] = (),
    **facts: str,
) -> Judgement:
    """Return the judgement where the answer's bytes show that the ends speak different things."""
    end = ending(story)
    refused = _refused_by_answer(story)
    by_initiator = end is not None and end.by_initiator and not refused
    frames = frames_of(
        story.initiator.first_data_frame,
        story.responder.first_data_frame,
        end.frame if end and not refused else 0,
    )
    return Judgement(
        code=code,
        failed=True,
        phase=phase_of(story),
        confidence=confidence,
        frames=frames,
        ended_by=end.actor if end else None,
        candidates=_who(by_initiator, why, frames),
        alternatives=alternatives,
        facts=base_facts(story) | facts,
    )


def _refused_by_answer(story: Story) -> bool:
    """Return whether the responder's bytes are a refusal; a greeting is none."""
    status = status_of(story.hello_responder)
    if (status or 0) >= 400 or refuses_by_goaway(story.hello_responder):
        return True
    return answered(story) in (Said.TLS_ALERT, Said.HTML)


def _who(by_initiator: bool, why: str, frames: tuple[int, ...]) -> tuple[SideHint, ...]:
    if by_initiator:
        left = f"it could not use the answer, and closed: {why}"
        other = "it speaks something else there than the initiator was told"
        return (
            SideHint("initiator", 0.9, left, frames),
            SideHint("responder", 0.09, other, frames),
        )
    return (SideHint("responder", 0.95, why, frames), SideHint("path", 0.02, why, frames))


def shown_by_others(
    story: Story, code: str, close: Close, confidence: float, why: str, **facts: str
) -> Judgement:
    """Return the judgement for a close or reset where something else says what is spoken there."""
    end = close.end
    frames = frames_of(story.turn.request_frame, end.frame)
    return Judgement(
        code=code,
        failed=True,
        phase=phase_of(story),
        confidence=confidence,
        frames=frames,
        ended_by=end.actor,
        reset=end.reset,
        candidates=(
            SideHint("responder", 0.95, why, frames),
            SideHint("path", 0.05, why, frames),
        ),
        alternatives=(OtherCode(plain_code(story, close), round(0.97 - confidence, 2)),),
        facts=base_facts(story)
        | {"answer": _close_words(close), "because": why}
        | {"answer_short": "with a reset" if end.reset else "with a close"}
        | facts,
    )


def other_version_works(
    story: Story, context: Context, code: str, mine: Kept, other: Kept, how: str
) -> Judgement | None:
    """Return the verdict for one HTTP version met by a close, where others speak the other there.

    ``how`` names what the others begin with.
    """
    close, first = unanswered_close(story), opening(story)
    if close is None or first.said is not mine or first.proxy_version:
        return None
    number = others_work(endpoint_of(story, context), frozenset({mine}), frozenset({other}))
    if not number:
        return None
    why = by_others(number, how)
    return shown_by_others(story, code, close, SURE_BY_OTHERS, why)


def _close_words(close: Close) -> str:
    frame = close.end.frame
    return f"with {close.end.word} {duration(close.waited)} later, without a byte (frame {frame})"


def plain_code(story: Story, close: Close) -> str:
    """Return the code that the same packets have where nothing says what the port speaks."""
    if opening(story).said is Said.TLS_HELLO:
        return "tls.handshake_reset" if close.end.reset else "tls.handshake_closed"
    return "tcp.reset_before_response" if close.end.reset else "tcp.closed_before_response"


def phase_of(story: Story) -> Phase:
    """Return where a connection stands whose ends did not understand each other's first bytes."""
    return "tls_handshake" if opening(story).said is Said.TLS_HELLO else "before_response"


def base_facts(story: Story) -> dict[str, str]:
    """Return the words that all texts of these kinds use."""
    return {
        "asked": opening(story).said.value,
        "asked_frame": str(story.initiator.first_data_frame),
        "answer_frame": str(story.responder.first_data_frame),
        "mesh": mesh_words(story),
    }


def is_mesh_client(story: Story) -> bool:
    """Return whether an Istio sidecar opened it: only those offer ``istio`` (Istio docs)."""
    tls = story.tls
    hello = tls.client_hello if tls else None
    return hello is not None and any(name.startswith("istio") for name in hello.alpn)


def mesh_words(story: Story) -> str:
    """Return a sentence about the client where it is a mesh's; empty otherwise."""
    if not is_mesh_client(story):
        return ""
    return (
        " The client is an Istio sidecar (it offers istio by ALPN): its DestinationRule or "
        "auto mTLS expects a sidecar at the other end."
    )


def by_others(number: int, how: str) -> str:
    """Return the reason that other connections to the endpoint give."""
    return f"{counted(number, 'other connection')} to that port began with {how} and got answers"


def by_port(port: int, use: str) -> str:
    """Return the reason that a port's usual use gives, which is weak."""
    return f"port {port} is usually {use} (weak evidence: nothing else in the capture says so)"


def with_suspicions(judgement: Judgement, story: Story, context: Context) -> Judgement:
    """Add the codes of this family that a plain close or reset at the first bytes leaves open."""
    if judgement.code not in PLAIN_CODES or mine_works(story, context):
        return judgement
    room = 1 - judgement.confidence - sum(other.confidence for other in judgement.alternatives)
    known = [other.code for other in judgement.alternatives]
    weights = suspicions(story) if room > 0 else {}
    weights = {code: weight for code, weight in weights.items() if code not in known}
    total = sum(weights.values())
    found = (OtherCode(code, round(room * w / total, 2)) for code, w in weights.items())
    others = tuple(other for other in found if other.confidence)
    return replace(judgement, alternatives=(*judgement.alternatives, *others))


def suspicions(story: Story) -> dict[str, float]:
    """Return codes of this family that a plain close or reset does not exclude, with weights."""
    if unanswered_close(story) is None:
        return {}
    first, port = opening(story), story.responder.port
    if first.proxy_version:
        return {"protocol.unexpected_proxy_header": 1.0}
    if first.said is Said.TLS_HELLO:
        return {"protocol.tls_to_plaintext": 1.0}
    if first.said not in PLAIN:
        return {}
    preface = first.said is Said.H2_PREFACE
    other = "protocol.http2_to_http1" if preface else "protocol.http1_to_http2"
    return {"protocol.plaintext_to_tls": 4.0 if port in OFTEN_TLS else 1.0, other: 1.0}
