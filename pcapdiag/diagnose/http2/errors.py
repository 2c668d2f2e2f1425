"""HTTP/2 error codes: names, and what an end says with each (RFC 9113 section 7)."""

from __future__ import annotations

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11

_NAMES = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)

_MEANINGS = (
    "it had no error to tell (Envoy before 1.37 says so when its upstream broke an answer off)",
    "it calls the other end's frames or headers a violation of HTTP/2",
    "its own program failed, or it could not get the answer itself (Envoy from 1.37 on says so "
    "when its upstream broke an answer off)",
    "the other end sent more than the window allowed",
    "its SETTINGS were not acknowledged in time",
    "it got a frame for a stream that it had closed",
    "it got a frame of a size that is not allowed",
    "it had not processed the request: safe to retry",
    "it does not want the stream any more: cancelled, or its deadline passed",
    "header compression broke, so that nothing on this connection can be read any more",
    "the connection that the CONNECT asked for was reset or closed abnormally",
    "the other end asks too much: pings, resets, settings or streams",
    "TLS version or cipher is not good enough for it",
    "it wants HTTP/1.1 for this request (client certificates, NTLM)",
)

_OWN_TROUBLE = (
    "is {sender} a proxy (Envoy, NGINX, HAProxy)? then it lost its own upstream: see that leg; "
    "else a crash, an exception or a limit of its program"
)
_BREACH = (
    "{receiver} sent what {sender} does not take: compare versions of both, and limits of headers, "
    "frames and windows (Envoy max_request_headers_kb and http2_protocol_options, NGINX "
    "large_client_header_buffers, HAProxy tune.h2.*); does a device between edit HTTP/2?"
)
_ADVICE = {
    NO_ERROR: _OWN_TROUBLE,
    INTERNAL_ERROR: _OWN_TROUBLE,
    CANCEL: "which deadline or cancel at {sender} ended it: a timeout there, a context, a handler?",
    10: "what did the connection that CONNECT asked for end with? see that leg of {sender}",
    12: "TLS 1.2 or later with a cipher that RFC 9113 does not rule out (appendix A), at both ends",
    13: "let {receiver} use HTTP/1.1 there (ALPN http/1.1; Envoy explicit http_protocol_options)",
}

PEERS_FAULT = frozenset({1, 3, 4, 5, 6, 9, 11, 12})
"""Codes by which an end says that the other one broke the protocol or asked too much."""


def error_name(code: int) -> str:
    """Return a code's name; a code that is in no table as a number, ``0x1f``."""
    return _NAMES[code] if 0 <= code < len(_NAMES) else f"{code:#x}"


def error_advice(code: int, sender: str, receiver: str) -> str:
    """Return what to look at first where ``sender`` sent this code to ``receiver``."""
    known = 0 <= code < len(_NAMES)
    advice = _ADVICE.get(code, _BREACH if known else _OWN_TROUBLE)
    return advice.format(sender=sender, receiver=receiver)


def error_meaning(code: int) -> str:
    """Return what an end says with a code, in words; an unknown code is private to its program."""
    known = 0 <= code < len(_MEANINGS)
    return _MEANINGS[code] if known else "a code of its own, that no RFC defines"
