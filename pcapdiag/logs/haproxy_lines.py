"""HAProxy's lines that are no requests: failed handshakes, servers going down, bare connections.

Source: HAProxy's configuration manual, 8.2.1 "Default log format" and 8.2.5 "Error log format";
``srv_append_status()`` for the health of servers.
"""

from __future__ import annotations

import re

from pcapdiag.logs.clocks import HAPROXY, Clock
from pcapdiag.logs.fields import FIELDS, MAX_TEXT
from pcapdiag.logs.template import Stamp
from pcapdiag.model.logs import LogEntry

_CLOCK = Clock(HAPROXY, utc=False, begin=True)
_REFUSED = re.compile(r"(\S+):(\d+) \[([^\]]+)\] ([^\s/]+)/([^\s:]+): (.+)", re.DOTALL)
_CONNECT = re.compile(r"Connect from (\S+:\d+) to (\S+:\d+) \(([^/]+)/\w+\)")
_SERVER = re.compile(
    r"(?:Backup )?[Ss]erver ([^\s/]+/\S+) (?:is (?:DOWN|UP)|has no)|"
    r"Health check for (?:backup )?server ([^\s/]+/\S+) failed|"
    r"backend (\S+) has no server available"
)


class ErrorLine:
    """``10.0.0.1:5000 [29/Nov/2026:10:00:00.000] front/bind: SSL handshake failure``."""

    name = "HAProxy error line"

    def read(self, line: str, _stamp: Stamp | None) -> LogEntry | None:
        """Return what a line says, or None when it is another."""
        found = _REFUSED.match(line)
        when = _CLOCK.find(found[3]) if found else None
        if found is None or when is None:
            return None
        entry = LogEntry(
            product="haproxy",
            kind="error",
            file="",
            line=0,
            time=when[0],
            resolution=when[1],
            zoned=when[2],
            message=found[6][:MAX_TEXT],
            failed=True,
        )
        FIELDS["client"](entry, f"{found[1]}:{found[2]}")
        return entry


class OtherLine:
    """Lines without a time of their own: what carried them must have one."""

    name = "HAProxy events"

    def read(self, line: str, stamp: Stamp | None) -> LogEntry | None:
        """Return what a line says, or None when it is another, or nothing says when."""
        if stamp is None:
            return None
        entry = LogEntry(
            product="haproxy",
            kind="error",
            file="",
            line=0,
            time=stamp.time,
            resolution=stamp.resolution,
            begin=False,
            zoned=stamp.zoned,
        )
        return entry if _connected(entry, line) or _health(entry, line) else None


def _connected(entry: LogEntry, line: str) -> bool:
    """HAProxy's line where no option chose another: a connection was accepted."""
    found = _CONNECT.match(line)
    if found is None:
        return False
    entry.kind = "access"
    entry.begin = True
    FIELDS["client"](entry, found[1])
    FIELDS["listener"](entry, found[2])
    return True


def _health(entry: LogEntry, line: str) -> bool:
    found = _SERVER.match(line)
    if found is None:
        return False
    entry.message = line[:MAX_TEXT]
    entry.upstream_name = (found[1] or found[2] or found[3])[:MAX_TEXT]
    entry.failed = " is UP" not in line
    return True
