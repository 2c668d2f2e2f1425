"""What every output does to a text before it is written."""

from __future__ import annotations

import re

from pcapdiag.model.harmless import harmless, is_safe
from pcapdiag.report.mask import mask

_NOT_ASCII = re.compile(r"[^\x00-\x7e]")


def shown(text: str) -> str:
    """Return text as a terminal may show it: one line, masked, nothing that steers a terminal."""
    return harmless(mask(text))


def json_safe(text: str) -> str:
    """Return JSON with every character that could steer a terminal written as its escape."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _NOT_ASCII.sub(_json_escape, text)


def _json_escape(match: re.Match[str]) -> str:
    char = match[0]
    if is_safe(char):
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
