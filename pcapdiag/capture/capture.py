"""A capture: one file, several files, or standard input, read as one."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain, groupby
from typing import TYPE_CHECKING

from pcapdiag.capture.ahead import Preparation, Preparer
from pcapdiag.capture.batch import MAX_DROPS, Batch, Interface, drops
from pcapdiag.capture.facts import FileFacts, Metadata
from pcapdiag.capture.linktypes import FIREWALL_LOGS, READ, name_of
from pcapdiag.capture.order import Orderer
from pcapdiag.capture.reader import FileReader
from pcapdiag.capture.source import STDIN
from pcapdiag.capture.walk import Walker
from pcapdiag.errors import (
    CaptureError,
    DamagedCaptureError,
    FileAccessError,
    LinkTypeError,
    UsageError,
)
from pcapdiag.model.options import Stop

if TYPE_CHECKING:
    from pcapdiag.capture.merge import Origins, Part

LINK_TYPE_AT = 20
"""Byte of a pcap file that says the link type."""
MAX_READ_AHEAD = 2
"""Files that are read ahead at the same time, each by a thread of its own."""


class Capture:
    """All inputs of one analysis, read once, in processing order.

    Public: ``files`` (facts of the readable ones; complete once all batches were taken),
    ``warnings`` (errors of those that could not be read at all), ``metadata``.
    """

    def __init__(self, paths: list[str], *, follow: bool, digest: bool, stop: Stop) -> None:
        self.files: list[FileFacts] = []
        self.warnings: list[CaptureError] = []
        self.metadata = Metadata()
        self.prepare: Preparer = Preparation
        self._paths = paths
        self._follow = follow
        self._digest = digest
        self._stop = stop
        self._orderer = Orderer(self.metadata.interfaces)
        self._origins: Origins | None = None
        self._walkers: list[Walker] = []
        self._open_readers: list[FileReader] = []
        self._bytes_read = 0

    @classmethod
    def open(
        cls,
        paths: Iterable[str | os.PathLike[str]],
        *,
        follow: bool = False,
        digest: bool = False,
        stop: Stop | None = None,
    ) -> Capture:
        """Return the capture of files, globs that no shell expanded, or ``-`` for standard input.

        A file named twice is read once. ``follow`` keeps reading one input that grows; ``digest``
        computes each stored file's SHA-256 (costs more than reading it); ``stop`` is where somebody
        else may ask for the end. Raises UsageError, and FileAccessError when none of the files
        exists.
        """
        names, warnings = _expand([os.fspath(path) for path in paths])
        if not names:
            raise warnings[0] if warnings else UsageError("no capture given", "name a file, or -")
        if follow and len(names) > 1:
            raise UsageError("--follow reads one input", "name one file, or -")
        capture = cls(names, follow=follow, digest=digest, stop=stop or Stop())
        capture.warnings.extend(warnings)
        return capture

    def batches(self) -> Iterator[Batch | None]:
        """Yield all packets in processing order; None for each 0.2 s without news (``follow``).

        A batch is good until the next one is asked for. Damage is noted in ``files`` and in
        ``complete``; a file that cannot be read at all is noted in ``warnings``. Raises
        CaptureError when no input could be read.
        """
        one = len(self._paths) == 1
        source = self._read_only(self._paths[0]) if one else self._read_several()
        try:
            yield from self._orderer.arrange(source)
        finally:
            self.close()
        if not self.packets and self.files and all(facts.error for facts in self.files):
            raise next(facts.error for facts in self.files if facts.error)

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield whose packets come next in the order of frames: (index into ``files``, how many).

        Instead of ``batches``, and raises as that does. A file without packets is left out.
        """
        try:
            for batch in self._read_several():
                owners = array("q", [one.file for one in self.interfaces])
                of = map(owners.__getitem__, batch.interfaces[: batch.count])
                yield from ((file, len(list(run))) for file, run in groupby(of))
        finally:
            self.close()

    def in_frame_order(self) -> Iterator[Batch]:
        """Yield all packets in the order of their frames, whatever their times say.

        Instead of ``batches``, and raises as that does; for a copy that is to be like the original.
        """
        one = len(self._paths) == 1
        source = self._read_only(self._paths[0]) if one else self._read_several()
        try:
            yield from (batch for batch in source if batch is not None)
        finally:
            self.close()

    def stop(self) -> None:
        """End the reading as if the input ended here; what a pipe still holds is taken."""
        self._stop.set()

    def close(self) -> None:
        """Close what is open."""
        for reader in self._open_readers:
            reader.close()
            self._bytes_read += reader.raw.taken
        self._open_readers.clear()

    @property
    def interfaces(self) -> list[Interface]:
        """The interfaces met so far; Batch.interfaces are indexes into it."""
        return self.metadata.interfaces

    @property
    def names(self) -> dict[str, str]:
        """Names of addresses that the capture itself holds (pcapng name resolution)."""
        return self.metadata.names

    @property
    def limits(self) -> dict[str, int]:
        """What a limit cut, by the limit's name."""
        limits = dict(self.metadata.limits)
        late = self._orderer.window.late
        return limits | {"capture_order": late} if late else limits

    @property
    def drops(self) -> int:
        """Packets that interfaces and kernel dropped, as pcapng's statistics and packets say."""
        parts: dict[str | int, list[Interface]] = {}
        for one in self.interfaces:
            parts.setdefault(one.name or one.index, []).append(one)
        return min(sum(map(drops, parts.values())), MAX_DROPS)

    @property
    def disordered(self) -> int:
        """Packets that were earlier than one before them on their interface, by 1 ms at most."""
        return self._orderer.window.disordered

    @property
    def clock_steps(self) -> int:
        """How often a clock ran backwards by more than that."""
        return self._orderer.window.clock_steps

    @property
    def slight_clock_steps(self) -> int:
        """Those of them by 100 ms at most, which late packets look like."""
        return self._orderer.window.slight_steps

    @property
    def link_types(self) -> list[str]:
        """The names of the interfaces' link types, each once."""
        return list(dict.fromkeys(name_of(one.link_type) for one in self.interfaces))

    @property
    def unread_link_types(self) -> list[str]:
        """Those of them of which no packet is decoded."""
        unread = (one.link_type for one in self.interfaces if one.link_type not in READ)
        return list(dict.fromkeys(map(name_of, unread)))

    @property
    def of_a_firewall(self) -> bool:
        """Whether packets are from a firewall's log."""
        return any(one.link_type in FIREWALL_LOGS for one in self.interfaces)

    def check_link_types(self) -> None:
        """Raise LinkTypeError when there are packets, and none that could be decoded."""
        unread = self.unread_link_types
        if self.packets and unread == self.link_types:
            message = f"link type {', '.join(unread)} is not read"
            file = self.files[self.interfaces[0].file]
            byte = LINK_TYPE_AT if file.format == "pcap" else None
            raise LinkTypeError(file.path, message, _LINKS_READ, byte)

    @property
    def packets(self) -> int:
        """Packets read so far."""
        return sum(walker.packets for walker in self._walkers)

    @property
    def wire_bytes(self) -> int:
        """The sum of their original lengths."""
        return sum(walker.wire_bytes for walker in self._walkers)

    @property
    def truncated(self) -> int:
        """Packets that the capture cut short (snaplen)."""
        return sum(walker.truncated for walker in self._walkers)

    @property
    def first_time(self) -> int | None:
        """The earliest packet's time in ns, None without packets."""
        return min((f.first_time for f in self.files if f.first_time is not None), default=None)

    @property
    def last_time(self) -> int | None:
        """The latest packet's time in ns, None without packets."""
        return max((f.last_time for f in self.files if f.last_time is not None), default=None)

    @property
    def complete(self) -> bool:
        """False when a file was damaged, or could not be read at all."""
        return not self.warnings and all(facts.complete for facts in self.files)

    def progress(self) -> tuple[int, int | None]:
        """Return (stored bytes read, of all), the second None where the end is not known."""
        taken = self._bytes_read + sum(reader.raw.taken for reader in self._open_readers)
        return taken, self._size

    @cached_property
    def _size(self) -> int | None:
        if self._follow or not all(_is_regular(path) for path in self._paths):
            return None
        return sum(os.path.getsize(path) for path in self._paths)

    def frame_origin(self, frame: int) -> tuple[int, int] | None:
        """Return (index into ``files``, frame number in it), None where it was not remembered."""
        return self._origins.find(frame) if self._origins else (0, frame)

    def _read_only(self, path: str) -> Iterator[Batch | None]:
        reader = FileReader(
            path, 0, self.metadata, self._stop, follow=self._follow, digest=self._digest
        )
        reader.prepare = self.prepare
        self.files.append(reader.facts)
        yield from self._drain(reader)

    def _read_several(self) -> Iterator[Batch]:
        from pcapdiag.capture.merge import Origins, merge  # Only here: one file needs it not.

        parts: list[Part] = []
        for path in self._paths:
            try:
                parts.append(self._peek(path, len(parts)))
            except CaptureError as error:
                self.warnings.append(error)
        if not parts:
            raise self.warnings[0]
        self._origins = Origins()
        yield from merge(parts, self._origins)

    def _peek(self, path: str, number: int) -> Part:
        """Read a file up to its first packets; close it again unless it can be read only once."""
        from pcapdiag.capture.merge import Part

        again = _is_regular(path)
        metadata = Metadata() if again else self.metadata
        reader = FileReader(path, number, metadata, self._stop, digest=self._digest and not again)
        batches = reader.batches() if again else self._drain(reader)
        try:
            first = next(batches, None)
        except CaptureError:
            reader.close()
            raise
        self.files.append(reader.facts)
        first_time = first.times[0] if first else 0

        def frames() -> int:
            return self.files[number].frames

        if again:
            reader.close()
            return Part(number, first_time, lambda: self._read_again(path, number), frames)
        return Part(number, first_time, lambda: chain([first] if first else [], batches), frames)

    def _read_again(self, path: str, number: int) -> Iterator[Batch | None]:
        try:
            reader = FileReader(path, number, self.metadata, self._stop, digest=self._digest)
            self.files[number] = reader.facts
            yield from self._drain(reader)
        except CaptureError as error:
            # It changed since it was looked at: what others hold is still worth reading.
            self.files[number].error = DamagedCaptureError(path, error.message, error.advice, 0)

    def _drain(self, reader: FileReader) -> Iterator[Batch | None]:
        """Yield a reader's batches; its numbers count from now on, and it is closed at the end."""
        reader.ahead = len(self._open_readers) < MAX_READ_AHEAD
        self._open_readers.append(reader)
        self._walkers.append(reader.walker)
        yield from reader.batches()
        self._open_readers.remove(reader)
        reader.close()
        self._bytes_read += reader.raw.taken


_LINKS_READ = (
    "record on Ethernet, any (Linux, macOS), loopback, Wi-Fi, a tunnel's interface (raw IP), PPP "
    "or NFLOG"
)


def _is_regular(path: str) -> bool:
    return path != STDIN and os.path.isfile(path)


def _expand(paths: list[str]) -> tuple[list[str], list[CaptureError]]:
    """Return the files that are named, each once, and an error for what names none."""
    names: dict[object, str] = {}
    errors: list[CaptureError] = []
    for path in paths:
        found = [path]
        if path != STDIN and not os.path.lexists(path):
            import glob  # Only here: the shell nearly always did it.

            found = sorted(glob.glob(path)) if glob.has_magic(path) else []
            if not found:
                what = "matches no file" if glob.has_magic(path) else "no such file"
                errors.append(FileAccessError(path or "''", what))
        for name in found:
            names.setdefault(_identity(name), name)
    return list(names.values()), errors


def _identity(path: str) -> object:
    """Return what is the same for two names of one file."""
    if path == STDIN:
        return STDIN
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return path
    return facts.st_dev, facts.st_ino
