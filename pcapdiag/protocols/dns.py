"""DNS messages (RFC 1035): the question, and of an answer its code and its addresses."""

from __future__ import annotations

import struct
from functools import lru_cache

from pcapdiag.model.dns import AAAA, A, DnsMessage

MAX_ANSWERS = 64
"""Answer records of one message that are read."""
MAX_LABELS = 127
"""Labels of a name (255 bytes, RFC 1035 section 2.3.4)."""
MAX_NAME = 255
QUESTION = 12
"""Where the question begins: behind the header (RFC 1035 section 4.1.1)."""
RECORD = 10
"""Bytes of a record between its name and its data (RFC 1035 section 4.1.3)."""
POINTER = 0xC0
"""A label's first byte from which on it points to where the name goes on."""
SIZES = {A: 4, AAAA: 16}
"""Bytes of the data of address records, by type."""
NO_NAME = b"\0"
"""The root's name (RFC 1035 section 3.1), in place of a record's own."""
REMEMBERED = 1_024
"""Answers of which the addresses are remembered: busy clients ask the same again and again."""

_RESPONSE, _TRUNCATED, _RECURSION = 0x8000, 0x0200, 0x0100
_OPCODE, _RCODE = 0x7800, 0x000F


def read_message(message: bytes) -> DnsMessage | None:
    """Return what a query or response says; None for what is neither, or has not one question.

    Only the question and address records are read: whatever else a message holds may be broken.
    Never raises.
    """
    if len(message) < QUESTION:
        return None
    number, flags, questions, records = struct.unpack_from("!HHHH", message)
    if questions != 1 or flags & _OPCODE:
        return None
    asked = _question(message)
    if asked is None:
        return None
    name, kind = asked
    if not flags & _RESPONSE:
        return DnsMessage(number, False, False, 0, name, kind, bool(flags & _RECURSION))
    found = _addresses(message[2:]) if records else ((), 0)
    return DnsMessage(
        id=number,
        is_response=True,
        truncated=bool(flags & _TRUNCATED),
        rcode=flags & _RCODE,
        name=name,
        type=kind,
        recursive=bool(flags & _RECURSION),
        records=records,
        addresses=found[0] if found else None,
        ttl=found[1] if found else 0,
    )


def _question(message: bytes) -> tuple[str, int] | None:
    """Return name and type of the question; its name cannot be compressed."""
    labels: list[bytes] = []
    at = QUESTION
    while len(labels) < MAX_LABELS:
        size = message[at] if at < len(message) else MAX_NAME
        if size == 0:
            break
        if size > 63 or at + 1 + size > len(message):
            return None
        labels.append(message[at + 1 : at + 1 + size])
        at += 1 + size
    if at + 5 > len(message) or at - QUESTION >= MAX_NAME or message[at]:
        return None
    name = b".".join(labels).decode("latin-1").lower()
    return name, message[at + 1] << 8 | message[at + 2]


@lru_cache(REMEMBERED)
def _addresses(body: bytes) -> tuple[tuple[str, ...], int] | None:
    """Return the addresses and the smallest TTL of an answer without its ID; None if unreadable.

    Whose record it is does not matter: an alias leads to it. So no pointer is followed, of which a
    hostile message may have hundreds in a row for each name.
    """
    # Imported here: most captures have no DNS, and the package imports all of its protocols.
    import socket

    import dpkt

    records, ttls = [], []
    at = _behind_name(body, QUESTION - 2) + 4
    for _ in range(min(int.from_bytes(body[4:6], "big"), MAX_ANSWERS)):
        at = _behind_name(body, at)
        if at + RECORD > len(body):
            return None
        kind, _, ttl, length = struct.unpack_from("!HHIH", body, at)
        end = at + RECORD + length
        if end > len(body):
            return None
        ttls.append(ttl)
        if length == SIZES.get(kind):
            records.append(NO_NAME + body[at:end])
        at = end
    head = struct.pack("!6H", 0, 0, 0, len(records), 0, 0)
    found = []
    for record in dpkt.dns.DNS(head + b"".join(records)).an:
        family, data = (
            (socket.AF_INET, record.ip) if record.type == A else (socket.AF_INET6, record.ip6)
        )
        found.append(socket.inet_ntop(family, data))
    return tuple(found), min(ttls, default=0)


def _behind_name(body: bytes, at: int) -> int:
    """Return where a name ends: behind its root label, or behind a pointer (RFC 1035 4.1.4)."""
    while at < len(body) and 0 < body[at] < POINTER:
        at += 1 + body[at]
    return at + (2 if at < len(body) and body[at] >= POINTER else 1)
