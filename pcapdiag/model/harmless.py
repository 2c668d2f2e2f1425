"""Text from a capture is written by strangers: harmless before it meets a terminal or a shell."""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT = 1_000
"""Characters of one piece of text that are shown; the rest is counted."""

_MARKS = frozenset({"Mn", "Me"})
"""Combining marks: piled up they overwrite their neighbours."""
_COMMAND_WORD = re.compile(r"[A-Za-z0-9._:-]+")


def is_text(data: bytes) -> bool:
    """Return whether all bytes are printable ASCII, tabs and ends of lines included."""
    return all(0x20 <= byte < 0x7F or byte in b"\t\r\n" for byte in data)


def harmless(text: str, limit: int = MAX_TEXT) -> str:
    """Return text with control characters, ANSI, bidi marks and all unprintables escaped.

    A line feed is escaped too, so the result is always one line; what is over ``limit`` is cut and
    counted.
    """
    if len(text) > limit:
        text = f"{text[:limit]}... ({len(text) - limit:,} more)"
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if is_safe(c) else _escape(c) for c in text)


def is_safe(char: str) -> bool:
    """Return whether one character may go to a terminal as it is."""
    return char.isprintable() and unicodedata.category(char) not in _MARKS


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def is_command_word(text: str) -> bool:
    """Return whether a captured name may be put into a command: [A-Za-z0-9._:-] only, no option."""
    return bool(_COMMAND_WORD.fullmatch(text)) and not text.startswith("-")


def command_word(text: str) -> str | None:
    """Return a captured name as the shell takes it, or None where it may not be in a command."""
    return text if is_command_word(text) else None
