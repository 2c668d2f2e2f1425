"""pcapng blocks as they are written (draft-ietf-opsawg-pcapng, sections 3 and 4).

``order`` is the section's byte order, ``<`` or ``>``.
"""

from __future__ import annotations

import struct

from pcapdiag.capture.pcapng import (
    BYTE_ORDER_MAGIC,
    ENHANCED_PACKET,
    EPB_FLAGS,
    IF_NAME,
    IF_TSRESOL,
    INTERFACE_DESCRIPTION,
    INTERFACE_STATISTICS,
    ISB_IFDROP,
    ISB_IFRECV,
    MICROSECONDS,
    SECTION_HEADER,
)
from pcapdiag.model.units import SECOND

OPT_COMMENT = 1
SHB_USERAPPL = 4

MAX_OPTION = 0xFFFF
"""Bytes of one option's value: its length has 16 bits."""
LENGTH_NOT_SAID = -1

SECTION_OPTIONS = 24
"""Where the options of a section header block begin."""
ENHANCED_DATA = 28
"""Where the data of an enhanced (and of an old) packet block begin."""
SIMPLE_DATA = 12
CLOSING = 4
"""Bytes of the second length, behind the options."""


def pad(size: int) -> int:
    """Return how many bytes are missing to the next multiple of four."""
    return -size % 4


def option(order: str, code: int, value: bytes) -> bytes:
    """Return one option, cut to MAX_OPTION bytes."""
    value = value[:MAX_OPTION]
    return struct.pack(order + "HH", code, len(value)) + value + bytes(pad(len(value)))


def text_option(order: str, code: int, text: str) -> bytes:
    """Return an option that is a text in UTF-8, cut between two characters."""
    value = text.encode("utf-8", "backslashreplace")
    if len(value) > MAX_OPTION:
        value = value[:MAX_OPTION].decode("utf-8", "ignore").encode()
    return option(order, code, value)


def block(order: str, kind: int, body: bytes) -> bytes:
    """Return a block; ``body`` is filled up with zero bytes."""
    total = struct.pack(order + "I", len(body) + pad(len(body)) + 12)
    return struct.pack(order + "I", kind) + total + body + bytes(pad(len(body))) + total


def section_header(order: str, options: bytes = b"") -> bytes:
    """Return the header of a section of unsaid length; ``options`` as :func:`ended` gives them."""
    body = struct.pack(order + "IHHq", BYTE_ORDER_MAGIC, 1, 0, LENGTH_NOT_SAID)
    return block(order, SECTION_HEADER, body + options)


def of_unsaid_length(order: str, header: bytes) -> bytes:
    """Return a section header without the length of its section, which changes in a copy."""
    return header[:16] + struct.pack(order + "q", LENGTH_NOT_SAID) + header[24:]


def interface_description(
    order: str, link_type: int, snaplen: int, resolution: int = MICROSECONDS, name: str = ""
) -> bytes:
    """Return an interface; ``resolution`` is its if_tsresol, said where it is not the usual one."""
    options = text_option(order, IF_NAME, name) if name else b""
    if resolution != MICROSECONDS:
        options += option(order, IF_TSRESOL, bytes([resolution]))
    body = struct.pack(order + "HHI", link_type, 0, snaplen)
    return block(order, INTERFACE_DESCRIPTION, body + ended(options))


def interface_statistics(
    order: str, interface: int, units: int, received: int | None, dropped: int
) -> bytes:
    """Return what an interface counted up to a time, which is in its units."""
    options = b""
    if received is not None:
        options += option(order, ISB_IFRECV, struct.pack(order + "Q", received))
    options += option(order, ISB_IFDROP, struct.pack(order + "Q", dropped))
    body = struct.pack(order + "III", interface, units >> 32, units & 0xFFFFFFFF)
    return block(order, INTERFACE_STATISTICS, body + ended(options))


def time_units(time: int, resolution: int, offset: int) -> int:
    """Return a time (ns) in an interface's units: its if_tsresol, and its if_tsoffset in ns."""
    time = max(time - offset, 0)
    digits = resolution & 0x7F
    if resolution & 0x80:
        return (time << digits) // SECOND
    units: int = time * 10**digits // SECOND
    return units


def enhanced_packet(
    order: str, interface: int, units: int, length: int, data: bytes, options: bytes = b""
) -> bytes:
    """Return a packet: time in the interface's units, length as a Batch has it, bytes captured."""
    way, length = divmod(length, 1 << 32)
    if way:
        options = option(order, EPB_FLAGS, struct.pack(order + "I", way)) + (options or bytes(4))
    head = struct.pack(
        order + "IIIII", interface, units >> 32, units & 0xFFFFFFFF, len(data), length
    )
    return block(order, ENHANCED_PACKET, head + data + bytes(pad(len(data))) + options)


def ended(options: bytes) -> bytes:
    """Return options with their end, or nothing where there are none."""
    return options + bytes(4) if options else b""


def with_options(order: str, old: bytes, at: int, options: bytes) -> bytes:
    """Return a whole block with more options; those that it has begin at ``at``, and stay behind.

    What the block has is not looked at: it may be anything.
    """
    kind, _ = struct.unpack_from(order + "II", old)
    rest = old[at:-CLOSING]
    return block(order, kind, old[8:at] + (options + rest if rest else ended(options)))


def without_comments(order: str, old: bytes, at: int, beginning: bytes) -> bytes:
    """Return a whole block without the comments that begin so; its options begin at ``at``.

    A block whose options are not what they say stays as it is.
    """
    kept, here, end = b"", at, len(old) - CLOSING
    while here + 4 <= end:
        code, length = struct.unpack_from(order + "HH", old, here)
        behind = here + 4 + length + pad(length)
        if code == 0:
            break
        if behind > end:
            return old
        if code != OPT_COMMENT or not old.startswith(beginning, here + 4):
            kept += old[here:behind]
        here = behind
    if len(kept) == here - at:
        return old
    (kind,) = struct.unpack_from(order + "I", old)
    return block(order, kind, old[8:at] + (kept + old[here:end] if kept else b""))
