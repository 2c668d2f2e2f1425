"""Times: within, whole nanoseconds; in the report, decimal seconds since the epoch."""

from __future__ import annotations

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


@lru_cache(REMEMBERED)
def parse_seconds(text: str) -> int:
    """Return decimal seconds as nanoseconds, without rounding; raises ValueError for other text."""
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("+-").partition(".")
    digits = (whole or "0") + (part + "000000000")[:9]
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"not a number of seconds: {text}")
    return sign * int(digits)
