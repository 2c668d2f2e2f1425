"""Times of logs: strftime's letters with Envoy's fractions, made into a reader of such times.

Sources: Envoy's documentation, "Access logging", START_TIME (``%s``, ``%f``, ``%1f`` to ``%9f``);
strftime(3); Abseil's ``%E3S`` and ``%E*S``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pcapdiag.model.units import SECOND

REMEMBERED = 4_096
"""Seconds whose reading is remembered: a log has many lines of each, nearly in order."""
MAX_PATTERN = 200
"""Characters of a time's format."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_SHORT = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "D": "%m/%d/%y", "R": "%H:%M", "c": "%a %b %e %T %Y"}
_GROUPS = {
    "Y": ("Y", r"\d{4}"),
    "y": ("y", r"\d{2}"),
    "m": ("m", r"\d{2}"),
    "d": ("d", r"\d{2}"),
    "e": ("d", r" ?\d{1,2}"),
    "H": ("H", r"\d{2}"),
    "I": ("I", r" ?\d{1,2}"),
    "p": ("p", r"[AaPp][Mm]"),
    "M": ("M", r"\d{2}"),
    "S": ("S", r"\d{2}"),
    "b": ("b", r"[A-Za-z]{3,9}"),
    "j": ("j", r"\d{3}"),
    "s": ("s", r"\d{1,11}"),
    "f": ("f", r"\d{1,9}"),
    "z": ("z", r"Z|[+-]\d{2}:?\d{2}"),
    "?": ("z", r"Z|[+-]\d{2}:?\d{2}|"),
    ".": ("f", r"\d{1,9}|"),
}
"""The group's name and pattern of a letter. ``%?`` is a zone that may be absent, ``%.`` a fraction
with its point that may be."""
_PASSED = {
    "a": r"[A-Za-z]{3}",
    "A": r"[A-Za-z]+",
    "Z": r"[A-Za-z0-9+-]{1,10}",
    "n": r"\n",
    "t": r"\t",
}
_SAME = {"B": "b", "h": "b", "k": "H", "l": "I"}
_LETTER = re.compile(r"%(?:E?([1-9*])([fS])|E?([A-Za-z%?.]))")


class Clock:
    """Reads the times of one format.

    ``begin``: they say when the request began. ``utc``: without a zone they are UTC. ``find``
    returns nanoseconds since the epoch, the resolution, and whether the zone is known.
    """

    def __init__(self, form: str, *, utc: bool, begin: bool) -> None:
        """Raises ValueError for a format that gives no moment."""
        self.begin = begin
        self.utc = utc
        pattern = _pattern(form)
        self._compiled = re.compile(pattern)
        names = set(self._compiled.groupindex)
        day = {"Y", "y"} & names and ({"m", "d"} <= names or {"b", "d"} <= names or "j" in names)
        if "s" not in names and not (day and {"H", "I"} & names):
            raise ValueError("no date and time")
        self.exact = "s" in names or ("%." not in form and "f" in names)
        """They have more than whole seconds, or say the moment itself."""
        self._known: dict[str, tuple[int, bool]] = {}
        self._fraction = self._compiled.groupindex.get("f", 0)
        self.plain = re.sub(r"\?P<\w+>", "?:", pattern)
        """Its expression, without groups of its own."""

    def find(self, text: str) -> tuple[int, int, bool] | None:
        """Read one time."""
        found = self._compiled.fullmatch(text)
        if found is None:
            return None
        digits = (found[self._fraction] or "") if self._fraction else ""
        if digits:
            start, stop = found.span(self._fraction)
            key = text[:start] + text[stop:]
        else:
            key = text
        known = self._known.get(key)
        if known is None:
            try:
                known = self._moment(found)
            except (ValueError, OverflowError):
                return None
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = known
        moment, zoned = known
        if not digits:
            return moment, SECOND, zoned
        unit = 10 ** (9 - len(digits))
        return moment + int(digits) * unit, unit, zoned

    def _moment(self, found: re.Match[str]) -> tuple[int, bool]:
        """Return nanoseconds without the fraction, and whether the zone is known."""
        said = {name: text for name, text in found.groupdict().items() if text}
        if "s" in said:
            return int(said["s"]) * SECOND, True
        zone = said.get("z", "")
        day = _day(said)
        minute, second = int(said.get("M", 0)), int(said.get("S", 0))
        if minute > 59 or second > 60:
            raise ValueError("no such time")
        clock = timedelta(hours=_hour(said), minutes=minute, seconds=second)
        moment = day + clock - timedelta(minutes=_zone(zone))
        return int((moment - _EPOCH).total_seconds()) * SECOND, self.utc or bool(zone)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _day(said: dict[str, str]) -> datetime:
    year = int(said["Y"]) if "Y" in said else 2000 + int(said["y"])
    if "j" in said:
        return datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=int(said["j"]) - 1)
    month = int(said["m"]) if "m" in said else MONTHS.index(said["b"][:3].lower()) + 1
    return datetime(year, month, int(said["d"]), tzinfo=UTC)


def _hour(said: dict[str, str]) -> int:
    if "H" in said:
        if int(said["H"]) > 23:
            raise ValueError("no such hour")
        return int(said["H"])
    late = said.get("p", "").lower() == "pm"
    return int(said["I"]) % 12 + (12 if late else 0)


def _zone(text: str) -> int:
    """Return the minutes east of UTC."""
    if text in ("", "Z"):
        return 0
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return -minutes if text[0] == "-" else minutes


def _pattern(form: str) -> str:
    """Return the regular expression of a format; a letter that comes twice counts once."""
    if len(form) > MAX_PATTERN:
        raise ValueError("too long")
    for letter, meant in _SHORT.items():
        form = form.replace("%" + letter, meant)
    seen: set[str] = set()
    made: list[str] = []
    at = 0
    for found in _LETTER.finditer(form):
        made.append(re.escape(form[at : found.start()]))
        made.append(_piece(found, seen))
        at = found.end()
    return "".join(made) + re.escape(form[at:])


def _piece(found: re.Match[str], seen: set[str]) -> str:
    digits, kind, letter = found.groups()
    if kind == "f":
        return _group("f", rf"\d{{{digits}}}" if digits != "*" else r"\d{1,9}", seen)
    if kind == "S":
        width = rf"\d{{{digits}}}" if digits != "*" else r"\d{1,9}"
        return _group("S", r"\d{2}", seen) + r"\." + _group("f", width, seen)
    letter = _SAME.get(letter, letter)
    if letter == "%":
        return "%"
    if letter in _PASSED:
        return _PASSED[letter]
    if letter not in _GROUPS:
        raise ValueError(f"%{letter} is not known")
    name, pattern = _GROUPS[letter]
    group = _group(name, pattern, seen)
    return rf"(?:[.,]{group})?" if letter == "." else group


def _group(name: str, pattern: str, seen: set[str]) -> str:
    if name in seen:
        return f"(?:{pattern})"
    seen.add(name)
    return f"(?P<{name}>{pattern})"


ISO = "%Y-%m-%dT%H:%M:%S%.%?"
"""Envoy's default, NGINX's ``$time_iso8601``, journald, Docker, Kubernetes."""
CLF = "%d/%b/%Y:%H:%M:%S %z"
"""NGINX's ``$time_local``, HAProxy's ``%Tl``."""
HAPROXY = "%d/%b/%Y:%H:%M:%S.%3f"
NGINX_ERROR = "%Y/%m/%d %H:%M:%S"
EPOCH = "%s%."
