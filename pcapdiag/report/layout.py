"""Lines of a given width under short labels, plain or with colour."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import msgspec

LABEL_WIDTH = 8
MIN_WIDTH = 40
DEFAULT_WIDTH = 100

_STYLES = {
    "bad": "31;1",
    "good": "32;1",
    "warn": "33;1",
    "label": "1",
    "code": "36",
    "dim": "2",
}


class Page(msgspec.Struct, frozen=True):
    """How wide the output is and whether it may have colour."""

    width: int = DEFAULT_WIDTH
    color: bool = False

    def paint(self, text: str, style: str) -> str:
        """Return text in a style, unchanged where there is no colour."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.color and text else text

    def labelled(self, label: str, text: str, style: str = "label") -> Iterator[str]:
        """Yield a label and its wrapped text; an empty label continues the one before."""
        head = self.paint(f"{label:<{LABEL_WIDTH}}", style)
        for line in self._wrap(text, self.room):
            yield head + line
            head = " " * LABEL_WIDTH

    def hanging(self, label: str, text: str, hang: int) -> Iterator[str]:
        """Yield a label and its text; lines after the first begin ``hang`` columns further in."""
        head = self.paint(f"{label:<{LABEL_WIDTH}}", "label")
        indent = len(text) - len(text.lstrip())
        lines = wrapped(text.lstrip(), self.room, first=" " * indent, hang=" " * hang)
        for line in lines:
            yield head + line
            head = " " * LABEL_WIDTH

    def with_right(self, label: str, text: str, right: str, style: str = "label") -> Iterator[str]:
        """Yield the same with ``right`` at the right edge of the first line."""
        room, kept = self.room, len(right) + 2
        if kept > room // 2:
            kept = 0
        lines = wrapped(text, room, first=" " * kept) or [" " * kept]
        head = self.paint(f"{label:<{LABEL_WIDTH}}", style)
        if kept:
            yield f"{head}{lines[0][kept:]:<{room - kept + 2}}{self.paint(right, 'code')}"
        else:
            yield head + lines[0]
        indent = " " * LABEL_WIDTH
        yield from (indent + line for line in lines[1:])
        if not kept:
            yield indent + self.paint(right, "code")

    def numbered(self, label: str, items: list[str]) -> Iterator[str]:
        """Yield items with their numbers, as many to a line as fit whole."""
        rows: list[str] = []
        for number, item in enumerate(items, 1):
            text = f"{number} {item}"
            if rows and len(rows[-1]) + 3 + len(text) <= self.room:
                rows[-1] += f"   {text}"
            else:
                rows.append(text)
        for row in rows:
            lines = self._wrap(row, self.room, hang="  ")
            head = self.paint(f"{label:<{LABEL_WIDTH}}", "label")
            yield head + lines[0]
            yield from (" " * LABEL_WIDTH + line for line in lines[1:])
            label = ""

    def verbatim(self, label: str, items: list[str]) -> Iterator[str]:
        """Yield items unwrapped, one a line, so that they can be copied."""
        for item in items:
            yield self.paint(f"{label:<{LABEL_WIDTH}}", "label") + item
            label = ""

    def commands(self, label: str, items: list[str]) -> Iterator[str]:
        """Yield commands one a line and whole; one too long has its comment on a line before."""
        for item in items:
            command, comment, place = item.rpartition("  # ")
            if comment and len(item) > self.room:
                yield from self.labelled(label, f"# {place}" + ("" if place.endswith("?") else ":"))
                label, item = "", command
            yield from self.verbatim(label, [item])
            label = ""

    def cut(self, line: str) -> str:
        """Return a line that fits beside a label; what is cut off is marked."""
        room = self.room
        return line if len(line) <= room else f"{line[: room - 3]}..."

    @property
    def room(self) -> int:
        """Columns beside a label."""
        return max(self.width, MIN_WIDTH) - LABEL_WIDTH

    def _wrap(self, text: str, room: int, hang: str = "") -> list[str]:
        return wrapped(text, room, hang=hang) or [""]


_QUANTITY = re.compile(r"(?<=\d) (?=(?:ns|ms|s|min|h|B|kB|MB|GB|TB|bytes?|hops?)\b)")
_GLUE = "\u00a0"


def wrapped(text: str, room: int, *, first: str = "", hang: str = "") -> list[str]:
    """Break text into lines, but not between a number and its unit."""
    whole = _QUANTITY.sub(_GLUE, text)
    plain = text.isascii() and text.isprintable() and not text.startswith(" ")
    lines = _broken(whole, room, first, hang) if plain else None
    if lines is None:
        lines = textwrap.wrap(
            whole, room, break_on_hyphens=False, initial_indent=first, subsequent_indent=hang
        )
    return [line.replace(_GLUE, " ") for line in lines]


def _broken(text: str, room: int, first: str, hang: str) -> list[str] | None:
    """Return what ``textwrap`` makes of one line of words, several times as fast.

    None where a word is longer than a line, or has no place behind ``first``.
    """
    lines: list[str] = []
    indent, rest = first, text.rstrip(" ")
    while rest:
        width = room - len(indent)
        if len(rest) <= width:
            return [*lines, indent + rest]
        end = rest.rfind(" ", 0, width + 1)
        if end <= 0:
            return None
        following = rest[end:].lstrip(" ")
        if len(following.partition(" ")[0]) > width:
            return None
        lines.append(indent + rest[:end].rstrip(" "))
        indent, rest = hang, following
    return lines
