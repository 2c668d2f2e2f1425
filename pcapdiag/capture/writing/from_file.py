"""A file that is being copied: its packets are asked for in turns, and handed on to the section."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from pcapdiag.capture.reader import FileReader, Stretch
from pcapdiag.capture.writing.section import Section
from pcapdiag.errors import CaptureError


class FileCopy:
    """One file on its way; ``left`` counts the packets that are still to be handed on.

    What was written to the file after ``left`` was counted is not copied.
    """

    def __init__(
        self,
        reader: FileReader,
        first: Stretch | None,
        others: Iterator[Stretch | None],
        left: int,
        section: Section,
    ) -> None:
        self.left = left
        self.reader = reader
        self.section = section
        self.stretch = first
        self.at = 0
        self._others = others
        self._taken = 0
        self._told = 0
        self.enter_stretch()

    def give(self, count: int) -> None:
        """Hand on the next packets, and what the file has before and between them.

        Raises CaptureError where they are no longer there.
        """
        count = min(count, self.left)
        self.left -= count
        while count:
            stretch = self.stretch
            if stretch is None:
                raise changed(self.reader.facts.path)
            some = min(count, stretch.batch.count - self.at)
            if some:
                self._give_of(stretch, self.at + some)
                count -= some
            else:
                self.hand_on_rest(stretch)
                self._go_on()

    def finish(self) -> None:
        """Hand on what follows the last packet, and close the file."""
        while self.stretch is not None and self.at == self.stretch.batch.count:
            self.hand_on_rest(self.stretch)
            self._go_on()
        if self.stretch is None:
            self.section.copied.frames += self.reader.walker.frames - self._taken
        self.end()
        self.section.open_files -= 1
        self.reader.close()

    def _give_of(self, stretch: Stretch, stop: int) -> None:
        copied = self.section.copied
        shift = copied.frames - self._taken
        frames = stretch.batch.frames
        commented = []
        for frame in self.section.comments.between(
            frames[self.at] + shift, frames[stop - 1] + shift
        ):
            packet = bisect_left(frames, frame - shift, self.at, stop)
            if frames[packet] + shift == frame:
                commented.append((packet, frame))
        self.hand_on(stretch, stop, commented)
        self._taken = frames[stop - 1]
        copied.frames = self._taken + shift

    def _go_on(self) -> None:
        self.stretch = next(self._others, None)
        self.at = 0
        self.enter_stretch()
        taken = self.reader.raw.taken
        self.section.tell(taken - self._told)
        self._told = taken

    def enter_stretch(self) -> None:
        """Take note that a new stretch begins."""

    def end(self) -> None:
        """Take note that the file has ended."""

    def hand_on(self, stretch: Stretch, stop: int, commented: list[tuple[int, int]]) -> None:
        """Write the stretch's packets from ``at`` to ``stop`` (not included), and move ``at``.

        ``commented`` has (packet, frame in the output) of those that get comments, in order.
        """
        raise NotImplementedError

    def hand_on_rest(self, stretch: Stretch) -> None:
        """Write what follows the stretch's last packet."""


def changed(path: str) -> CaptureError:
    """Return the error about a file that is not what it was a moment ago."""
    return CaptureError(path, "this changed between two readings", "copy it first")
