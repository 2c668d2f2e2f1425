"""What was renamed, and into what: the list that the scan searches a bundle for."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pcapdiag.sanitize.general import is_kept

SHORTEST = 6
"""Names without a dot, words and credentials are looked for from this length on: anything shorter
stands in every text by chance."""
SHORTEST_NUMBER = 9
"""Originals of digits alone, from this length on: shorter ones are counts, times and ports too."""


class Originals(msgspec.Struct):
    """Each original that was replaced, with its image; what stayed on purpose is not in here."""

    addresses: dict[bytes, bytes] = {}
    """IPv4 and IPv6 addresses, 4 and 16 bytes in network order."""
    macs: dict[bytes, bytes] = {}
    names: dict[bytes, bytes] = {}
    """Host names in lower case."""
    words: dict[bytes, bytes] = {}
    """Other text, as it stood there."""
    runs: dict[bytes, bytes] = {}
    """The runs of letters and digits that names and words consist of, in lower case."""
    credentials: dict[bytes, bytes] = {}
    fitted: dict[bytes, int] = {}
    """Addresses whose text must have as many characters as before, and how many these are."""

    def clashes(self) -> int:
        """Return how many images are originals themselves: with these no scan can pass."""
        found = sum(
            image in pairs for pairs in (self.addresses, self.macs) for image in pairs.values()
        )
        originals, images = _texts(self.names), _texts(self.names.values())
        words = [one for one in self.words.values() if is_sought(one) and one in self.words]
        return found + len(originals & images) + len(words)

    def misfits(self) -> int:
        """Return how many addresses have an image that is too long or short for their text."""
        return sum(
            len(text_of(self.addresses[one])) != size
            for one, size in self.fitted.items()
            if one in self.addresses
        )


def _texts(names: Iterable[bytes]) -> set[bytes]:
    """Return names and their labels as far as they are looked for."""
    found = {name for name in names if is_sought(name, is_name=True)}
    for name in names:
        found.update(label for label in name.split(b".") if is_sought(label) and not is_kept(label))
    return found


def bare(text: bytes) -> bytes:
    """Return text without the marks around it."""
    return text.strip(b"/ :=\"'.,;*-_?&<>()[]{}|")


def is_sought(text: bytes, *, is_name: bool = False) -> bool:
    """Return whether a name, word or credential is long enough to be looked for."""
    word = bare(text)
    if word.isdigit():
        return len(word) >= SHORTEST_NUMBER
    return len(word) >= SHORTEST or (is_name and b"." in word)


def text_of(packed: bytes) -> str:
    """Return an address of 4 or 16 bytes as text, in its shortest form (RFC 5952)."""
    if len(packed) == 4:
        return ".".join(str(octet) for octet in packed)
    # Imported here: the package imports all of its modules, and few need this one.
    from socket import AF_INET6, inet_ntop

    return inet_ntop(AF_INET6, packed)
