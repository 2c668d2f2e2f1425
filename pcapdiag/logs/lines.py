"""The lines of a log file: unpacked, cut where they are too long, any byte made readable."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pcapdiag.capture.compression import Unpacker
from pcapdiag.capture.formats import MAGIC_BYTES, compression_of
from pcapdiag.capture.source import RawInput
from pcapdiag.errors import DamagedCaptureError, FileAccessError, UsageError
from pcapdiag.model.options import Stop

if TYPE_CHECKING:
    from pcapdiag.capture.source import Input

CHUNK = 256 * 1024
"""Bytes read at once."""
MAX_LINE = 64 * 1024
"""Bytes of a line that are read; the rest of it is passed over."""
_UTF8_MARK = codecs.BOM_UTF8
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class LogLines:
    r"""Yields the lines of one file as text; bytes that are no UTF-8 become ``\xff``.

    UTF-16 with a mark at its start is read too: Windows PowerShell writes it behind ``>``.
    After reading, ``cut`` counts the lines longer than MAX_LINE, and ``broken`` says how compressed
    data broke off. Raises UsageError for a file that cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.cut = 0
        self.broken = ""

    def __iter__(self) -> Iterator[str]:
        raw = _open(self.path)
        try:
            yield from self._lines(_unpacked(raw))
        finally:
            raw.close()

    def _lines(self, source: Input) -> Iterator[str]:
        buffer = memoryview(bytearray(CHUNK))
        rest = b""
        skipping = False
        in_utf8: Callable[[bytes], bytes] | None = None
        while got := self._read(source, buffer):
            data = bytes(buffer[:got])
            if in_utf8 is None:
                data = data.removeprefix(_UTF8_MARK)
                in_utf8 = _recoder(data)
            pieces = in_utf8(data).split(b"\n")
            if skipping:
                # The rest of a line that was given already.
                if len(pieces) == 1:
                    continue
                pieces.pop(0)
                skipping = False
            pieces[0] = rest + pieces[0]
            rest = pieces.pop()
            for piece in pieces:
                yield self._text(piece)
            if len(rest) > MAX_LINE:
                yield self._text(rest)
                rest, skipping = b"", True
        if rest:
            yield self._text(rest)

    def _text(self, line: bytes) -> str:
        if len(line) > MAX_LINE:
            self.cut += 1
            line = line[:MAX_LINE]
        return line.rstrip(b"\r").decode("utf-8", "backslashreplace")

    def _read(self, source: Input, buffer: memoryview) -> int:
        try:
            return source.readinto(buffer) or 0
        except DamagedCaptureError as error:
            self.broken = error.message
            return 0


def _recoder(start: bytes) -> Callable[[bytes], bytes]:
    """Return what makes UTF-8 of the pieces of a text that begins so."""
    if not start.startswith(_UTF16_MARKS):
        return bytes
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    return lambda data: decoder.decode(data).encode()


def _open(path: str) -> RawInput:
    try:
        return RawInput(path, Stop())
    except FileAccessError as error:
        raise UsageError(f"{path}: {error.message}", error.advice) from error


def _unpacked(raw: RawInput) -> Input:
    head = bytearray(MAGIC_BYTES)
    got = 0
    while got < MAGIC_BYTES and (more := raw.readinto(memoryview(head)[got:])):
        got += more
    start = bytes(head[:got])
    compression = compression_of(start)
    return Unpacker(raw, compression, start) if compression else _Joined(start, raw)


class _Joined:
    """What was read to tell the compression, and then the file."""

    def __init__(self, head: bytes, raw: RawInput) -> None:
        self._head = head
        self._raw = raw

    def readinto(self, view: memoryview) -> int | None:
        head, self._head = self._head, b""
        if not head:
            return self._raw.readinto(view)
        view[: len(head)] = head
        return len(head)


def written(path: str) -> int:
    """Return when a file was written last, in nanoseconds since the epoch; 0 where nobody knows."""
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return 0
