"""Times as the report writes them: decimal seconds since the epoch with nanoseconds."""

from __future__ import annotations

NANOSECONDS = 1_000_000_000


def format_seconds(ns: int) -> str:
    """Return nanoseconds as decimal seconds, ``1700000000.000000001``."""
    sign = "-" if ns < 0 else ""
    whole, part = divmod(abs(ns), NANOSECONDS)
    return f"{sign}{whole}.{part:09d}"


def parse_seconds(text: str) -> int:
    """Return decimal seconds as nanoseconds, without rounding; raises ValueError for other text."""
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("+-").partition(".")
    digits = (whole or "0") + (part + "000000000")[:9]
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"not a number of seconds: {text}")
    return sign * int(digits)
