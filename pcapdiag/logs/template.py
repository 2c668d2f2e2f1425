"""A log's format as a list of literal texts and fields, made into a reader of such lines.

A field ends where the text behind it comes next; nothing is tried twice, so that no line, whoever
wrote it, takes longer than its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pcapdiag.logs.clocks import Clock
from pcapdiag.logs.failure import finish
from pcapdiag.logs.fields import ABSENT, DASH_SPEAKS, FIELDS, MAX_TEXT, RANKS, Setter
from pcapdiag.model.logs import LogEntry, Product

MAX_FORMAT = 20_000
"""Characters of a format; a longer one is refused."""
MAX_FIELDS = 120
"""Fields of one format: more than any product's documentation lists."""

NUMBER = r"[+-]?[\d.]*+"
"""A number, ``-`` or nothing."""
_ADDRESS = r"(?>(?:[\w.%]*+:(?=[\w.%]*+:))*)[\w.%\[\]-]*+"
"""An address, IPv6 too, before the colon of its port."""
_ADDRESSES = frozenset({"client", "direct", "listener", "upstream", "upstream_local"})
TELLING = frozenset(
    {"status", "grpc_status", "method", "flags", "long_flags", "state", "transport", "retries"}
    | {"upstream_statuses", "attempts", "message"}
)
"""Fields that say whether the line tells of a failure."""
REMEMBERED = 4_096
"""What lines that tell of no failure say, of which that is remembered."""
_LOOK = 3
"""Characters of the text behind a field that must be there to end it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A field: ``name`` is one of fields.py, or empty for what is not used."""

    name: str = ""
    pattern: str = ""
    """A regular expression, where the field's own form is known."""
    clock: Clock | None = None
    """It is a time."""
    raw: bool = False
    """``pattern`` stands for a text that is not kept and may be absent."""


Parts = Sequence[str | Part]


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time from before the line: of syslog, Kubernetes, Docker. Nanoseconds."""

    time: int
    resolution: int
    zoned: bool


class Template:
    """Reads the lines of one format."""

    def __init__(self, product: Product, name: str, parts: Parts) -> None:
        """``name`` is what the report calls the format.

        Raises ValueError for a format in which no field is known.
        """
        if sum(isinstance(part, Part) for part in parts) > MAX_FIELDS:
            raise ValueError(f"more than {MAX_FIELDS} fields")
        self.name = name
        self.brief = False
        """Of a line that says what others said that told of no failure, only the time is read."""
        self._product = product
        pattern, named = expression(parts)
        if not any(part.name for part in named):
            raise ValueError("no field in it is known")
        self._match: Callable[[str], re.Match[str] | None] = re.compile(pattern, re.DOTALL).match
        is_error = any(part.name == "message" for part in named)
        self.kind: Literal["access", "error"] = "error" if is_error else "access"
        self._clock, self._at = _best_clock(named)
        setters = _setters(named)
        self._setters = [put for _, put in setters]
        self._telling = [at for name, (at, _, _) in setters if name in TELLING]
        self._healthy: set[tuple[str | None, ...]] = set()

    @property
    def has_time(self) -> bool:
        """Whether its lines say when."""
        return self._clock is not None

    def read(self, line: str, stamp: Stamp | None) -> LogEntry | None:
        """Return what a line says; None when it is in another format, or nothing says when."""
        found = self._match(line)
        if found is None:
            return None
        texts = found.groups()
        clock = self._clock
        when = clock.find(texts[self._at]) if clock else None
        if when is not None:
            time, resolution, zoned = when
            begin = clock is not None and clock.begin
        elif stamp is not None:
            time, resolution, zoned = stamp.time, stamp.resolution, stamp.zoned
            begin = False
        else:
            return None
        entry = LogEntry(
            product=self._product,
            kind=self.kind,
            file="",
            line=0,
            time=time,
            resolution=resolution,
            begin=begin,
            zoned=zoned,
        )
        if self.brief:
            telling = tuple([texts[at] for at in self._telling])
            if telling in self._healthy:
                return entry
        self._put(entry, texts)
        finish(entry)
        if self.brief and not entry.failed and len(self._healthy) < REMEMBERED:
            self._healthy.add(telling)
        return entry

    def _put(self, entry: LogEntry, texts: tuple[str | None, ...]) -> None:
        for at, setter, absent in self._setters:
            text = texts[at]
            if text is not None and text not in absent:
                setter(entry, text if len(text) <= MAX_TEXT else text[:MAX_TEXT])


Putter = tuple[int, Setter, frozenset[str]]
"""A field's group, what takes its text, and which texts are none."""


def expression(parts: Parts) -> tuple[str, list[Part]]:
    """Return the regular expression of a format, and the field of each of its groups."""
    made: list[str] = []
    named: list[Part] = []
    for at, part in enumerate(parts):
        if isinstance(part, str):
            made.append(re.escape(part))
        elif part.raw:
            made.append(part.pattern)
        else:
            pattern = _pattern(part, parts[at + 1] if at + 1 < len(parts) else None)
            if part.name or part.clock:
                made.append(f"({pattern})")
                named.append(part)
            else:
                made.append(f"(?:{pattern})")
    return "".join(made) + r"\s*\Z", named


def _pattern(part: Part, behind: str | Part | None) -> str:
    if part.clock is not None:
        return part.clock.plain
    if part.pattern:
        return part.pattern
    if behind is None:
        return ".*"
    if not isinstance(behind, str):
        return r"\S*?"
    if part.name in _ADDRESSES and behind.startswith(":"):
        return _ADDRESS
    return until(behind)


def until(literal: str) -> str:
    """Return a pattern for all that comes before ``literal``; it never goes back."""
    first, rest = re.escape(literal[0]), re.escape(literal[1:_LOOK])
    plain = rf"[^{first}]*+"
    return rf"{plain}(?>(?:{first}(?!{rest}){plain})*)" if rest else plain


def _best_clock(named: list[Part]) -> tuple[Clock | None, int]:
    """Choose the time that says when the request began, then the most exact, then the first."""
    clocks = [(part.clock, at) for at, part in enumerate(named) if part.clock is not None]
    if not clocks:
        return None, 0
    return min(clocks, key=lambda one: (not one[0].begin, not one[0].exact))


def _setters(named: list[Part]) -> list[tuple[str, Putter]]:
    found = sorted((RANKS[part.name], at) for at, part in enumerate(named) if part.name)
    made = []
    for _, at in found:
        name = named[at].name
        absent = frozenset({""}) if name in DASH_SPEAKS else ABSENT
        made.append((name, (at, FIELDS[name], absent)))
    return made
