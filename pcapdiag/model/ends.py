"""The two ends of a connection: their names, and how one is written, ``10.0.0.5:443``."""

from __future__ import annotations

from typing import Literal

End = Literal["initiator", "responder"]
Actor = Literal["initiator", "responder", "path"]
"""Who can have done something: an end, or a device between them."""


def side_of(initiator: bool) -> End:
    """Return the name of one end."""
    return "initiator" if initiator else "responder"


def join_port(ip: str, port: int) -> str:
    """Return address and port as one text, IPv6 in brackets (RFC 5952 section 6)."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
