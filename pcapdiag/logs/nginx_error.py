"""NGINX's error log: who was connected to whom, and what went wrong at which step.

Source: ``ngx_log_error_core()``, ``ngx_http_log_error_handler()`` and
``ngx_stream_log_session()`` of NGINX.
"""

from __future__ import annotations

import re

from pcapdiag.logs.clocks import NGINX_ERROR, Clock
from pcapdiag.logs.failure import finish
from pcapdiag.logs.fields import FIELDS, MAX_TEXT
from pcapdiag.logs.template import Stamp
from pcapdiag.logs.values import end
from pcapdiag.model.logs import LogEntry

NAME = "NGINX error log"
_LINE = re.compile(
    r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] \d+#\d+: (?:\*(\d+) )?(.*)", re.DOTALL
)
_CONTEXT = re.compile(
    r", (client|server|request|subrequest|upstream|host|referrer|login): "
    r'(?:"((?>(?:[^"]|"(?!, |$|\s))*))"|([^,\s]*+))'
)
_FIELD = {"request": "request", "host": "host"}
_SCHEME = re.compile(r"^\w+://(\[[^\]]*\]|[^/:]*)(:\d+)?")
_PORTS = {"http": "80", "https": "443", "grpc": "80", "grpcs": "443"}
_OF_A_CONNECTION = re.compile(
    r"failed \((?:9\d|1\d\d|32): |failed \(SSL|timed out|prematurely closed|SSL|no live upstreams|"
    r"upstream (?:sent|rejected|server temporarily|closed)|reset by peer|closed connection|"
    r"client (?:sent|timed out|prematurely)|broken header|connection preface|http2 |peer closed|"
    r"too many connections|worker_connections are not enough"
)
_LEVELS = frozenset({"debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"})
_CLOCK = Clock(NGINX_ERROR, utc=False, begin=False)


class NginxError:
    """Reads the first line of a message; ``append`` takes those that follow."""

    name = NAME

    def read(self, line: str, _stamp: Stamp | None) -> LogEntry | None:
        """Return what a line says, or None when it is none of an error log."""
        found = _LINE.match(line)
        when = _CLOCK.find(found[1]) if found else None
        if found is None or when is None or found[2] not in _LEVELS:
            return None
        entry = LogEntry(
            product="nginx",
            kind="error",
            file="",
            line=0,
            time=when[0],
            resolution=when[1],
            begin=False,
            zoned=when[2],
            connection=found[3],
        )
        _context(entry, found[4])
        finish(entry)
        entry.failed = entry.failed or bool(_OF_A_CONNECTION.search(entry.message or ""))
        return entry


def goes_on(entry: LogEntry, line: str) -> bool:
    """Return whether a line is more of the message before it: who was involved comes last."""
    is_open = entry.product == "nginx" and entry.kind == "error" and entry.client is None
    return is_open and _LINE.match(line) is None


def append(entry: LogEntry, line: str) -> None:
    """Take a further line of a message whose text spans several."""
    if len(entry.message or "") >= MAX_TEXT:
        return
    _context(entry, f"{entry.message}\n{line}")
    entry.failed = entry.failed or bool(_OF_A_CONNECTION.search(entry.message or ""))


def _context(entry: LogEntry, text: str) -> None:
    """Split off who was involved; the message is what comes before."""
    first = text.find(", client: ")
    start = _CONTEXT.search(text) if first < 0 else _CONTEXT.search(text, first)
    entry.message = text[: min(start.start() if start else len(text), MAX_TEXT)]
    if start is None:
        return
    for found in _CONTEXT.finditer(text, start.start()):
        value = (found[2] if found[2] is not None else found[3])[:MAX_TEXT]
        name = found[1]
        if name == "client":
            FIELDS["client"](entry, value)
        elif name == "upstream":
            _upstream(entry, value)
        elif name == "server" and value:
            _server(entry, value)
        elif name in _FIELD and value:
            FIELDS[_FIELD[name]](entry, value)


def _server(entry: LogEntry, text: str) -> None:
    """Read a server's name, or before there is a request the address that it listens at."""
    found = end(text)
    if found is not None and found[1]:
        entry.listener = found
    else:
        FIELDS["other_host"](entry, text)


def _upstream(entry: LogEntry, text: str) -> None:
    """Read ``http://10.0.0.5:8080/path`` or, of a stream, ``10.0.0.5:8080``."""
    found = _SCHEME.match(text)
    if found is None:
        FIELDS["upstream"](entry, text)
        return
    port = found[2] or ":" + _PORTS.get(text.partition(":")[0], "0")
    FIELDS["upstream"](entry, found[1] + port)
    if not entry.upstreams:
        entry.upstream_name = found[1] or None
