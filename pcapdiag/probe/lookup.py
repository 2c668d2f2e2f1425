"""Addresses of a name as the system's resolver gives them, each family by itself and timed.

getaddrinfo cannot be interrupted: it runs in a thread of its own, which is left behind where it
takes too long.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path

import msgspec

from pcapdiag.model.probe import ProbeLookup
from pcapdiag.probe.budget import MAX_ADDRESSES

HOSTS = Path("/etc/hosts")
MAX_HOSTS = 1 << 20
"""Bytes of the hosts file that are looked at."""
LISTED = 32
"""Addresses of one family that are told."""
TIMED_OUT = "no answer in time"
NO_SUCH_NAME = "no such name, or no address of this family"
_WORDS = {
    socket.EAI_NONAME: NO_SUCH_NAME,
    socket.EAI_AGAIN: "the resolver could not reach its servers, or they failed (try again)",
    socket.EAI_FAIL: "the server failed for good",
}
_NO_DATA = getattr(socket, "EAI_NODATA", None)
"""Not everywhere: the name exists, and has no address of this family."""


class Lookup(msgspec.Struct):
    """The answer for one family; ``duration`` is nanoseconds."""

    family: socket.AddressFamily
    addresses: list[str] = []
    left_out: int = 0
    duration: int = 0
    error: str | None = None
    empty: bool = False
    """The error only says that there is no such address."""


def look_up(name: str, timeout: float) -> list[Lookup]:
    """Ask for both families at once and return both answers, IPv4 first."""
    lookups = [Lookup(family) for family in (socket.AF_INET, socket.AF_INET6)]
    threads = [
        threading.Thread(target=_ask, args=(name, lookup), daemon=True) for lookup in lookups
    ]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for number, thread in enumerate(threads):
        thread.join(max(0.0, begun + timeout - time.monotonic()))
        if thread.is_alive():
            family = lookups[number].family
            waited = time.monotonic_ns() - int(begun * 1e9)
            lookups[number] = Lookup(family, duration=waited, error=TIMED_OUT)
    return lookups


def _ask(name: str, lookup: Lookup) -> None:
    begun = time.monotonic_ns()
    try:
        found = socket.getaddrinfo(name, None, lookup.family, socket.SOCK_STREAM)
    except socket.gaierror as error:
        lookup.empty = error.errno in (socket.EAI_NONAME, _NO_DATA)
        lookup.error = NO_SUCH_NAME if lookup.empty else _WORDS.get(error.errno or 0, str(error))
    except (OSError, UnicodeError) as error:
        lookup.error = f"not a name that can be looked up: {error}"
    else:
        every = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        lookup.addresses, lookup.left_out = every[:LISTED], len(every[LISTED:])
    lookup.duration = time.monotonic_ns() - begun


def told(lookup: Lookup) -> ProbeLookup:
    """Return a lookup as the report has it."""
    return ProbeLookup(
        family="ipv4" if lookup.family == socket.AF_INET else "ipv6",
        addresses=list(lookup.addresses),
        left_out=lookup.left_out,
        duration=lookup.duration / 1e9,
        error=lookup.error,
    )


def is_address(text: str) -> bool:
    """Return whether a text is an IP address, with or without a zone."""
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def in_hosts_file(name: str) -> list[str]:
    """Return the addresses that /etc/hosts has for a name: they come before any server."""
    try:
        with HOSTS.open("rb") as file:
            lines = file.read(MAX_HOSTS).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    wanted, found = name.rstrip(".").lower(), []
    for line in lines:
        words = line.partition("#")[0].split()
        if words and wanted in (word.rstrip(".").lower() for word in words[1:]):
            found.append(words[0])
    return list(dict.fromkeys(found))[:LISTED]


def by_turns(lookups: Iterable[Lookup]) -> list[str]:
    """Return the addresses to connect to: of each family in turn, as many as a probe may try."""
    rows = zip_longest(*(lookup.addresses for lookup in lookups))
    return [address for row in rows for address in row if address is not None][:MAX_ADDRESSES]
