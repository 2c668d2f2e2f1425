"""Every verdict code with its constants and its test, in the order in which they are tried.

The first that matches wins, so the order is the rule "which code wins" (verdicts.md): what never
came up before what broke later, and within one cause the narrower code first. A connection that did
not fail itself may hold failed requests: those are in exchanges.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pcapdiag.diagnose import ok
from pcapdiag.diagnose.capture import partial
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
from pcapdiag.diagnose.judgement import Judgement
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
    TLS,
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
from pcapdiag.diagnose.tls import (
    alert,
    alpn_mismatch,
    certificate_expired,
    certificate_name_mismatch,
    certificate_rejected,
    certificate_untrusted,
    client_certificate_required,
    handshake_closed,
    handshake_reset,
    handshake_timeout,
    no_shared_cipher,
    sni_rejected,
    version_mismatch,
)
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

Match = Callable[[Story, Context], Judgement | None]


class Entry(NamedTuple):
    """One kind and the function that recognises it."""

    kind: Kind
    match: Match
    needs: int = 0
    """What a connection must show (shows.py): its test gives nothing for any other."""
    by_story: bool = False
    """Its test looks at the story alone, so the same story gives the same answer at any time."""


ORDER: tuple[Entry, ...] = (
    # A protocol that shows the mismatch by its bytes, then TLS alerts (of these, the one that names
    # its reason first) and HTTP/2 codes, come before everything below.
    Entry(unexpected_proxy_header.KIND, unexpected_proxy_header.match, BOTH_SPOKE),
    Entry(tls_to_plaintext.KIND, tls_to_plaintext.match, BOTH_SPOKE, by_story=True),
    Entry(plaintext_to_tls.KIND, plaintext_to_tls.match, BOTH_SPOKE, by_story=True),
    Entry(http2_to_http1.KIND, http2_to_http1.match, BOTH_SPOKE, by_story=True),
    Entry(http1_to_http2.KIND, http1_to_http2.match, BOTH_SPOKE, by_story=True),
    Entry(alpn_mismatch.KIND, alpn_mismatch.match, TLS, by_story=True),
    Entry(sni_rejected.KIND, sni_rejected.match, TLS),
    Entry(version_mismatch.KIND, version_mismatch.match, TLS),
    Entry(no_shared_cipher.KIND, no_shared_cipher.match, TLS),
    Entry(client_certificate_required.KIND, client_certificate_required.match, TLS, by_story=True),
    Entry(certificate_expired.KIND, certificate_expired.match, TLS),
    Entry(certificate_untrusted.KIND, certificate_untrusted.match, TLS, by_story=True),
    Entry(certificate_name_mismatch.KIND, certificate_name_mismatch.match, TLS),
    Entry(certificate_rejected.KIND, certificate_rejected.match, TLS),
    Entry(alert.KIND, alert.match, TLS, by_story=True),
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
    Entry(handshake_timeout.KIND, handshake_timeout.match, TLS),
    Entry(data_timeout.KIND, data_timeout.match, UNACKED),
    # The close itself, the narrower code first.
    Entry(stale_connection.KIND, stale_connection.match, ASKED, by_story=True),
    Entry(state_lost.KIND, state_lost.match, RESET, by_story=True),
    Entry(sni_rejected.KIND, sni_rejected.match_close, TLS),
    Entry(handshake_reset.KIND, handshake_reset.match, TLS | RESET, by_story=True),
    Entry(handshake_closed.KIND, handshake_closed.match, TLS, by_story=True),
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
    Entry(closed_before_response.KIND, closed_before_response.match, RESPONDER_FIN),
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

KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        *(entry.kind for entry in ORDER),
        *REFINED,
        *(entry.kind for entry in EXCHANGES),
        *(entry.kind for entry in NO_FAILURE),
    )
}
