"""Every verdict code with its constants and its test, in the order in which they are tried.

The first that matches wins, so the order is the rule "which code wins" (verdicts.md): what never
came up before what broke later, and within one cause the narrower code first. A connection that did
not fail itself may hold failed requests: those are in exchanges.py.
"""

from __future__ import annotations

from functools import cache

from pcapdiag.diagnose import ok
from pcapdiag.diagnose.capture import partial
from pcapdiag.diagnose.entry import Entry
from pcapdiag.diagnose.exchanges import EXCHANGES, at_the_end
from pcapdiag.diagnose.http import malformed_response, response_rejected, stream_idle_timeout
from pcapdiag.diagnose.http2 import (
    enhance_your_calm,
    flow_control_stall,
    goaway,
    ping_timeout,
    stream_lost,
)
from pcapdiag.diagnose.icmp import prohibited, time_exceeded, unreachable
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.mtu import black_hole, fragmentation_needed
from pcapdiag.diagnose.protocol import (
    http1_to_http2,
    http2_to_http1,
    missing_proxy_header,
    plaintext_to_tls,
    tls_to_plaintext,
    unexpected_proxy_header,
)
from pcapdiag.diagnose.shows import (
    ASKED,
    BOTH_SPOKE,
    HTTP2,
    ICMP,
    NO_SYN_ACK,
    REQUESTS,
    RESET,
    RESPONDER_FIN,
    SILENT,
    SYN_ACK,
    UNACKED,
    UNANSWERED,
)
from pcapdiag.diagnose.tcp import (
    accept_queue_overflow,
    closed_before_request,
    closed_before_response,
    connection_refused,
    connection_timeout,
    data_timeout,
    handshake_stalled,
    idle_reset,
    initiator_abort,
    injected_reset,
    keepalive_timeout,
    port_reuse,
    reset_before_request,
    reset_before_response,
    reset_in_response,
    response_timeout,
    stale_connection,
    state_lost,
    zero_window,
)

_AT_FIRST: tuple[Entry, ...] = (
    # A protocol that shows the mismatch by its bytes, then TLS alerts (of these, the one that names
    # its reason first) and HTTP/2 codes, come before everything below.
    Entry(unexpected_proxy_header.KIND, unexpected_proxy_header.match, BOTH_SPOKE),
    Entry(tls_to_plaintext.KIND, tls_to_plaintext.match, BOTH_SPOKE, by_story=True),
    Entry(plaintext_to_tls.KIND, plaintext_to_tls.match, BOTH_SPOKE, by_story=True),
    Entry(http2_to_http1.KIND, http2_to_http1.match, BOTH_SPOKE, by_story=True),
    Entry(http1_to_http2.KIND, http1_to_http2.match, BOTH_SPOKE, by_story=True),
    Entry(malformed_response.KIND, malformed_response.match_preface, BOTH_SPOKE, by_story=True),
)
_THEN: tuple[Entry, ...] = (
    Entry(enhance_your_calm.KIND, enhance_your_calm.match, HTTP2, by_story=True),
    Entry(goaway.KIND, goaway.match, HTTP2, by_story=True),
    Entry(stream_lost.KIND, stream_lost.match_reset, HTTP2 | RESET),
    Entry(prohibited.KIND, prohibited.match, ICMP),
    Entry(time_exceeded.KIND, time_exceeded.match, ICMP),
    Entry(unreachable.KIND, unreachable.match, ICMP),
    # The handshake: exclusive of each other by what answered the SYN.
    Entry(port_reuse.KIND, port_reuse.match, NO_SYN_ACK, by_story=True),
    Entry(connection_refused.KIND, connection_refused.match, NO_SYN_ACK | RESET, by_story=True),
    Entry(connection_timeout.KIND, connection_timeout.match, SILENT),
    Entry(handshake_stalled.KIND, handshake_stalled.match, SYN_ACK),
    Entry(accept_queue_overflow.KIND, accept_queue_overflow.match, SYN_ACK),
    # What one end said and the other could not take: earlier than whatever close followed.
    Entry(malformed_response.KIND, at_the_end(malformed_response.match), REQUESTS, by_story=True),
    # What stopped the flow before anybody closed: earlier causes than the FIN or RST that followed.
    Entry(fragmentation_needed.KIND, fragmentation_needed.match, ICMP | UNACKED),
    Entry(black_hole.KIND, black_hole.match, UNACKED),
    Entry(zero_window.KIND, zero_window.match),
    Entry(flow_control_stall.KIND, flow_control_stall.match, HTTP2, by_story=True),
    Entry(ping_timeout.KIND, ping_timeout.match, HTTP2, by_story=True),
    Entry(keepalive_timeout.KIND, keepalive_timeout.match),
)
_LATER: tuple[Entry, ...] = (
    Entry(data_timeout.KIND, data_timeout.match, UNACKED),
    # The close itself, the narrower code first.
    Entry(stale_connection.KIND, stale_connection.match, ASKED, by_story=True),
    Entry(state_lost.KIND, state_lost.match, RESET, by_story=True),
)
_LAST: tuple[Entry, ...] = (
    Entry(idle_reset.KIND, idle_reset.match, RESET),
    # A close at the first bytes, where other connections say what the port speaks.
    Entry(missing_proxy_header.KIND, missing_proxy_header.match_close, UNANSWERED),
    Entry(unexpected_proxy_header.KIND, unexpected_proxy_header.match_close, UNANSWERED),
    Entry(tls_to_plaintext.KIND, tls_to_plaintext.match_close, UNANSWERED),
    Entry(plaintext_to_tls.KIND, plaintext_to_tls.match_close, UNANSWERED),
    Entry(http2_to_http1.KIND, http2_to_http1.match_close, UNANSWERED),
    Entry(http1_to_http2.KIND, http1_to_http2.match_close, UNANSWERED),
    Entry(stream_idle_timeout.KIND, at_the_end(stream_idle_timeout.match), REQUESTS, by_story=True),
    Entry(reset_before_request.KIND, reset_before_request.match, RESET, by_story=True),
    Entry(reset_before_response.KIND, reset_before_response.match, RESET, by_story=True),
    Entry(reset_in_response.KIND, reset_in_response.match, RESET, by_story=True),
    Entry(closed_before_request.KIND, closed_before_request.match, RESPONDER_FIN),
    Entry(closed_before_response.KIND, closed_before_response.match, ASKED),
    Entry(response_rejected.KIND, at_the_end(response_rejected.match), REQUESTS, by_story=True),
    Entry(response_timeout.KIND, response_timeout.match),
    Entry(initiator_abort.KIND, initiator_abort.match),
)

NO_FAILURE: tuple[Entry, ...] = (
    Entry(partial.KIND, partial.match),
    Entry(ok.KIND, ok.match),
)
"""Tried where neither the connection nor one of its requests failed."""

REFINED = (injected_reset.KIND,)
"""Kinds that only the second step can give, when it is known who did it."""

_WITHOUT_TLS = (*_AT_FIRST, *_THEN, *_LATER, *_LAST)
_KINDS_WITHOUT_TLS = {
    kind.code: kind
    for kind in (
        *(entry.kind for entry in _WITHOUT_TLS),
        *REFINED,
        *(entry.kind for entry in EXCHANGES),
        *(entry.kind for entry in NO_FAILURE),
    )
}


def order(*, with_tls: bool) -> tuple[Entry, ...]:
    """Return what is tried on a connection, in this order.

    All kinds of TLS need a ClientHello. Many captures have none, and need not load them.
    """
    return whole_order() if with_tls else _WITHOUT_TLS


@cache
def whole_order() -> tuple[Entry, ...]:
    """Return what is tried on a connection with a ClientHello."""
    from pcapdiag.diagnose.tls import order as tls  # Only here: many captures have no TLS.

    return (*_AT_FIRST, *tls.ALERTED, *_THEN, *tls.WAITED, *_LATER, *tls.CLOSED, *_LAST)


def kind_of(code: str) -> Kind:
    """Return the kind of a verdict's code; raises KeyError for what is no verdict's."""
    return _KINDS_WITHOUT_TLS[code] if code in _KINDS_WITHOUT_TLS else kinds()[code]


@cache
def kinds() -> dict[str, Kind]:
    """Return every kind by its code, in the order in which they are tried."""
    return {entry.kind.code: entry.kind for entry in whole_order()} | _KINDS_WITHOUT_TLS
