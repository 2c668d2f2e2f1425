"""NGINX's access logs: its variables, and the formats that everybody has.

Sources: nginx.org, ``ngx_http_log_module`` and "Alphabetical index of variables"; ingress-nginx's
documentation, "Log format".
"""

from __future__ import annotations

import re

from pcapdiag.logs.clocks import CLF, EPOCH, ISO, Clock
from pcapdiag.logs.template import MAX_FORMAT, NUMBER, Part, Template

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
NUMBERS = {
    "remote_port": "client_port",
    "realip_remote_port": "direct_port",
    "server_port": "listener_port",
    "status": "status",
    "request_length": "received",
    "bytes_received": "received",
    "body_bytes_sent": "sent",
    "bytes_sent": "sent",
    "request_time": "duration_s",
    "session_time": "duration_s",
    "connection": "connection",
}
TEXTS = {
    "remote_addr": "client",
    "realip_remote_addr": "direct",
    "http_x_forwarded_for": "forwarded",
    "proxy_protocol_addr": "forwarded",
    "server_addr": "listener",
    "request": "request",
    "request_method": "method",
    "request_uri": "target",
    "uri": "target",
    "upstream_addr": "upstreams",
    "upstream_status": "upstream_statuses",
    "upstream_connect_time": "connect_s",
    "upstream_header_time": "header_s",
    "upstream_first_byte_time": "header_s",
    "upstream_response_time": "response_s",
    "upstream_session_time": "response_s",
    "sent_http_grpc_status": "grpc_status",
    "sent_trailer_grpc_status": "grpc_status",
    "upstream_http_grpc_status": "grpc_status",
    "upstream_trailer_grpc_status": "grpc_status",
    "request_id": "request_id",
    "req_id": "request_id",
    "http_x_request_id": "request_id",
    "host": "host",
    "http_host": "host",
    "server_name": "other_host",
    "ssl_server_name": "other_host",
    "ssl_preread_server_name": "other_host",
    "proxy_upstream_name": "backend",
    "proxy_host": "backend",
}
_TRY = r"(?:\[[\da-fA-F:.]*+\])?[^\s,\"\[\]|;]*+"
_LIST = rf"{_TRY}(?>(?:(?:, ?| : ){_TRY})*)"
"""Tries, separated by commas; server groups by colons with blanks."""
_CLOCKS = {"time_local": CLF, "time_iso8601": ISO, "msec": EPOCH}


def parts_of(form: str) -> list[str | Part]:
    """Split a log_format's string into its literal texts and variables.

    Raises ValueError for one that is too long.
    """
    if len(form) > MAX_FORMAT:
        raise ValueError("too long")
    parts: list[str | Part] = []
    at = 0
    for found in _VARIABLE.finditer(form):
        if found.start() > at:
            parts.append(form[at : found.start()])
        parts.append(variable(found[1] or found[2]))
        at = found.end()
    if at < len(form):
        parts.append(form[at:])
    return parts


def variable(name: str) -> Part:
    """Return the field of a variable; one that is not used has no name."""
    if name in _CLOCKS:
        return Part(clock=Clock(_CLOCKS[name], utc=False, begin=False))
    if name in NUMBERS:
        return Part(NUMBERS[name], NUMBER)
    field = TEXTS.get(name, "")
    is_list = name.startswith("upstream_") and field != "grpc_status"
    return Part(field, _LIST if is_list else "")


def template(name: str, form: str) -> Template:
    """Return the reader of a log_format's string. Raises ValueError for one without sense."""
    return Template("nginx", name, parts_of(form))


_COMMON = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
_COMBINED = _COMMON + ' "$http_referer" "$http_user_agent"'
PARTIAL = ("NGINX combined, and more", "NGINX common, and more")
FORMATS = {
    "NGINX combined": _COMBINED,
    "NGINX main": _COMBINED + ' "$http_x_forwarded_for"',
    "ingress-nginx upstreaminfo": _COMBINED
    + " $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name]"
    + " $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id",
    "ingress-nginx stream": "[$remote_addr] [$time_local] $protocol $status $bytes_sent"
    " $bytes_received $session_time",
    "NGINX common": _COMMON,
    PARTIAL[0]: _COMBINED + " $more",
    PARTIAL[1]: _COMMON + " $more",
}
"""In the order in which they are tried."""
