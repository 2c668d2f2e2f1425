"""Letters for letters: what a character may become so that no length changes anywhere.

HPACK's Huffman code gives frequent characters fewer bits (RFC 7541 appendix B). A character only
becomes one of the same kind and the same number of bits, so that a coded string keeps its length
too. What is in no class (dots, hyphens, slashes...) stays; what is not ASCII becomes ``x``.
"""

from __future__ import annotations

import hashlib
import hmac
import re

_LOWER = ("aceiost", "bdfghlmnpru", "jkqvwxyz")
_UPPER = ("BCDEFGHIJKLMNOPQRSTUVWY", "XZ")
_DIGITS = ("012", "3456789")

CLASSES = tuple(word.encode() for word in (*_LOWER, *_UPPER, *_DIGITS))
"""Characters that may stand for each other."""
_CLASS = {char: word for word in CLASSES for char in word}
_FILLER = ord("x")
_DIGEST = hashlib.sha256().digest_size

RUN = re.compile(rb"[A-Za-z0-9\x80-\xff]+")
"""What is renamed as one: letters and digits in a row."""


def substituted(key: bytes, run: bytes, draw: int) -> bytes:
    """Return the ``draw``-th stand-in of a run, characters of the same classes.

    A keyed function of the run in lower case chooses: an upper-case letter is chosen by itself,
    all others are the same however the rest is written.
    """
    stream = _stream(key, run.lower(), draw)
    return bytes(
        _FILLER if char > 0x7F else _choose(_CLASS.get(char, b""), chance, char)
        for char, chance in zip(run, stream, strict=False)
    )


def in_case_of(run: bytes, stand_in: bytes) -> bytes:
    """Return a stand-in of the run in lower case, its letters in the run's case."""
    return bytes(
        new - 32 if 0x41 <= char <= 0x5A else new for char, new in zip(run, stand_in, strict=True)
    )


def choices(run: bytes) -> int:
    """Return how many stand-ins a run has, itself among them."""
    count = 1
    for char in run:
        count *= len(_CLASS.get(char, b"?"))
    return count


def _choose(letters: bytes, chance: int, char: int) -> int:
    return letters[chance % len(letters)] if letters else char


def _stream(key: bytes, run: bytes, draw: int) -> bytes:
    stream = b""
    for part in range(0, len(run), _DIGEST):
        seed = draw.to_bytes(4, "big") + part.to_bytes(4, "big") + run
        stream += hmac.digest(key, seed, "sha256")
    return stream
