"""Whether one leg's failure can be why the proxy failed its client: by kind, not by time.

A proxy's own reply says what it met (Envoy source, measured): a failed connect, a connect that
took too long, an established connection that ended, a stream that was reset, an answer that broke
the protocol, or none in time. A reply that another proxy made and this one handed on has the same
reply behind it.
"""

from __future__ import annotations

from typing import Literal

from pcapdiag.correlate.leg_failure import LegFailure
from pcapdiag.protocols.socks import TARGET_FAILED

Reply = Literal["any", "no attempt", "connect", "slow connect", "ended", "reset", "slow"]

REPLIES = frozenset({"grpc.error", "http.local_reply", "http.no_healthy_upstream", "http.overflow"})
"""Failures that are a complete answer by somebody in front of an origin, or by a gRPC server."""
HANDED = frozenset(
    {
        "http.malformed_response",
        "http.stream_idle_timeout",
        "http.truncated_response",
        "http2.rst_stream",
        "tcp.closed_before_request",
        "tcp.closed_before_response",
        "tcp.idle_reset",
        "tcp.reset_before_request",
        "tcp.reset_before_response",
        "tcp.reset_in_response",
        "tcp.response_timeout",
        "tls.handshake_closed",
        "tls.handshake_reset",
    }
)
"""Other failures of a client's leg that a proxy may only have handed on."""
SOCKS = "socks.refused"
"""A SOCKS proxy's answer, whose code says whether its call to the target may have failed."""
LEFT, GIVEN_UP = "tcp.initiator_abort", "tcp.response_timeout"
"""An initiator that left without its answer, and one that had waited long enough."""
STALLS = frozenset({"tcp.zero_window", "http2.flow_control_stall"})
"""Failures of an upstream leg that a slow client may be behind (back-pressure, measured)."""
_IDLE = frozenset({"tcp.idle_reset", "http.stream_idle_timeout"})
_BROKEN_ANSWERS = frozenset(
    {"http.truncated_response", "http2.rst_stream", "tcp.reset_in_response"}
)
CONNECTING = frozenset({"connect", "tls_handshake", "before_request"})

_ENVOY_REASONS: tuple[tuple[str, Reply], ...] = (
    ("connection timeout", "slow connect"),
    ("connection failure", "connect"),
    ("connection termination", "ended"),
    ("premature upstream half close", "ended"),
    ("protocol error", "ended"),
    ("overflow", "no attempt"),
    ("no healthy upstream", "no attempt"),
    ("overload", "no attempt"),
    ("fault filter", "no attempt"),
    ("rate_limited", "no attempt"),
    ("maintenance mode", "no attempt"),
    ("dns resolution", "no attempt"),
    ("remote", "reset"),
    ("timeout", "slow"),
    ("stream duration", "slow"),
)
"""What Envoy's reset reasons and bodies say (Envoy source), the narrower words first."""
_BY_STATUS: dict[tuple[str, int], Reply] = {
    ("haproxy", 502): "ended",
    ("haproxy", 503): "connect",
    ("nginx", 503): "no attempt",
}
"""What a product's status means (measured)."""


def is_effect(failure: LegFailure) -> bool:
    """Return whether another leg may be why this one failed: its responder did, or never did."""
    if failure.code in REPLIES:
        return True
    if failure.code == SOCKS:
        return failure.status in TARGET_FAILED
    return failure.code in HANDED and failure.came_up and failure.by != "path"


def reply_of(failure: LegFailure) -> Reply:
    """Return what the proxy's own reply says of its call to an upstream."""
    reason = failure.reason.lower()
    if failure.product == "envoy":
        for words, reply in _ENVOY_REASONS:
            if words in reason:
                return reply
    by_status = _BY_STATUS.get((failure.product, failure.status or 0))
    if by_status is not None:
        return by_status
    # Gateways of one's own say 504 for a refused call, too (http-proxy-middleware, measured).
    return "slow" if failure.status == 504 and failure.product else "any"


def fits(effect: LegFailure, cause: LegFailure) -> bool:
    """Return whether ``cause`` is of a kind that makes a proxy fail its client so."""
    if cause.code in _IDLE and (effect.code not in _IDLE or cause.by == "initiator"):
        # A proxy that ends both legs for quiet is the cause of both.
        return False
    if effect.code in REPLIES:
        if cause.code in REPLIES:
            open_to_doubt = effect.may_be_own or effect.by_name
            return _is_same_answer(effect, cause) and open_to_doubt >= cause.may_be_own
        return not _is_anothers(effect) and _fits_reply(reply_of(effect), cause)
    if effect.code == SOCKS:
        return not cause.came_up or cause.code == SOCKS
    if cause.code in REPLIES:
        return False
    if effect.code in _BROKEN_ANSWERS:
        return cause.came_up and cause.phase not in CONNECTING
    if effect.code == GIVEN_UP:
        # Whose answer was still arriving kept nobody waiting: the proxy followed its client.
        return _gave_up(cause) and not (cause.code == LEFT and cause.phase == "in_response")
    return True


def fits_words(effect: LegFailure, cause: LegFailure) -> bool:
    """Return whether a call failed as a proxy's reply says, whichever proxy made that."""
    return cause.code not in REPLIES and _fits_reply(reply_of(effect), cause)


def _is_anothers(effect: LegFailure) -> bool:
    """Return whether an answer came from an upstream, so that only the same answer is behind it."""
    return effect.handed_on or (effect.code == "grpc.error" and not effect.product)


def _is_same_answer(effect: LegFailure, cause: LegFailure) -> bool:
    if effect.product and cause.product and effect.product != cause.product:
        return False
    if effect.grpc_status is not None and cause.grpc_status is not None:
        return effect.grpc_status == cause.grpc_status
    return effect.status == cause.status


def _gave_up(cause: LegFailure) -> bool:
    return cause.is_silent or cause.by == "initiator"


def _connecting(cause: LegFailure) -> bool:
    early = not cause.came_up or cause.phase in CONNECTING
    return early or cause.code.startswith(("tls.", "protocol."))


def _said_no(cause: LegFailure) -> bool:
    """Return whether an end of a TLS handshake said why it ended it: it did not run out of time."""
    return cause.code.startswith("tls.") and not cause.code.startswith("tls.handshake_")


def _fits_reply(reply: Reply, cause: LegFailure) -> bool:
    if reply == "connect":
        return _connecting(cause)
    if reply == "slow connect":
        return _connecting(cause) and _gave_up(cause) and not _said_no(cause)
    if reply == "ended":
        return cause.came_up
    if reply == "reset":
        return cause.came_up and cause.code.startswith(("http2.", "http.", "grpc."))
    if reply == "slow":
        return _gave_up(cause)
    return reply == "any"
