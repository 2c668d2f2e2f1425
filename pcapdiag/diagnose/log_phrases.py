"""Phrases of logs and programs that narrow a failure down, and the codes that each may stand for.

Sources: errno(3); the texts of OpenSSL, BoringSSL, gRPC, Go, Java, Node.js, curl and the resolver
library, as the lab's programs wrote them; Envoy's and NGINX's logs (proxy_words.py).
"""

from __future__ import annotations

Phrase = tuple[str, str, tuple[str, ...]]
"""A pattern for small letters with blanks for underscores, what it means, and the codes of that."""

CLOSER: tuple[Phrase, ...] = (
    (
        r"connection refused|econnrefused|\berror: 111\b|\(111\b",
        "errno 111, connection refused",
        ("tcp.connection_refused", "icmp.unreachable"),
    ),
    (
        r"no route to host|ehostunreach|\berror: 113\b|\(113\b",
        "errno 113, no route to host",
        ("icmp.unreachable", "icmp.prohibited"),
    ),
    (
        r"cannot assign requested address|eaddrnotavail|\berror: 99\b|\(99\b",
        "errno 99, no free source port (nothing is on the wire)",
        ("tcp.ephemeral_ports_low", "tcp.port_reuse"),
    ),
    (
        r"wrong.version.number",
        "TLS: the answer was no TLS",
        ("protocol.tls_to_plaintext",),
    ),
    (
        r"certificate has expired",
        "TLS: the certificate is out of date",
        ("tls.certificate_expired",),
    ),
    (
        r"issuer certificate|self.signed certificate|unknown.ca\b|pkix path|verify the first",
        "TLS: the issuer is not trusted",
        ("tls.certificate_untrusted",),
    ),
    (
        r"san matcher|does not match \"",
        "TLS: the certificate is for other names",
        ("tls.certificate_name_mismatch",),
    ),
    (
        r"certificate.verify.failed|certificate verify error",
        "TLS: the certificate was not accepted",
        (
            *("tls.certificate_untrusted", "tls.certificate_expired"),
            *("tls.certificate_name_mismatch", "tls.certificate_rejected"),
        ),
    ),
    (
        r"ssl.routines.*unsupported.protocol",
        "TLS: the versions that one end offered are none of the other's",
        ("tls.version_mismatch",),
    ),
    (
        r"ssl.routines.*no.shared.cipher",
        "TLS: no cipher, group or certificate that both ends can use",
        ("tls.no_shared_cipher",),
    ),
    (
        r"alert.protocol.version|alert number 70\b",
        "TLS alert 70, protocol_version",
        ("tls.version_mismatch", "protocol.tls_to_plaintext"),
    ),
    (
        r"handshake.failure|alert number 40\b",
        "TLS alert 40, handshake_failure",
        (
            *("tls.no_shared_cipher", "tls.client_certificate_required"),
            *("tls.sni_rejected", "tls.alert"),
        ),
    ),
    (
        r"unrecognized.name|alert number 112\b",
        "TLS alert 112, unrecognized_name",
        ("tls.sni_rejected",),
    ),
    (
        r"no.application.protocol|alert number 120\b",
        "TLS alert 120, no_application_protocol",
        ("tls.alpn_mismatch",),
    ),
    (
        r"certificate.required|did.not.return.a.certificate|alert number 116\b",
        "TLS: a client certificate is missing",
        ("tls.client_certificate_required",),
    ),
    (
        r"ssl.routines.*http.request|plain http request was sent to https port",
        "TLS: plain HTTP came to a TLS port",
        ("protocol.plaintext_to_tls",),
    ),
    (
        r"tls.error.*connection reset by peer|closed connection in ssl handshake \(104",
        "TLS: reset within the handshake",
        ("tls.handshake_reset",),
    ),
    (
        r"while ssl handshaking.*timed out|timed out.*while ssl handshaking",
        "TLS: the handshake was not answered in time",
        ("tls.handshake_timeout", "mtu.black_hole"),
    ),
    (
        r"no healthy upstream",
        "Envoy had no endpoint in use",
        ("http.no_healthy_upstream", "health.check_failing"),
    ),
    (
        r"upstream request timeout|upstream.(response|per.try).timeout",
        "Envoy's timeout for the answer",
        ("tcp.response_timeout", "http.local_reply", "tcp.data_timeout", "mtu.black_hole"),
    ),
    (
        r"stream.idle.timeout",
        "Envoy's timeout for a quiet stream",
        ("http.stream_idle_timeout", "tcp.response_timeout"),
    ),
    (
        r"too.many.pings",
        "gRPC: keep-alive pings came too often",
        ("http2.enhance_your_calm",),
    ),
    (
        r"broken header",
        "NGINX wanted a PROXY header",
        ("protocol.missing_proxy_header",),
    ),
    (
        r"no authentication method was acceptable|rejected by the socks|complete socks[45]",
        "curl: the SOCKS proxy said no",
        ("socks.refused",),
    ),
    (
        r"4740180",
        '"HTT" read as the length of an HTTP/2 frame',
        ("protocol.http2_to_http1",),
    ),
    (
        r"invalid connection preface",
        "HTTP/1 came to an HTTP/2 port of NGINX",
        ("protocol.http1_to_http2",),
    ),
    (
        r"prematurely closed connection.{0,9}while reading upstream",
        "NGINX: the answer was cut by a close",
        ("http.truncated_response", "http2.stream_lost"),
    ),
)
"""What says more than a flag or a state, the narrower phrase first."""

WIDER: tuple[Phrase, ...] = (
    (
        r"econnreset|connection reset|epipe|broken pipe|socket hang up",
        "A program met a reset",
        (
            *("tcp.reset_before_request", "tcp.reset_before_response", "tcp.reset_in_response"),
            *("tcp.stale_connection", "tcp.state_lost", "tcp.injected_reset"),
            *("tls.handshake_reset", "http.response_lost"),
        ),
    ),
    (
        r"empty reply|server disconnected|failed to respond|premature|unexpected (eof|end)",
        "A program met a close",
        (
            *("tcp.closed_before_request", "tcp.closed_before_response", "tcp.stale_connection"),
            *("tls.handshake_closed", "http.truncated_response"),
        ),
    ),
    (
        r"deadline.exceeded|read(ing)? timed out|response timed out|504|gateway time",
        "No answer came in time",
        ("tcp.response_timeout", "tcp.data_timeout", "mtu.black_hole", "http.local_reply"),
    ),
    (
        r"etimedout|timed out|i/o timeout|connect(ion)? timeout",
        "A program waited in vain",
        (
            *("tcp.connection_timeout", "tcp.handshake_stalled", "tcp.data_timeout"),
            *("tcp.response_timeout", "tls.handshake_timeout", "mtu.black_hole"),
        ),
    ),
    (
        r"\b50[23]\b|bad gateway|service unavailable",
        "A proxy, or the server itself, answered with an error",
        ("http.local_reply", "http.no_healthy_upstream", "http.overflow", "http.server_errors"),
    ),
    (
        r"grpc.status|\bunavailable\b",
        "A gRPC call failed",
        ("grpc.error", "http.local_reply", "http2.rst_stream"),
    ),
    (
        r"\b499\b",
        "NGINX status 499: the client left",
        ("tcp.initiator_abort",),
    ),
    (
        r"nxdomain|servfail|not resolve|name or service not known|enotfound|eai_again|no such host",
        "A name did not resolve",
        ("dns.failure",),
    ),
)
"""What programs and clients say, looked for where a text has no words of a proxy's log."""

OTHER_FLAGS = {
    "DI": "a delay was injected on purpose",
    "DPE": "the client sent what is no HTTP: see the client's leg",
    "DR": "the client reset its HTTP/2 stream: see the client's leg",
    "DT": "max_connection_duration or max_stream_duration ran out",
    "FI": "a fault was injected on purpose",
    "IH": "a header was refused by Envoy's own rules",
    "LH": "Envoy's own health check filter said no",
    "LR": "Envoy reset the stream itself",
    "NC": "the cluster of the route does not exist",
    "NR": "no route, or no filter chain, fits: Envoy's configuration, and nothing went upstream",
    "OM": "Envoy itself was overloaded (overload manager)",
    "RL": "the request was rate limited",
    "UAEX": "the external authorization service said no",
    "UMSDR": "max_stream_duration ran out",
    "URX": "retries are used up: the flag beside it says why",
}
"""Flags that no verdict explains, and why: nothing failed on the network."""
