"""Compressed captures, unpacked as a stream in flat memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol

from pcapdiag.capture.source import RawInput
from pcapdiag.errors import DamagedCaptureError

FEED_BYTES = 1024
"""Compressed bytes unpacked in one go. It bounds what a bomb can make of them (zstd at most 32 MiB,
xz less) and what is lost of a damaged part."""
READ_BYTES = 64 * 1024
XZ_MEMORY = 128 * 1024 * 1024
"""xz -9 asks for 65 MiB."""
LOOK_BYTES = 5 * 1024 * 1024
"""Of a compressed file, to see what is in it: a block of lz4 has up to 4 MiB, and comes whole."""
ZSTD_WINDOW = 128 * 1024 * 1024
"""The largest window that zstd itself unpacks without being told to."""


class _Part(Protocol):
    """One compressed stream, as zlib, lzma, lz4 and zstandard unpack it."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class Unpacker:
    """What is in a compressed input; several compressed streams one after the other are one.

    ``head`` are the bytes of ``raw`` that were read to tell the compression. Broken or incomplete
    data raises DamagedCaptureError after all that could be unpacked before it was given.
    """

    def __init__(self, raw: RawInput, compression: str, head: bytes) -> None:
        self._raw = raw
        self._name = compression
        self._new_part, self._broken = _METHODS[compression]()
        self._part: _Part | None = self._new_part()
        self._packed = memoryview(head)
        self._unpacked = memoryview(b"")
        self._given = 0

    def readinto(self, view: memoryview) -> int | None:
        """Fill ``view`` from the start; return the bytes, 0 at the end, None when nothing came."""
        while not self._unpacked:
            if not self._packed:
                got = self._read()
                if not got:
                    return got
            self._unpack()
        taken = min(len(view), len(self._unpacked))
        view[:taken] = self._unpacked[:taken]
        self._unpacked = self._unpacked[taken:]
        self._given += taken
        return taken

    def _read(self) -> int | None:
        packed = bytearray(READ_BYTES)
        got = self._raw.readinto(memoryview(packed))
        if got:
            self._packed = memoryview(packed)[:got]
        elif got == 0 and self._part is not None and not self._raw.stopped:
            raise self._damage("breaks off")
        return got

    def _unpack(self) -> None:
        if self._part is None:
            if not self._packed[0]:
                # Padding with zero bytes between and after streams is common (tape blocks, xz).
                self._packed = memoryview(bytes(self._packed).lstrip(b"\0"))
                return
            self._part = self._new_part()
        piece = bytes(self._packed[:FEED_BYTES])
        try:
            self._unpacked = memoryview(self._part.decompress(piece))
        except self._broken as error:
            raise self._damage("is broken") from error
        used = len(piece)
        if self._part.eof:
            used -= len(self._part.unused_data or b"")
            self._part = None
        self._packed = self._packed[used:]

    def _damage(self, what: str) -> DamagedCaptureError:
        message = f"the {self._name} data {what} after {self._given} unpacked bytes"
        return DamagedCaptureError(self._raw.path, message, byte=self._given)


def first_bytes(file: BinaryIO, compression: str, head: bytes, length: int) -> bytes:
    """Return the first bytes of what is in a compressed file, fewer where it is broken.

    ``head`` was read of ``file`` already. At most LOOK_BYTES of it are read. Raises OSError.
    """
    new_part, broken = _METHODS[compression]()
    part, piece, read, unpacked = new_part(), head, len(head), b""
    try:
        while piece and read < LOOK_BYTES:
            unpacked += part.decompress(piece)
            if len(unpacked) >= length:
                break
            rest = b""
            if part.eof:
                rest, part = part.unused_data or b"", new_part()
            piece = rest or file.read(FEED_BYTES)
            read += len(piece)
    except broken:
        pass
    return unpacked[:length]


_Method = tuple[Callable[[], _Part], type[Exception]]


def _gzip() -> _Method:
    import zlib

    return lambda: zlib.decompressobj(wbits=31), zlib.error


def _xz() -> _Method:
    import lzma

    return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY), lzma.LZMAError


def _zstd() -> _Method:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    return decompressor.decompressobj, zstandard.ZstdError


def _lz4() -> _Method:
    import lz4.frame

    return lz4.frame.LZ4FrameDecompressor, RuntimeError


_METHODS: dict[str, Callable[[], _Method]] = {
    "gzip": _gzip,
    "zstd": _zstd,
    "lz4": _lz4,
    "xz": _xz,
}
