"""What one file of a rotated set leaves open, as bytes that can be kept and sent."""

from __future__ import annotations

import msgspec
import zstandard

from pcapdiag.incident.carrying import Carry
from pcapdiag.triage.outcome import pack


def packed(carry: Carry | None) -> bytes:
    """Return what :func:`unpacked` takes; nothing for nothing."""
    return b"" if carry is None else pack(msgspec.msgpack.encode(carry))


def unpacked(data: bytes) -> Carry | None:
    """Return what was carried over; None for nothing. It is our own file, whole by its checksum.

    What another version of the program left, in another form, is nothing, too: connections that
    were open then begin in the middle.
    """
    if not data:
        return None
    try:
        return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data), type=Carry)
    except msgspec.ValidationError:
        return None
