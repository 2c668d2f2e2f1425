"""How an end of a connection is written: ``10.0.0.5:443``, ``[2001:db8::1]:443``."""

from __future__ import annotations


def join_port(ip: str, port: int) -> str:
    """Return address and port as one text; an IPv6 address goes into brackets."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
