"""What carries a proxy's line and adds its own beginning: syslog, journald, Kubernetes, Docker.

Sources: RFC 3164 and RFC 5424; the CRI log format; ``kubectl logs --timestamps --prefix``; stern;
Docker's json-file driver; journalctl's output modes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from pcapdiag.logs.clocks import ISO, Clock
from pcapdiag.logs.json_lines import decode
from pcapdiag.logs.template import Stamp

Unwrapped = tuple[str, Stamp | None]
Wrapper = Callable[[str], Unwrapped | None]

_ISO = Clock(ISO, utc=False, begin=False)
_MICROSECOND = 1_000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_TIME = r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)"
_TAG = r"(?:\S+ )?[\w./-]+(?:\[\d+\])?: ?"
_CRI = re.compile(_TIME + r" (?:stdout|stderr) [FP] (.*)", re.DOTALL)
_SYSLOG_NEW = re.compile(
    r"<\d{1,3}>\d " + _TIME + r" \S+ \S+ \S+ \S+ (?:-|(?:\[[^\]]*\])+) ?(?:\ufeff)?(.*)", re.DOTALL
)
_SYSLOG_ISO = re.compile(r"(?:<\d{1,3}>)?" + _TIME + " " + _TAG + "(.*)", re.DOTALL)
_SYSLOG_OLD = re.compile(
    r"(?:<\d{1,3}>)?([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?) " + _TAG + "(.*)",
    re.DOTALL,
)
_PRIORITY = re.compile(r"<\d{1,3}>(.*)", re.DOTALL)
_PROGRAM = re.compile(r"[\w.-]+(?:\[\d+\])?: (.*)", re.DOTALL)
_KUBECTL = re.compile(_TIME + " (.*)", re.DOTALL)
_POD = re.compile(r"(?:\[[\w./-]+\]|[\w./-]+ +\||[\w.-]+ [\w.-]+) (.*)", re.DOTALL)
_START = re.compile(
    r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^\]\s]*\] \"|"
    r"(?<!\S)\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] |"
    r"(?<!\S)[\da-fA-F.:]+:\d+ \[\d\d/[A-Z][a-z]{2}/\d{4}:"
)
"""The beginnings of Envoy's lines, of NGINX's error log, of HAProxy's."""
_JSON_KEYS = ("log", "MESSAGE", "message", "msg", "line")
_JSON_TIMES = ("time", "timestamp", "@timestamp", "ts")


def _timed(pattern: re.Pattern[str]) -> Wrapper:
    def unwrap(line: str) -> Unwrapped | None:
        found = pattern.match(line)
        return (found[2], _stamp(found[1])) if found else None

    return unwrap


def _stamp(text: str) -> Stamp | None:
    found = _ISO.find(text.replace(" ", "T", 1))
    return Stamp(*found) if found else None


def _bare(pattern: re.Pattern[str]) -> Wrapper:
    def unwrap(line: str) -> Unwrapped | None:
        found = pattern.match(line)
        return (found[1], None) if found else None

    return unwrap


class OldSyslog:
    """RFC 3164's beginning, whose time has no year: it is the last one not after ``latest``."""

    def __init__(self, latest: int) -> None:
        """``latest`` is when the file was written last, in nanoseconds since the epoch."""
        self._latest = latest
        self._year = datetime.fromtimestamp(latest / 1e9, UTC).year
        self._clock = Clock("%Y %b %e %H:%M:%S%.", utc=False, begin=False)

    def __call__(self, line: str) -> Unwrapped | None:
        """Take the beginning off a line."""
        found = _SYSLOG_OLD.match(line)
        if found is None:
            return None
        day = f"{found[1]} {found[2]} {found[3]}"
        when = self._clock.find(f"{self._year} {day}")
        if when is not None and when[0] > self._latest + 86_400_000_000_000:
            when = self._clock.find(f"{self._year - 1} {day}")
        return found[4], Stamp(*when) if when else None


def _from_start(line: str) -> Unwrapped | None:
    """Take off whatever stands before what only a proxy's line begins with."""
    found = _START.search(line, 1)
    return (line[found.start() :], None) if found else None


def _json(line: str) -> Unwrapped | None:
    """Docker's file, journalctl -o json, and what log collectors write: the line is a member."""
    found = decode(line)
    if found is None:
        return None
    inner = next((found[key] for key in _JSON_KEYS if isinstance(found.get(key), str)), None)
    if not isinstance(inner, str):
        return None
    return inner.rstrip("\n"), _json_stamp(found)


def _json_stamp(found: dict[str, object]) -> Stamp | None:
    micros = found.get("__REALTIME_TIMESTAMP")
    if isinstance(micros, str) and micros.isascii() and micros.isdigit() and len(micros) < 18:
        return Stamp(int(micros) * _MICROSECOND, _MICROSECOND, True)
    texts = (found.get(key) for key in _JSON_TIMES)
    text = next((text for text in texts if isinstance(text, str)), None)
    return _stamp(text) if text else None


def _colours(line: str) -> Unwrapped | None:
    return (_COLOUR.sub("", line), None) if "\x1b[" in line else None


_OWN = re.compile(
    r"(?:\S+ )?\[\d{4}-\d\d-\d\d[ T][\d:.]+\]\[\d+\]\[\w+\]\[|"
    + _TIME
    + r"\t(?:info|warn|error|debug|warning)\t|\[(?:NOTICE|WARNING|ALERT)\]|/docker-entrypoint"
)


def is_own_log(line: str) -> bool:
    """Return whether a line is of the proxy's log about itself: what a pod prints has both."""
    return _OWN.match(line) is not None


def wrappers(latest: int) -> list[Wrapper]:
    """Return all of them, the most certain first; ``latest`` as for OldSyslog."""
    return [
        _colours,
        _json,
        _timed(_CRI),
        _timed(_SYSLOG_NEW),
        OldSyslog(latest),
        _timed(_SYSLOG_ISO),
        _timed(_KUBECTL),
        _bare(_PRIORITY),
        _bare(_PROGRAM),
        _bare(_POD),
        _from_start,
    ]
