"""Texts by frame, in bounded memory."""

from __future__ import annotations

from pcapdiag.model.harmless import harmless

MAX_FRAMES = 50_000
"""Frames that get comments."""
MAX_CHARACTERS = 16_000_000
"""Of all texts together."""
MAX_PER_FRAME = 12
MAX_TEXT = 1_000
"""Characters of one comment."""
PREFIX = "pcapdiag: "
"""What our comments begin with, to be told from other people's."""


class FrameTexts:
    """The comments on frames; ``left_out`` counts those that a limit kept out.

    ``keep_free`` frames are kept for later, until that is set to 0.
    """

    def __init__(self, keep_free: int = 0) -> None:
        self.by_frame: dict[int, list[str]] = {}
        self.left_out = 0
        self.keep_free = keep_free
        self._room = MAX_CHARACTERS

    @property
    def full(self) -> bool:
        """True when no further frame is taken."""
        return len(self.by_frame) + self.keep_free >= MAX_FRAMES or self._room <= 0

    def add(self, frame: int, text: str) -> None:
        """Add a comment on a frame; the same one is not added twice."""
        known = self.by_frame.get(frame, [])
        line = PREFIX + harmless(text, MAX_TEXT)
        if line in known:
            return
        if (not known and self.full) or len(known) >= MAX_PER_FRAME or self._room <= 0:
            self.left_out += 1
            return
        self._room -= len(line)
        self.by_frame.setdefault(frame, known).append(line)
