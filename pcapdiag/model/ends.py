"""The two ends of a connection: their names, and how one is written and read: ``10.0.0.5:443``."""

from __future__ import annotations

from typing import Literal

End = Literal["initiator", "responder"]
Actor = Literal["initiator", "responder", "path"]
"""Who can have done something: an end, or a device between them."""
HostPort = tuple[str, int]
"""Address and port."""


def side_of(initiator: bool) -> End:
    """Return the name of one end."""
    return "initiator" if initiator else "responder"


def host_in_url(address: str) -> str:
    """Return an address as a URL wants it, IPv6 in brackets (RFC 3986 section 3.2.2)."""
    return f"[{address}]" if ":" in address else address


def join_port(address: str, port: int) -> str:
    """Return address and port as one text, IPv6 in brackets (RFC 5952 section 6)."""
    return f"{host_in_url(address)}:{port}"


def split_port(text: str) -> tuple[str, int | None]:
    """Split ``address:port`` or ``[address]:port``; raises ValueError for a port that is none."""
    if text.startswith("["):
        address, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(f"not an address: {text}")
        return address, parse_port(rest[1:]) if rest else None
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, parse_port(port)
    return text, None


def parse_port(text: str) -> int:
    """Read a TCP port, 1 to 65535; raises ValueError otherwise."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:
        raise ValueError(f"not a port (1 to 65535): {text}")
    return int(text)


def parse_end(text: str) -> HostPort:
    """Return address and port, 0 where none is told; raises as :func:`split_port` does."""
    address, port = split_port(text)
    return address, port or 0
