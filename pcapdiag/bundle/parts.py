"""The captures that a bundle is made from: one, or one of each of several points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from pcapdiag.bundle.archive import is_safe_name
from pcapdiag.bundle.frame_map import FrameMap
from pcapdiag.bundle.wanted import Wanted
from pcapdiag.incident.analysis import Analysis
from pcapdiag.model.report import Connection, PointLabel, label_of

CAPTURE = "capture.pcapng"
"""The capture's name in a bundle of one point."""
FRAMES = "frames.csv"

Place = tuple[str, int]
"""A point, and a stream or frame as numbered there."""


class Part(msgspec.Struct):
    """One capture: its point's label (empty where there is one point), files and analysis."""

    label: str
    paths: tuple[str, ...]
    analysis: Analysis
    number: int = 1
    """Of the point, from 1."""
    wanted: Wanted = msgspec.field(default_factory=Wanted)

    @property
    def name(self) -> str:
        """The capture's name in the bundle."""
        if not self.label:
            return CAPTURE
        name = f"capture-{self.label}.pcapng"
        return name if is_safe_name(name) else f"capture-{self.number}.pcapng"

    @property
    def frames_name(self) -> str:
        """The name of the table of its frames."""
        return FRAMES if not self.label else f"{self.name.removesuffix('.pcapng')}-frames.csv"


class Frames(msgspec.Struct):
    """The frames of all parts: what leads from a bundle back to the originals."""

    maps: dict[str, FrameMap]
    first: str = ""
    """Label of the first point, whose numbers those without one are."""

    def original(self, point: PointLabel, frame: int) -> Place:
        """Return the original place of a frame of the bundle; frame 0 where there is none."""
        label = label_of(point, self.first)
        return label, self.maps[label].original_of(frame)

    def has(self, place: Place) -> bool:
        """Return whether a frame of the originals is in the bundle."""
        return bool(self.maps[place[0]].here(place[1]))


def begin_of(connection: Connection, first: str) -> Place:
    """Return what a connection is known by: its first frame."""
    return label_of(connection.point, first), connection.first_frame


def stream_of(connection: Connection, first: str) -> Place:
    """Return a connection's number, and whose that is."""
    return label_of(connection.point, first), connection.stream


def by_label(parts: Sequence[Part]) -> Mapping[str, Part]:
    """Return the parts by the labels of their points."""
    return {part.label: part for part in parts}
