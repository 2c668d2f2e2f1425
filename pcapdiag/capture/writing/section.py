"""The pcapng section that is being written, and what is to be added to frames and to its header."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence

import msgspec

from pcapdiag import __version__
from pcapdiag.capture.facts import MAX_INTERFACES
from pcapdiag.capture.writing import blocks
from pcapdiag.errors import CaptureError

Write = Callable[[bytes | memoryview], object]


class Comments:
    """What is to be said of frames, by the numbers that they have in the output, and of the whole.

    Each text becomes a comment of its own. Where a file's section has a comment that begins with
    ``ours``, the file is such a copy itself, and all comments that begin so are left out.
    """

    def __init__(
        self,
        frames: Mapping[int, Sequence[str]] | None = None,
        section: Sequence[str] = (),
        ours: str = "",
    ) -> None:
        self.section = section
        self.ours = ours.encode()
        self._texts = frames or {}
        self._frames = array("q", sorted(self._texts))

    def between(self, first: int, last: int) -> array[int]:
        """Return the frames from ``first`` to ``last``, both included, that have comments."""
        frames = self._frames
        return frames[bisect_left(frames, first) : bisect_right(frames, last)]

    def options(self, order: str, frame: int, more: Sequence[str] = ()) -> bytes:
        """Return the comments on a frame, and ``more`` behind them, as options."""
        return text_options(order, [*self._texts[frame], *more])


class Copied(msgspec.Struct):
    """What a copy holds: frames, those with comments, and what was left out."""

    frames: int = 0
    commented: int = 0
    too_long: int = 0
    """Blocks that were too long for comments."""
    secrets_dropped: int = 0
    """Decryption secrets blocks left out."""


class Section:
    """The output's current section.

    ``number`` counts the sections from 1, ``order`` is its byte order, ``interfaces`` how many it
    describes; ``open_files`` are the files under way, one that begins included.
    """

    def __init__(
        self, write: Write, comments: Comments, *, drop_secrets: bool, tell: Callable[[int], None]
    ) -> None:
        self.write = write
        self.comments = comments
        self.drop_secrets = drop_secrets
        self.tell = tell
        self.copied = Copied()
        self.number = 0
        self.order = "<"
        self.interfaces = 0
        self.open_files = 0
        self._plain: dict[tuple[int, int, int], int] | None = None

    def begin(self, order: str, header: bytes = b"") -> None:
        """Begin a section with a header read elsewhere, or one of our own."""
        first = text_options(order, self.comments.section) if not self.number else b""
        if len(header) < blocks.SECTION_OPTIONS + blocks.CLOSING:
            first += blocks.text_option(order, blocks.SHB_USERAPPL, f"pcapdiag {__version__}")
            header = blocks.section_header(order, blocks.ended(first))
        else:
            header = blocks.of_unsaid_length(order, header)
            if first:
                header = blocks.with_options(order, header, blocks.SECTION_OPTIONS, first)
        self.write(header)
        self.number += 1
        self.order = order
        self.interfaces = 0
        self._plain = None

    def describe(self, interface: bytes) -> int:
        """Write an interface's description; return the number that it has here."""
        if self.interfaces >= MAX_INTERFACES:
            raise CaptureError("all captures", f"more than {MAX_INTERFACES} interfaces together")
        self.write(interface)
        self.interfaces += 1
        return self.interfaces - 1

    def plain_interface(self, link_type: int, snaplen: int, resolution: int) -> int:
        """Return the number of a pcap file's interface; files that agree in all share one.

        They share a section, too, unless a pcapng file came between.
        """
        if self._plain is None:
            if self.open_files == 1:
                self.begin("<")
            self._plain = {}
        key = (link_type, snaplen, resolution)
        if key not in self._plain:
            self._plain[key] = self.describe(blocks.interface_description(self.order, *key))
        return self._plain[key]


def text_options(order: str, texts: Sequence[str]) -> bytes:
    """Return a comment for each text."""
    return b"".join(blocks.text_option(order, blocks.OPT_COMMENT, text) for text in texts)
