"""What was renamed, and into what: the list that the scan searches a bundle for."""

from __future__ import annotations

import msgspec


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
        pairs = (self.addresses, self.macs, self.names, self.words)
        return sum(image in pair for pair in pairs for image in pair.values())

    def misfits(self) -> int:
        """Return how many addresses have an image that is too long or short for their text."""
        return sum(
            len(text_of(self.addresses[one])) != size
            for one, size in self.fitted.items()
            if one in self.addresses
        )


def text_of(packed: bytes) -> str:
    """Return an address of 4 or 16 bytes as text, in its shortest form (RFC 5952)."""
    if len(packed) == 4:
        return ".".join(str(octet) for octet in packed)
    # Imported here: the package imports all of its modules, and few need this one.
    from socket import AF_INET6, inet_ntop

    return inet_ntop(AF_INET6, packed)
