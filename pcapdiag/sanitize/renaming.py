"""What the payloads' side asks of the one renamer of a bundle."""

from __future__ import annotations

import hashlib
import hmac
from typing import Protocol

LOWER = (b"aceiost", b"bdfghlmnpru", b"jkqvwxyz")
UPPER = (b"BCDEFGHIJKLMNOPQRSTUVWY", b"XZ")
DIGITS = (b"012", b"3456789")
CLASSES = (*LOWER, *UPPER, *DIGITS)
"""Characters of one kind whose Huffman codes are equally long (RFC 7541 appendix B)."""
_CLASS_OF = {char: group for group in CLASSES for char in group}
_BLOCK = 32


class Renaming(Protocol):
    """The renamer: one original has one image everywhere, as long as itself."""

    def address(self, packed: bytes) -> bytes:
        """Return the image of an address of 4 or 16 bytes."""

    def address_text(self, text: str) -> str:
        """Return the image of an address as text; it may be longer or shorter."""

    def name(self, text: bytes) -> bytes:
        """Return the image of a host name, label for label."""

    def word(self, text: bytes) -> bytes:
        """Return the image of a word that is no host name."""

    def secret(self, text: bytes) -> bytes:
        """Take note of a credential and return what stands for it."""

    def derived(self, purpose: bytes) -> bytes:
        """Return a key of 32 bytes for one purpose."""


class Keyed:
    """Bytes that stand for others: the same for the same, without any way back."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def bytes(self, original: bytes, size: int | None = None) -> bytes:
        """Return as many bytes as ``original`` has, or ``size``, that depend on it alone."""
        size = len(original) if size is None else size
        digest = hmac.new(self._key, original, hashlib.sha256).digest()
        blocks = -(-size // _BLOCK)
        if blocks <= 1:
            return digest[:size]
        stream = (hmac.digest(digest, number.to_bytes(4, "big"), "sha256") for number in range(blocks))
        return b"".join(stream)[:size]

    def token(self, original: bytes) -> bytes:
        """Return text in which each character became another one of its class.

        What is no letter or digit stays; bytes beyond ASCII become ``?``.
        """
        chosen = self.bytes(original)
        return bytes(map(_substitute, original, chosen))


def _substitute(char: int, chosen: int) -> int:
    group = _CLASS_OF.get(char)
    if group is not None:
        return group[chosen % len(group)]
    return char if char < 0x80 else ord("?")


def blank(text: bytes) -> bytes:
    """Return text whose letters and digits are all the same, in Huffman's code as long as before."""
    return text.translate(_BLANK)


def _blanks() -> bytes:
    table = bytearray(range(256))
    for group, stands in zip(CLASSES, b"arxCX08", strict=True):
        for char in group:
            table[char] = stands
    for char in range(0x80, 0x100):
        table[char] = ord("?")
    return bytes(table)


_BLANK = _blanks()
