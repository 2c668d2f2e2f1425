"""Logs whose lines are JSON objects: by a format's own keys, or by what keys are usually called.

Without a format the keys are read by the names of the operators and variables themselves, in
whatever spelling (``response_flags``, ``responseFlags``), and by a few that are common. Units are
those of the product: a duration is milliseconds for Envoy and HAProxy, seconds for NGINX.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from pcapdiag.logs import envoy, nginx
from pcapdiag.logs.clocks import CLF, EPOCH, HAPROXY, ISO, NGINX_ERROR, Clock
from pcapdiag.logs.failure import finish
from pcapdiag.logs.fields import ABSENT, DASH_SPEAKS, FIELDS, MAX_TEXT, RANKS, is_state
from pcapdiag.logs.source import NAMES
from pcapdiag.logs.template import REMEMBERED, TELLING, Stamp
from pcapdiag.model.logs import LogEntry, Product

MAX_KEYS = 400
"""Members of one line that are looked at."""
MIN_FIELDS = 2
"""Fields that an object must have besides its time: programs log JSON, too."""
MAX_SHAPES = 64
"""Sets of keys that are remembered."""
LARGEST = 10**18
"""A larger number is no measurement, and no time."""
MAX_KNOWN = 4_096
"""Keys whose meaning is remembered."""
MAX_DEPTH = 6
"""Objects within objects that are looked into."""

_Shape = tuple[list[str], str, set[tuple[object, ...]]]
"""Of lines with the same keys: those that say whether it failed, the one of the time, and what
lines said that went well."""

_decode = msgspec.json.Decoder().decode
_NOT_LETTERS = re.compile(r"[^a-z0-9]")
_HEX = re.compile(r"\\x([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r'\\(?!["\\/bfnrtu])')

_COMMON = {
    "method": "method",
    "httpmethod": "method",
    "path": "target",
    "url": "target",
    "uri": "target",
    "authority": "host",
    "xforwardedfor": "forwarded",
    "code": "status",
    "statuscode": "status",
    "httpstatus": "status",
    "grpccode": "grpc_status",
    "grpcstatus": "grpc_status",
    "grpcstatuscode": "grpc_status",
    "requestid": "request_id",
    "xrequestid": "request_id",
    "flags": "flags",
    "upstreamcluster": "backend",
    "upstreamservicetime": "header_ms",
    "xenvoyupstreamservicetime": "header_ms",
    "durationms": "duration_ms",
    "sni": "other_host",
    "downstreamremote": "client",
    "clientip": "client",
    "clientport": "client_port",
    "srcip": "client",
    "srcport": "client_port",
    "remoteip": "client",
}
_PRODUCT: dict[Product, dict[str, str]] = {
    "envoy": {"xenvoyoriginalpath": "target", "xenvoyoriginpath": "target"},
    "nginx": {"responsetime": "response_s", "upstream": "upstreams", "bytes": "sent"},
    "haproxy": {
        "terminationstate": "state",
        "termstate": "state",
        "backendname": "backend",
        "backend": "backend",
        "servername": "server",
        "server": "server",
        "serverip": "upstream",
        "serverport": "upstream_port",
        "retries": "retries",
        "timeconnect": "connect_ms",
        "tc": "connect_ms",
        "tw": "queue_ms",
        "tr": "header_ms",
        "ta": "duration_ms",
        "tt": "duration_ms",
        "ts": "state",
        "tsc": "state",
        "httprequest": "request",
        "request": "request",
        "beconnect": "connect_ms",
    },
}
_NEEDED: dict[Product, frozenset[str]] = {
    "envoy": frozenset({"status", "flags", "long_flags"}),
    "nginx": frozenset({"status"}),
    "haproxy": frozenset({"status", "state"}),
}
"""Without one of these fields an object is no line of the product's log."""
_TIMES = ("starttime", "timelocal", "timeiso8601", "msec", "acceptdate", "requestdate", "time")
_TIME_KEYS = (*_TIMES, "timestamp", "ts", "t", "tr", "date", "datetime", "emittime")
"""In the order in which they are trusted."""


def letters(key: str) -> str:
    """Return a key without what is a matter of spelling."""
    return _NOT_LETTERS.sub("", key.lower())


def decode(line: str) -> dict[str, object] | None:
    """Return the object of a line, or None. What NGINX escapes in its own way is put right."""
    if line[:1] != "{":
        return None
    found = _object(line)
    if found is None and "\\" in line:
        found = _object(_BAD_ESCAPE.sub(r"\\\\", _HEX.sub(r"\\u00\1", line)))
    return found


def _object(text: str) -> dict[str, object] | None:
    try:
        found = _decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def members(found: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the texts of an object by their keys; inner ones by their own and their whole name."""
    waiting: list[tuple[str, int, Mapping[str, object]]] = [("", 0, found)]
    left = MAX_KEYS
    while waiting and left > 0:
        prefix, depth, inner = waiting.pop(0)
        for key, value in inner.items():
            left -= 1
            if isinstance(value, dict):
                if depth < MAX_DEPTH:
                    waiting.append((f"{prefix}{key}.", depth + 1, value))
            elif isinstance(value, str):
                yield prefix + key, value
            elif isinstance(value, int | float) and not isinstance(value, bool):
                yield prefix + key, _number(value)


def _number(value: float) -> str:
    if abs(value) >= LARGEST:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.9f}".rstrip("0").rstrip(".")


def _names(product: Product) -> dict[str, str]:
    """Return the fields by the letters of the keys they may have."""
    own: dict[str, str] = {}
    if product == "envoy":
        own = {**envoy.TEXTS, **envoy.NUMBERS}
    elif product == "nginx":
        own = {**nginx.TEXTS, **nginx.NUMBERS}
    return {**_COMMON, **{letters(k): v for k, v in own.items()}, **_PRODUCT[product]}


class JsonLines:
    """Reads JSON objects by the usual names of their keys."""

    def __init__(self, product: Product) -> None:
        self.name = NAMES[product] + " JSON"
        self._product = product
        self._names = _names(product)
        begin, utc = product != "nginx", product == "envoy"
        forms = (ISO, "%Y-%m-%d %H:%M:%S%.%?", CLF, HAPROXY, NGINX_ERROR, EPOCH, "%s%3f")
        self.brief = False
        """As for Template."""
        self._known: dict[str, tuple[str, str]] = {}
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._clocks = [Clock(form, utc=utc, begin=begin) for form in forms]

    def read(self, line: str, stamp: Stamp | None) -> LogEntry | None:
        """Return what a line says, or None when it is no object with a time and a known key."""
        found = decode(line)
        if found is None:
            return None
        if self.brief and (quick := self._quick(found)) is not None:
            return quick
        texts: dict[str, str] = {}
        times: dict[str, str] = {}
        for key, text in members(found):
            name, time = self._known.get(key) or self._meant(key)
            if time:
                times.setdefault(time, text)
            if name:
                texts.setdefault(name, text)
        if not is_state(texts.get("state", "")):
            texts.pop("state", None)
        if len(texts) < MIN_FIELDS or texts.keys().isdisjoint(_NEEDED[self._product]):
            return None
        entry = self._entry(texts, times, stamp)
        if self.brief and entry is not None and not entry.failed:
            self._remember(found, times)
        return entry

    def _quick(self, found: dict[str, object]) -> LogEntry | None:
        """Return an entry with its time for a line that says what others said that went well."""
        shape = self._shapes.get(tuple(found))
        if shape is None:
            return None
        keys, time_key, healthy = shape
        said, time = tuple([found[key] for key in keys]), found[time_key]
        if not isinstance(time, str) or not all(map(_is_plain, said)) or said not in healthy:
            return None
        when = self._when({_TIME_KEYS[0]: time})
        return None if when is None else self._begun(when, begin=True)

    def _remember(self, found: dict[str, object], times: dict[str, str]) -> None:
        """Keep what a line that went well has said, where its members are no objects."""
        first = next((key for key in _TIME_KEYS if key in times), None)
        time = next((key for key in found if first and self._meant(key)[1] == first), None)
        keys = [key for key in found if self._meant(key)[0] in TELLING]
        said = tuple([found[key] for key in keys])
        if time is None or any(isinstance(value, dict) for value in found.values()):
            return
        if len(self._shapes) >= MAX_SHAPES or not all(map(_is_plain, said)):
            return
        _, _, healthy = self._shapes.setdefault(tuple(found), (keys, time, set()))
        if len(healthy) < REMEMBERED:
            healthy.add(said)

    def _meant(self, key: str) -> tuple[str, str]:
        """Return the field of a key and the kind of time, each empty where it is none."""
        plain, short = letters(key), letters(key.rpartition(".")[2])
        name = self._names.get(plain) or self._names.get(short) or ""
        meant = name, short if short in _TIME_KEYS else ""
        if len(self._known) < MAX_KNOWN:
            self._known[key] = meant
        return meant

    def _entry(
        self, texts: dict[str, str], times: dict[str, str], stamp: Stamp | None
    ) -> LogEntry | None:
        when = self._when(times) or stamp
        if when is None:
            return None
        entry = self._begun(when, begin=when is not stamp)
        put(entry, texts)
        return entry

    def _begun(self, when: Stamp, *, begin: bool) -> LogEntry:
        return LogEntry(
            product=self._product,
            kind="access",
            file="",
            line=0,
            time=when.time,
            resolution=when.resolution,
            begin=begin and self._product != "nginx",
            zoned=when.zoned,
        )

    def _when(self, times: dict[str, str]) -> Stamp | None:
        for key in _TIME_KEYS:
            text = times.get(key)
            if text is None:
                continue
            for clock in self._clocks:
                found = clock.find(text)
                if found is not None:
                    return Stamp(*found)
        return None


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int)


def put(entry: LogEntry, texts: dict[str, str]) -> None:
    """Put fields into an entry in the order of their ranks."""
    for name in sorted(texts, key=RANKS.__getitem__):
        text = texts[name]
        if text and (text not in ABSENT or name in DASH_SPEAKS):
            FIELDS[name](entry, text[:MAX_TEXT])
    finish(entry)
