"""Captures copied into one pcapng file, with comments on frames and everything else as it was.

Blocks are handed on byte for byte, in runs as long as nothing in them has to change. Several files
come in the order of their frames (capture/merge.py). A file that begins when no other one is under
way keeps its section; one that begins amid others goes into theirs, and its interfaces get new
numbers there. A section has one byte order: where files of both take turns, each turn is a section.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from pcapdiag.capture.capture import Capture
from pcapdiag.capture.facts import Metadata
from pcapdiag.capture.reader import FileReader
from pcapdiag.capture.writing.from_file import FileCopy, changed
from pcapdiag.capture.writing.from_pcap import PcapCopy
from pcapdiag.capture.writing.from_pcapng import PcapngCopy
from pcapdiag.capture.writing.section import Comments, Copied, Section, Write
from pcapdiag.model.options import Stop


class Original(msgspec.Struct, frozen=True):
    """A file to be copied, and how many packets of it: those that were there at a first reading."""

    path: str
    packets: int


def copy_captures(
    files: Sequence[Original],
    write: Write,
    comments: Comments,
    *,
    drop_secrets: bool = False,
    tell: Callable[[int], None] = lambda _: None,
) -> Copied:
    """Write all files as one pcapng file, numbered as :class:`Capture` numbers their frames.

    ``tell`` is called now and then with the stored bytes read since it was called last. Raises
    CaptureError where a file cannot be read, or holds fewer packets than said.
    """
    section = Section(write, comments, drop_secrets=drop_secrets, tell=tell)
    under_way: dict[int, FileCopy] = {}
    try:
        for number, count in _turns(files):
            if number not in under_way:
                under_way[number] = _open(files[number], section)
            copy = under_way[number]
            copy.give(count)
            if not copy.left:
                copy.finish()
                del under_way[number]
    finally:
        for copy in under_way.values():
            copy.reader.close()
    for copy in under_way.values():
        raise changed(copy.reader.facts.path)
    return section.copied


def _turns(files: Sequence[Original]) -> Iterator[tuple[int, int]]:
    """Yield whose packets come next, and how many; files without any come first."""
    if len(files) == 1:
        yield 0, files[0].packets
        return
    for number in reversed(range(len(files))):
        if not files[number].packets:
            yield number, 0
    capture = Capture.open([file.path for file in files])
    for turn in capture.runs():
        if len(capture.files) != len(files):
            raise capture.warnings[0]
        if files[turn[0]].packets:
            yield turn


def _open(file: Original, section: Section) -> FileCopy:
    reader = FileReader(file.path, 0, Metadata(), Stop())
    stretches = reader.stretches()
    first = next(stretches, None)
    section.open_files += 1
    kind = PcapngCopy if reader.facts.format == "pcapng" else PcapCopy
    return kind(reader, first, stretches, file.packets, section)
