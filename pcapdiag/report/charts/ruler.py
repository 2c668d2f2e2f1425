"""Text in a picture: which characters it may have, how wide it is, where it is cut or broken.

All text is in DejaVu Sans, which matplotlib brings along, so that a picture is the same everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from matplotlib import get_data_path
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.ft2font import FT2Font, LoadFlags

from pcapdiag.report.escape import shown

FAMILIES = ["DejaVu Sans", "Bitstream Vera Sans", "Verdana", "sans-serif"]
"""What an SVG asks for: Verdana was made with the same widths."""
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_MEASURED = 64
"""Size at which widths are measured, points; 1/64 point is the unit of the result."""
_REMEMBERED = 8192
ELLIPSIS = "\u2026"


@cache
def font(bold: bool = False) -> FontProperties:
    """Return the font of all text, by its file: what else is installed does not matter."""
    weight = "bold" if bold else "normal"
    return FontProperties(family=FAMILIES, weight=weight, fname=_file(bold))


def _file(bold: bool) -> Path:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(get_data_path(), "fonts", "ttf", name)


@cache
def _face(bold: bool) -> FT2Font:
    face: FT2Font = get_font(_file(bold))
    return face


@cache
def _characters() -> frozenset[str]:
    known = set(_face(False).get_charmap()) & set(_face(True).get_charmap())
    return frozenset(map(chr, known))


@lru_cache(_REMEMBERED)
def drawable(text: str) -> str:
    """Return text as a picture may show it: as a terminal may, in characters that the font has.

    Right-to-left letters are escaped too: a viewer would turn the order of the line around.
    """
    text = shown(text)
    if text.isascii():
        return text
    return "".join(c if _is_drawable(c) else _escape(c) for c in text)


def _is_drawable(char: str) -> bool:
    return char in _characters() and unicodedata.bidirectional(char) not in _RIGHT_TO_LEFT


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


@lru_cache(_REMEMBERED)
def _advance(text: str, bold: bool) -> float:
    face = _face(bold)
    face.set_size(_MEASURED, 72)
    return sum(
        face.load_char(ord(c), flags=LoadFlags.NO_HINTING).linearHoriAdvance for c in text
    ) / (65536 * _MEASURED)


def width(text: str, size: float, bold: bool = False) -> float:
    """Return how wide a line of drawable text is, points."""
    return _advance(text, bold) * size


def elided(text: str, room: float, size: float, bold: bool = False) -> str:
    """Return a text that fits into ``room`` points: its middle is left out where it is longer."""
    text = drawable(text)
    if width(text, size, bold) <= room:
        return text
    low, high = 0, len(text) - 1
    while low < high:
        kept = (low + high + 1) // 2
        if width(_without_middle(text, kept), size, bold) <= room:
            low = kept
        else:
            high = kept - 1
    return _without_middle(text, low)


def _without_middle(text: str, kept: int) -> str:
    head = (kept + 1) // 2
    return text[:head].rstrip() + ELLIPSIS + text[len(text) - (kept - head) :].lstrip()


def wrapped(text: str, room: float, size: float, *, bold: bool = False, most: int = 2) -> list[str]:
    """Return text in at most ``most`` lines of ``room`` points; the end is elided where longer."""
    words = re.split(r" +", drawable(text).strip())
    lines: list[str] = []
    for number, word in enumerate(words):
        if lines and width(f"{lines[-1]} {word}", size, bold) <= room:
            lines[-1] += f" {word}"
        elif len(lines) == most:
            rest = " ".join([lines.pop(), *words[number:]])
            return [*lines, _cut(rest, room, size, bold)]
        else:
            lines.append(elided(word, room, size, bold))
    return lines


def _cut(text: str, room: float, size: float, bold: bool) -> str:
    low, high = 0, len(text)
    while low < high:
        kept = (low + high + 1) // 2
        if width(text[:kept] + ELLIPSIS, size, bold) <= room:
            low = kept
        else:
            high = kept - 1
    return text[:low].rstrip(" ,;") + ELLIPSIS
