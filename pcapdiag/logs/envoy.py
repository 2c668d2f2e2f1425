"""Envoy's access logs: its command operators, and the formats that everybody has.

Sources: Envoy's documentation, "Access logging" (operators, default format); Istio's
``pilot/pkg/model/telemetry_logging.go`` and earlier releases' ``accesslog.go``.
"""

from __future__ import annotations

import re

from pcapdiag.logs.clocks import ISO, Clock
from pcapdiag.logs.template import MAX_FORMAT, NUMBER, Part, Template

_OPERATOR = re.compile(r"%([A-Z_0-9]+)(?:\(((?:[^()]|\([^()]*\))*)\))?(?::(\d+))?%|%%")

NUMBERS = {
    "RESPONSE_CODE": "status",
    "BYTES_RECEIVED": "received",
    "BYTES_SENT": "sent",
    "DURATION": "duration_ms",
    "RESPONSE_DURATION": "header_ms",
    "UPSTREAM_REQUEST_ATTEMPT_COUNT": "attempts",
    "UPSTREAM_CONNECTION_POOL_READY_DURATION": "queue_ms",
    "CONNECTION_ID": "connection",
    "UPSTREAM_CONNECTION_ID": "upstream_connection",
    "UPSTREAM_REMOTE_PORT": "upstream_port",
    "UPSTREAM_LOCAL_PORT": "upstream_local_port",
    "DOWNSTREAM_LOCAL_PORT": "listener_port",
    "DOWNSTREAM_REMOTE_PORT": "client_port",
    "DOWNSTREAM_DIRECT_REMOTE_PORT": "direct_port",
}
TEXTS = {
    "GRPC_STATUS": "grpc_status",
    "GRPC_STATUS_NUMBER": "grpc_status",
    "RESPONSE_FLAGS": "flags",
    "RESPONSE_FLAGS_LONG": "long_flags",
    "RESPONSE_CODE_DETAILS": "details",
    "CONNECTION_TERMINATION_DETAILS": "termination",
    "UPSTREAM_TRANSPORT_FAILURE_REASON": "transport",
    "DOWNSTREAM_TRANSPORT_FAILURE_REASON": "transport",
    "UPSTREAM_HOST": "upstream",
    "UPSTREAM_REMOTE_ADDRESS": "upstream",
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": "upstream",
    "UPSTREAM_HOSTS_ATTEMPTED": "upstreams",
    "UPSTREAM_CLUSTER": "backend",
    "UPSTREAM_CLUSTER_RAW": "backend",
    "UPSTREAM_LOCAL_ADDRESS": "upstream_local",
    "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": "upstream_local",
    "DOWNSTREAM_LOCAL_ADDRESS": "listener",
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS": "listener",
    "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": "listener",
    "DOWNSTREAM_REMOTE_ADDRESS": "client",
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": "client",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": "direct",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": "direct",
    "REQUESTED_SERVER_NAME": "other_host",
    "PATH": "target",
}
_HEADERS = {
    ":METHOD": "method",
    ":PATH": "target",
    "X-ENVOY-ORIGINAL-PATH": "target",
    "X-REQUEST-ID": "request_id",
    ":AUTHORITY": "host",
    "HOST": "host",
    "X-FORWARDED-FOR": "forwarded",
}
_TIMES = {
    "START_TIME": (True, True),
    "START_TIME_LOCAL": (True, False),
    "EMIT_TIME": (False, True),
    "EMIT_TIME_LOCAL": (False, False),
}
"""Whether it is the request's begin, and whether it is UTC."""


def parts_of(form: str) -> list[str | Part]:
    """Split a format string into its literal texts and operators.

    Raises ValueError for one that is too long, or has a time that gives no moment.
    """
    if len(form) > MAX_FORMAT:
        raise ValueError("too long")
    form = form.rstrip("\n").removesuffix("\\n")
    parts: list[str | Part] = []
    at = 0
    for found in _OPERATOR.finditer(form):
        _add(parts, form[at : found.start()])
        at = found.end()
        if found[0] == "%%":
            _add(parts, "%")
        else:
            parts.append(operator(found[1], found[2] or ""))
    _add(parts, form[at:])
    return parts


def _add(parts: list[str | Part], text: str) -> None:
    """Add literal text, to the one before where there is one."""
    if text and parts and isinstance(parts[-1], str):
        parts[-1] += text
    elif text:
        parts.append(text)


def operator(name: str, argument: str) -> Part:
    """Return the field of a command operator; one that is not used has no name."""
    if name in _TIMES:
        begin, utc = _TIMES[name]
        return Part(clock=Clock(_strftime(argument), utc=utc, begin=begin))
    if name in NUMBERS:
        return Part(NUMBERS[name], NUMBER)
    if name == "REQ":
        return Part(header(argument))
    if name in ("RESP", "TRAILER") and argument.upper() == "GRPC-STATUS":
        return Part("grpc_status")
    if name == "RESP" and argument.upper() == "X-ENVOY-UPSTREAM-SERVICE-TIME":
        return Part("header_ms", NUMBER)
    return Part(TEXTS.get(name, ""))


def header(argument: str) -> str:
    """Return the field of ``REQ(FIRST?SECOND)``."""
    for name in argument.upper().split("?"):
        if name in _HEADERS:
            return _HEADERS[name]
    return ""


def _strftime(argument: str) -> str:
    """Return a time's format; newer releases allow it in quotes."""
    return argument.strip("\"'") or ISO


def template(name: str, form: str) -> Template:
    """Return the reader of a format string. Raises ValueError for one that cannot be read."""
    return Template("envoy", name, parts_of(form))


_REQUEST = '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
_END = (
    "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
    '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" '
    '"%UPSTREAM_HOST%"'
)
_ISTIO_END = (
    " %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% "
    "%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%"
)
_CODE = "%RESPONSE_CODE% %RESPONSE_FLAGS% "
DEFAULT = _REQUEST + _CODE + _END
ISTIO = (
    _REQUEST
    + _CODE
    + "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    + '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" '
    + _END
    + _ISTIO_END
)
PARTIAL = "Envoy text, as far as its flags"
FORMATS = {
    "Envoy default": DEFAULT,
    "Istio text": ISTIO,
    "Istio text (1.8 and before)": _REQUEST
    + _CODE
    + '"%DYNAMIC_METADATA(istio.mixer:status)%" "%UPSTREAM_TRANSPORT_FAILURE_REASON%" '
    + _END
    + _ISTIO_END,
    "Istio text (1.3 and before)": _REQUEST
    + _CODE
    + '"%DYNAMIC_METADATA(istio.mixer:status)%" '
    + _END
    + _ISTIO_END.removesuffix(" %ROUTE_NAME%"),
    "Envoy default with details": _REQUEST + _CODE + "%RESPONSE_CODE_DETAILS% " + _END,
    "Ambassador": "ACCESS " + DEFAULT,
    PARTIAL: _REQUEST + "%RESPONSE_CODE% %RESPONSE_FLAGS% %REST%",
}
"""In the order in which they are tried."""
