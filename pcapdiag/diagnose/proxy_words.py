"""From a proxy's words for a failure to the codes that they may stand for.

What a person on call has is a line of an access log or error log. Envoy's flags and reset reasons,
NGINX's messages and HAProxy's states stand in each kind; what says more than those (an error
number, what the TLS library said) is listed here.

Sources: Envoy's docs "Access logging" and source/common/http/utility.cc (resetReasonToString);
NGINX's ngx_http_upstream.c and ngx_event_openssl.c; HAProxy's configuration manual, section 8.5.
All of them were compared with what the lab's proxies wrote (docs/lab.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pcapdiag.diagnose.pages import codes
from pcapdiag.diagnose.registry import KINDS


class Heard(NamedTuple):
    """One thing that a text says, by whose words, and the codes that may be behind it."""

    says: str
    codes: tuple[str, ...]
    note: str = ""


RESET_REASONS = (
    *("remote connection failure", "local connection failure", "connection failure"),
    *("connection timeout", "connection termination"),
    *("remote refused stream reset", "remote reset", "local reset", "overflow"),
    *("protocol error", "response timeout", "stream timeout"),
)
"""Envoy's, the longer ones first: a text is read for the first that it holds."""

CLOSER: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        r"connection refused|\berror: 111\b|\(111\b",
        "errno 111, connection refused",
        ("tcp.connection_refused", "icmp.unreachable"),
    ),
    (
        r"no route to host|\berror: 113\b|\(113\b",
        "errno 113, no route to host",
        ("icmp.unreachable", "icmp.prohibited"),
    ),
    (
        r"cannot assign requested address|\berror: 99\b|\(99\b",
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
        r"local issuer certificate|self.signed certificate|unknown.ca\b",
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
"""A pattern for what a text says besides, what it means, and the codes of that."""

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

_IN_ACCESS_LOG = re.compile(r"\b\d{3} ((?:[A-Z]{2,5})(?:,[A-Z]{2,5})*)\b")
_FLAGS = re.compile(r"[A-Z]{2,5}")
_STATE = re.compile(r"(?<!\S)([CSPLRIDUKcs-][RQCHDLTsu-])(?:[NIDVEUO-][NIUPRD-])?(?!\S)")
_ENOUGH = 8
"""Letters of a piece of NGINX's text from which on it says something."""


def heard(text: str) -> list[Heard]:
    """Return what a proxy's words may mean; empty for no such words.

    Where they name an error, what a flag or a state says besides is wider, and left out.
    """
    closest = next(_closer(text), None)
    if closest is not None:
        return [closest]
    return [*_flags(text), *_reset_reason(text), *_nginx(text), *_haproxy(text)]


def _plain(text: str) -> str:
    return text.replace("_", " ").lower()


def _closer(text: str) -> Iterator[Heard]:
    plain = _plain(text)
    for pattern, says, behind in CLOSER:
        if re.search(pattern, plain):
            yield Heard(says, behind)


def _flags(text: str) -> Iterator[Heard]:
    logged = _IN_ACCESS_LOG.search(text)
    named = logged[1] if logged else text.strip().upper()
    for flag in named.split(","):
        behind = _codes(k.code for k in KINDS.values() if k.envoy and flag in flags(k.envoy.flag))
        if behind or flag in OTHER_FLAGS:
            yield Heard(f"Envoy response flag {flag}", behind, OTHER_FLAGS.get(flag, ""))


def flags(text: str) -> list[str]:
    """Return the response flags that a kind's text names."""
    return _FLAGS.findall(text)


def _reset_reason(text: str) -> Iterator[Heard]:
    plain = _plain(text)
    reason = next((one for one in RESET_REASONS if one in plain), None)
    if reason is None:
        return
    behind = _codes(
        k.code for k in KINDS.values() if k.envoy and reason in k.envoy.reset_reason.lower()
    )
    if behind:
        yield Heard(f'Envoy reset reason "{reason}"', behind)


def _nginx(text: str) -> Iterator[Heard]:
    plain = " ".join(text.lower().split())
    behind = _codes(k.code for k in KINDS.values() if k.nginx and _fits(k.nginx.lower(), plain))
    if behind:
        yield Heard("NGINX error log", behind)


def _fits(message: str, text: str) -> bool:
    """Return whether a text is part of a message, or has the pieces of one of its variants."""
    if len(text) >= _ENOUGH and text in message:
        return True
    for variant in re.split(r" / |; |, or ", message):
        pieces = [piece.strip() for piece in re.split(r"\.\.\.|\bn\b|\"|[()]", variant)]
        told = [piece for piece in pieces if len(piece) >= _ENOUGH]
        if told and all(piece in text for piece in told):
            return True
    return False


def _haproxy(text: str) -> Iterator[Heard]:
    state = _STATE.search(text)
    if state is None:
        return
    behind = _codes(k.code for k in KINDS.values() if state[1] in states(k.haproxy))
    if behind:
        yield Heard(f"HAProxy termination state {state[1]}", behind)


def states(text: str) -> list[str]:
    """Return the termination states that a kind's text names, of two letters each."""
    return [found[:2] for found in re.findall(r"(?<!\S)[A-Za-z-]{2}(?:--)?(?=$|[;\s])", text)]


def _codes(found: Iterable[str]) -> tuple[str, ...]:
    """Return the codes in the order in which lists tell them."""
    return tuple(sorted(found, key=codes().index))
