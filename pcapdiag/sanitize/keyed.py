"""What stands for bytes and texts that are overwritten, the same for the same ones."""

from __future__ import annotations

import hmac

from pcapdiag.sanitize import alphabet

PAYLOADS = b"payloads"
"""What the key of contents is derived for."""
_BLOCK = 32


class Keyed:
    """What bytes become that are overwritten: the same for the same ones, without any way back."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def opaque(self, original: bytes, size: int | None = None) -> bytes:
        """Return as many bytes as ``original`` has, or ``size``, that depend on it alone."""
        size = len(original) if size is None else size
        digest = hmac.digest(self._key, original, "sha256")
        if size <= _BLOCK:
            return digest[:size]
        numbers = range(-(-size // _BLOCK))
        blocks = (hmac.digest(digest, number.to_bytes(4, "big"), "sha256") for number in numbers)
        return b"".join(blocks)[:size]

    def token(self, original: bytes) -> bytes:
        """Return text in which each letter and digit became one of its class (alphabet.py)."""
        return alphabet.RUN.sub(lambda run: alphabet.substituted(self._key, run[0], 0), original)


def blank(text: bytes) -> bytes:
    """Return text that only shows classes of characters, so that it is as long in HPACK too."""
    return text.translate(_BLANK)


def _blanks() -> bytes:
    table = bytearray(b"?" * 0x100)
    table[0x20:0x7F] = range(0x20, 0x7F)
    table[:] = bytes(char if char in b"\t\r\n" else table[char] for char in range(0x100))
    for letters, stands in zip(alphabet.CLASSES, b"arxCX08", strict=True):
        for char in letters:
            table[char] = stands
    return bytes(table)


_BLANK = _blanks()
