"""The pcapng blocks that hold no packet (draft-ietf-opsawg-pcapng, section 4)."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

from pcapdiag.capture.batch import MAX_TIME, Interface
from pcapdiag.capture.facts import MAX_INTERFACES, MAX_NAME, FileFacts, Metadata
from pcapdiag.capture.walk import MAX_BLOCK, Walker
from pcapdiag.errors import DamagedCaptureError
from pcapdiag.model.units import SECOND

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
NAME_RESOLUTION = 4
INTERFACE_STATISTICS = 5
DECRYPTION_SECRETS = 10
OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 2, 3, 6
EPB_FLAGS = 2
"""As the walker has them, whose own are C's alone where it is compiled."""
NUMBERED = {9, 0x0BAD, 0x40000BAD, 0x204, 0x208, 0x216, 0x217, 0x221, 0x222}
"""Journal, custom and sysdig blocks: no packets, but Wireshark numbers them as frames."""

LEAST = {SECTION_HEADER: 28, INTERFACE_DESCRIPTION: 20}
"""Bytes of a block without options."""
MAJOR_VERSION = 1
BYTE_ORDER_MAGIC = 0x1A2B3C4D
TLS_KEY_LOG = 0x544C534B

IF_NAME, IF_TSRESOL, IF_TSOFFSET = 2, 9, 14
ISB_IFRECV, ISB_IFDROP, ISB_OSDROP = 4, 5, 7
NRB_END, NRB_IPV4, NRB_IPV6 = 0, 1, 2

MICROSECONDS, NANOSECONDS = 6, 9
"""Values of if_tsresol; the first is that of an interface that does not say it."""
NOT_COUNTED = 0xFFFFFFFFFFFFFFFF
MAX_OFFSET_SECONDS = MAX_TIME // SECOND


class BlockReader:
    """Reads the blocks of one pcapng file that the walker hands over, and keeps what they say."""

    def __init__(self, walker: Walker, file: int, facts: FileFacts, metadata: Metadata) -> None:
        self._walker = walker
        self._file = file
        self._facts = facts
        self._metadata = metadata
        self._section: list[Interface] = []
        self._names: set[str] = set()
        self._order = "<"

    def read(self, buffer: bytes | bytearray, start: int, end: int, at: int) -> int:
        """Read the block at ``start`` (byte ``at`` of the file) and return its length.

        Returns 0 when it is not wholly in ``buffer[:end]``, and sets the walker's ``needed``.
        Raises DamagedCaptureError.
        """
        (kind,) = struct.unpack_from(self._order + "I", buffer, start)
        if kind == SECTION_HEADER:
            self._begin_section(buffer, start, at)
        total: int = struct.unpack_from(self._order + "I", buffer, start + 4)[0]
        if total < LEAST.get(kind, 12) or total % 4 or total > MAX_BLOCK:
            raise self._damage(at, f"a block of type {kind} claims {total} bytes")
        if total > end - start:
            self._walker.needed = total
            return 0
        (closing,) = struct.unpack_from(self._order + "I", buffer, start + total - 4)
        if closing != total:
            raise self._damage(at, f"a block's two lengths differ: {total} and {closing}")
        body = bytes(memoryview(buffer)[start + 8 : start + total - 4])
        if kind == SECTION_HEADER:
            self._check_version(body, at)
        self._read_body(kind, body, at)
        return total

    def _begin_section(self, buffer: bytes | bytearray, start: int, at: int) -> None:
        magic = bytes(buffer[start + 8 : start + 12])
        for order, big in (("<", False), (">", True)):
            if struct.unpack(order + "I", magic) == (BYTE_ORDER_MAGIC,):
                self._order = order
                self._walker.big_endian = big
                self._walker.clear_interfaces()
                self._section = []
                return
        raise self._damage(at, f"a section header with the byte order 0x{magic.hex()}")

    def _check_version(self, section: bytes, at: int) -> None:
        # A section of a later minor version may hold more, and what is known of it is as it was.
        major, minor = struct.unpack_from(self._order + "HH", section, 4)
        if major != MAJOR_VERSION:
            raise self._damage(at, f"a section of pcapng {major}.{minor}, which is not known")

    def _read_body(self, kind: int, body: bytes, at: int) -> None:
        if kind == INTERFACE_DESCRIPTION:
            self._describe_interface(body, at)
        elif kind == NAME_RESOLUTION:
            self._read_names(body)
        elif kind == INTERFACE_STATISTICS:
            self._read_statistics(body)
        elif kind == DECRYPTION_SECRETS and len(body) >= 8:
            secret, length = struct.unpack_from(self._order + "II", body)
            if secret == TLS_KEY_LOG:
                self._metadata.add_secrets(body[8 : 8 + length])
        elif kind in NUMBERED:
            self._walker.frames += 1

    def _describe_interface(self, body: bytes, at: int) -> None:
        if len(self._metadata.interfaces) >= MAX_INTERFACES:
            raise self._damage(at, f"more than {MAX_INTERFACES} interfaces")
        link_type, _, snaplen = struct.unpack_from(self._order + "HHI", body)
        name, resolution, offset = "", MICROSECONDS, 0
        for code, value in self._options(body[8:]):
            if code == IF_NAME:
                name = value.rstrip(b"\0")[:MAX_NAME].decode("utf-8", "replace")
            elif code == IF_TSRESOL and value:
                resolution = value[0]
            elif code == IF_TSOFFSET and len(value) >= 8:
                (offset,) = struct.unpack_from(self._order + "q", value)
        offset = max(-MAX_OFFSET_SECONDS, min(offset, MAX_OFFSET_SECONDS)) * SECOND
        number = len(self._metadata.interfaces)
        if not self._walker.add_interface(number, resolution, offset, snaplen):
            raise self._damage(at, f"an interface with the time resolution 0x{resolution:02x}")
        interface = Interface(
            number, self._file, link_type, name, snaplen, resolution=resolution, offset=offset
        )
        self._metadata.interfaces.append(interface)
        self._section.append(interface)
        if name and name not in self._names:
            self._names.add(name)
            self._facts.interfaces.append(name)

    def _read_names(self, body: bytes) -> None:
        at = 0
        while at + 4 <= len(body):
            kind, length = struct.unpack_from(self._order + "HH", body, at)
            value = body[at + 4 : at + 4 + length]
            at += 4 + length + -length % 4
            size = {NRB_IPV4: 4, NRB_IPV6: 16}.get(kind, 0)
            if kind == NRB_END:
                return
            if size and len(value) > size:
                address = str(ipaddress.ip_address(value[:size]))
                name = value[size:].split(b"\0", 1)[0][:MAX_NAME].decode("utf-8", "replace")
                if name:
                    self._metadata.add_name(address, name)

    def _read_statistics(self, body: bytes) -> None:
        if len(body) < 12:
            return
        (local,) = struct.unpack_from(self._order + "I", body)
        if local >= len(self._section):
            return
        interface = self._section[local]
        dropped = None
        for code, value in self._options(body[12:]):
            if code not in (ISB_IFRECV, ISB_IFDROP, ISB_OSDROP) or len(value) < 8:
                continue
            (count,) = struct.unpack_from(self._order + "Q", value)
            if count == NOT_COUNTED:
                continue
            if code == ISB_IFRECV:
                interface.received = count
            else:
                dropped = (dropped or 0) + count
        if dropped is not None:
            # Totals since the start: the last block that says them says it all.
            interface.dropped = dropped

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(data):
            code, length = struct.unpack_from(self._order + "HH", data, at)
            if code == 0 or at + 4 + length > len(data):
                return
            yield code, data[at + 4 : at + 4 + length]
            at += 4 + length + -length % 4

    def _damage(self, at: int, message: str) -> DamagedCaptureError:
        return DamagedCaptureError(self._facts.path, message, byte=at)
