"""Times and numbers: as they are counted within, and as people and the report have them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

MS, SECOND = 1_000_000, 1_000_000_000
"""Nanoseconds, in which every time and duration is counted."""
REMEMBERED = 64
"""Texts of times that are remembered: several findings ask for those of one connection in turn."""


def format_seconds(ns: int) -> str:
    """Return nanoseconds as decimal seconds, ``1700000000.000000001``."""
    if ns < 0:
        return f"-{format_seconds(-ns)}"
    return f"{ns // SECOND}.{ns % SECOND:09d}"


def format_known(ns: int | None) -> str | None:
    """Return a time as :func:`format_seconds` does; None where it is not known."""
    return None if ns is None else format_seconds(ns)


def in_seconds(duration: int | None) -> float | None:
    """Return a duration for the report; None where it is not known."""
    return None if duration is None else duration / SECOND


@lru_cache(REMEMBERED)
def parse_seconds(text: str) -> int:
    """Return decimal seconds as nanoseconds, without rounding; raises ValueError for other text."""
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("+-").partition(".")
    digits = (whole or "0") + (part + "000000000")[:9]
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"not a number of seconds: {text}")
    return sign * int(digits)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 SYN``, ``1,200 bytes``, ``2 addresses``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def largest_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts in the order of size, then of names."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
