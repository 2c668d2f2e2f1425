"""Every verdict code with what it takes to be asked, in the order in which they are tried.

The first that matches wins, so the order is the rule "which code wins" (verdicts.md): what never
came up before what broke later, and within one cause the narrower code first. A connection that did
not fail itself may hold failed requests: those are in exchanges.py.
"""

from __future__ import annotations

from functools import cache

from pcapdiag.diagnose.entry import Entry
from pcapdiag.diagnose.exchanges import EXCHANGES
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.shows import (
    ASKED,
    BOTH_SPOKE,
    HTTP2,
    ICMP,
    NO_SYN_ACK,
    PROBED,
    REQUESTS,
    RESET,
    RESPONDER_FIN,
    SHUT,
    SILENT,
    SOCKS,
    SYN_ACK,
    TLS,
    UNACKED,
    UNANSWERED,
)

ORDER: tuple[Entry, ...] = (
    # A protocol that shows the mismatch by its bytes, then TLS alerts (of these, the one that names
    # its reason first) and HTTP/2 codes, come before everything below.
    Entry("protocol.unexpected_proxy_header", BOTH_SPOKE),
    Entry("protocol.tls_to_plaintext", BOTH_SPOKE, by_story=True),
    Entry("protocol.plaintext_to_tls", BOTH_SPOKE, by_story=True),
    Entry("protocol.http2_to_http1", BOTH_SPOKE, by_story=True),
    Entry("protocol.http1_to_http2", BOTH_SPOKE, by_story=True),
    Entry("http.malformed_response", BOTH_SPOKE, by_story=True, test="match_preface"),
    Entry("socks.refused", SOCKS, by_story=True),
    Entry("tls.alpn_mismatch", TLS, by_story=True),
    Entry("tls.sni_rejected", TLS),
    Entry("tls.version_mismatch", TLS),
    Entry("tls.no_shared_cipher", TLS),
    Entry("tls.client_certificate_required", TLS, by_story=True),
    Entry("tls.certificate_expired", TLS),
    Entry("tls.certificate_untrusted", TLS, by_story=True),
    Entry("tls.certificate_name_mismatch", TLS),
    Entry("tls.certificate_rejected", TLS),
    Entry("tls.alert", TLS, by_story=True),
    Entry("http2.enhance_your_calm", HTTP2, by_story=True),
    Entry("http2.goaway", HTTP2, by_story=True),
    Entry("http2.stream_lost", HTTP2 | RESET, test="match_reset"),
    Entry("icmp.prohibited", ICMP),
    Entry("icmp.time_exceeded", ICMP),
    Entry("icmp.unreachable", ICMP),
    # The handshake: exclusive of each other by what answered the SYN.
    Entry("tcp.port_reuse", NO_SYN_ACK),
    Entry("tcp.connection_refused", NO_SYN_ACK | RESET),
    Entry("tcp.connection_timeout", SILENT),
    Entry("tcp.handshake_stalled", SYN_ACK),
    Entry("tcp.accept_queue_overflow", SYN_ACK),
    # What one end said and the other could not take: earlier than whatever close followed.
    Entry("http.malformed_response", REQUESTS, by_story=True, at_the_end=True),
    # What stopped the flow before anybody closed: earlier causes than the FIN or RST that followed.
    Entry("mtu.fragmentation_needed", ICMP | UNACKED),
    Entry("mtu.black_hole", UNACKED),
    Entry("tcp.zero_window", SHUT),
    Entry("http2.flow_control_stall", HTTP2, by_story=True),
    Entry("http2.ping_timeout", HTTP2, by_story=True),
    Entry("tcp.keepalive_timeout", PROBED),
    Entry("protocol.tls_to_plaintext", TLS, test="match_silence"),
    Entry("tls.handshake_timeout", TLS),
    Entry("tcp.data_timeout", UNACKED),
    Entry("tcp.data_timeout", ASKED, test="tcp.delivered_too_late.match"),
    # The close itself, the narrower code first.
    Entry("tcp.stale_connection", ASKED),
    Entry("tcp.state_lost", RESET, by_story=True),
    Entry("tls.sni_rejected", TLS, test="match_close"),
    # A close at the first bytes, where other connections say what the port speaks.
    Entry("protocol.missing_proxy_header", UNANSWERED, test="match_close"),
    Entry("protocol.unexpected_proxy_header", UNANSWERED, test="match_close"),
    Entry("protocol.tls_to_plaintext", UNANSWERED, test="match_close"),
    Entry("protocol.plaintext_to_tls", UNANSWERED, test="match_close"),
    Entry("protocol.http2_to_http1", UNANSWERED, test="match_close"),
    Entry("protocol.http1_to_http2", UNANSWERED, test="match_close"),
    Entry("tls.handshake_reset", TLS | RESET, by_story=True),
    Entry("tls.handshake_closed", TLS, by_story=True),
    Entry("tcp.idle_reset", RESET),
    Entry("http.stream_idle_timeout", REQUESTS, by_story=True, at_the_end=True),
    Entry("tcp.reset_before_request", RESET, by_story=True),
    Entry("tcp.reset_before_response", RESET, by_story=True),
    Entry("tcp.reset_in_response", RESET, by_story=True),
    Entry("protocol.missing_proxy_header", RESPONDER_FIN, test="match_unasked"),
    Entry("tcp.closed_before_request", RESPONDER_FIN),
    Entry("tcp.closed_before_response", ASKED),
    Entry("http.response_rejected", REQUESTS, by_story=True, at_the_end=True),
    Entry("tcp.data_timeout", ASKED, test="tcp.acks_lost.match"),
    Entry("tcp.response_timeout"),
    Entry("tcp.initiator_abort"),
)

NO_FAILURE: tuple[Entry, ...] = (Entry("capture.partial"), Entry("ok"))
"""Tried where neither the connection nor one of its requests failed."""

REFINED: tuple[Entry, ...] = (Entry("tcp.injected_reset"),)
"""Kinds that only the second step can give, when it is known who did it."""

_ENTRIES = {entry.code: entry for entry in (*ORDER, *REFINED, *EXCHANGES, *NO_FAILURE)}


def kind_of(code: str) -> Kind:
    """Return the kind of a verdict's code; raises KeyError for what is no verdict's."""
    return _ENTRIES[code].kind


@cache
def kinds() -> dict[str, Kind]:
    """Return every kind by its code, in the order in which they are tried."""
    return {code: entry.kind for code, entry in _ENTRIES.items()}
