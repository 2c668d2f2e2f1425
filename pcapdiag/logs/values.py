"""Numbers, addresses and lists as proxies write them into their logs; None for what is none."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from pcapdiag.model.ends import HostPort

MAX_DIGITS = 18
"""Digits of a number; a longer one is no measurement."""
MAX_ADDRESS = 300
"""Characters of an address with what stands before it."""
MAX_ENDS = 32
"""Upstream addresses of one request that are kept."""
REMEMBERED = 16_384
"""Addresses whose reading is remembered: the same few are in most lines."""


def whole(text: str) -> int | None:
    """Return a whole number, None for anything else."""
    if len(text) > MAX_DIGITS:
        return None
    if text.isdigit() and text.isascii():
        return int(text)
    digits = text[1:] if text[:1] in ("-", "+") else text
    return int(text) if digits.isdigit() and digits.isascii() else None


def decimal(text: str) -> float | None:
    """Return a decimal number, None for anything else: no exponent, no infinity."""
    if len(text) > MAX_DIGITS:
        return None
    if text.isdigit() and text.isascii():
        return int(text)
    before, _, after = text.partition(".")
    digits = before[1:] + after if before[:1] in ("-", "+") else before + after
    return float(text) if digits.isdigit() and digits.isascii() else None


@lru_cache(maxsize=REMEMBERED)
def address(text: str) -> str | None:
    """Return an IP address in its canonical form (IPv4 in IPv6 as IPv4), None for anything else."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return str(mapped or found)


@lru_cache(maxsize=REMEMBERED)
def end(text: str) -> HostPort | None:
    """Return the address and port of ``IP:port``, ``[IPv6]:port`` or ``IP`` (port 0), or None.

    What stands before the last slash is left out: ``envoy://connect_originate/10.0.0.5:80``.
    """
    if len(text) > MAX_ADDRESS:
        return None
    text = text.rpartition("/")[2]
    bare = address(text)
    if bare is not None:
        return bare, 0
    before, _, after = text.rpartition(":")
    port = whole(after)
    found = address(before)
    if found is None or port is None or not 0 <= port <= 65535:
        return None
    return found, port


def pieces(text: str) -> list[str]:
    """Split NGINX's lists: tries are separated by commas, server groups by colons with blanks."""
    parts = text.replace(" : ", ",").split(",")
    return [part.strip() for part in parts[:MAX_ENDS]]
