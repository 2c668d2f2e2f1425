"""JSON logs whose keys a format names: Envoy's ``json_format``, HAProxy's ``%{+json}o``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pcapdiag.logs.json_lines import decode, members, put
from pcapdiag.logs.template import Part, Stamp, expression
from pcapdiag.model.logs import LogEntry, Product

_Member = tuple[re.Pattern[str] | None, list[Part]]
"""How a member's text is split, unless it is one field; and its fields."""


class JsonTemplate:
    """Reads JSON objects by keys whose meaning is known."""

    def __init__(
        self, product: Product, name: str, keys: Mapping[str, Sequence[str | Part]]
    ) -> None:
        """``keys`` has the parts of each member; those of inner objects as ``outer.inner``.

        Raises ValueError where no field among them is known.
        """
        self.name = name
        self._product = product
        self._members = {key: _member(parts) for key, parts in keys.items()}
        if not any(part.name for _, parts in self._members.values() for part in parts):
            raise ValueError("no field in it is known")

    def read(self, line: str, stamp: Stamp | None) -> LogEntry | None:
        """Return what a line says; None when it is no such object, or nothing says when."""
        found = decode(line)
        if found is None:
            return None
        texts: dict[str, str] = {}
        times: list[tuple[Part, str]] = []
        for key, text in members(found):
            for part, piece in self._pieces(key, text):
                if part.clock is not None:
                    times.append((part, piece))
                elif part.name:
                    texts[part.name] = piece
        if not texts:
            return None
        entry = self._begun(times, stamp)
        if entry is not None:
            put(entry, texts)
        return entry

    def _pieces(self, key: str, text: str) -> list[tuple[Part, str]]:
        pattern, parts = self._members.get(key, (None, []))
        if pattern is None:
            return [(part, text) for part in parts]
        found = pattern.match(text)
        return list(zip(parts, found.groups(), strict=True)) if found else []

    def _begun(self, times: list[tuple[Part, str]], stamp: Stamp | None) -> LogEntry | None:
        """Return an entry with its time: the request's begin, where the line has it."""
        times.sort(key=lambda one: one[0].clock is None or not one[0].clock.begin)
        begin = False
        for part, text in times:
            when = part.clock.find(text) if part.clock else None
            if part.clock and when:
                stamp, begin = Stamp(*when), part.clock.begin
                break
        if stamp is None:
            return None
        return LogEntry(
            product=self._product,
            kind="access",
            file="",
            line=0,
            time=stamp.time,
            resolution=stamp.resolution,
            begin=begin,
            zoned=stamp.zoned,
        )


def _member(parts: Sequence[str | Part]) -> _Member:
    if len(parts) == 1 and isinstance(parts[0], Part):
        return None, [parts[0]]
    pattern, named = expression(parts)
    return re.compile(pattern, re.DOTALL), named
