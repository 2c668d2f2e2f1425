"""Where each frame of a bundle's capture was in the original files."""

from __future__ import annotations

from array import array
from bisect import bisect_left

import msgspec

HEAD = "frame,original_frame,file,frame_in_file\n"


class FrameMap(msgspec.Struct):
    """Frames count from 1 on both sides; ``original`` ascends."""

    original: array[int] = msgspec.field(default_factory=lambda: array("q"))
    """Frame numbers as the original report has them, of all files read as one."""
    files: array[int] = msgspec.field(default_factory=lambda: array("q"))
    """The file that each frame was in, from 1; 0 where that was not remembered."""
    in_file: array[int] = msgspec.field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.original)

    def add(self, frame: int, origin: tuple[int, int] | None) -> None:
        """Append the bundle's next frame; ``origin`` is (index of the file, frame in it)."""
        self.original.append(frame)
        self.files.append(origin[0] + 1 if origin else 0)
        self.in_file.append(origin[1] if origin else 0)

    def original_of(self, frame: int) -> int:
        """Return the original number of a frame of the bundle; 0 for one that it does not have."""
        return self.original[frame - 1] if 1 <= frame <= len(self.original) else 0

    def here(self, original: int) -> int:
        """Return the number that an original frame has in the bundle; 0 where it is not in it."""
        place = bisect_left(self.original, original)
        known = place < len(self.original) and self.original[place] == original
        return place + 1 if known else 0

    def table(self) -> str:
        """Return the map as CSV: numbers only."""
        rows = zip(self.original, self.files, self.in_file, strict=True)
        lines = (f"{n},{frame},{file},{own}\n" for n, (frame, file, own) in enumerate(rows, 1))
        return HEAD + "".join(lines)
