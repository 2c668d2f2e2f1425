"""The packets of a journey that the report shows, and what became of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pcapdiag.diagnose.points.way import Way
from pcapdiag.incident.timeline import segment_words
from pcapdiag.model.ends import side_of
from pcapdiag.model.packet import FIN, RST, SYN
from pcapdiag.model.points import Fate, Passage
from pcapdiag.model.report import PointPassage
from pcapdiag.model.units import format_known

MAX_PASSAGES = 60
"""Packets of one connection in the report."""

Events = Mapping[tuple[int, int], str]
"""What a packet meant, by point and frame, where its bytes were read."""


def passages(way: Way, decisive: Collection[int], events: Events) -> list[PointPassage]:
    """Return the packets worth showing in time order: the decisive ones, what was lost, the ends.

    ``decisive`` are numbers of passages.
    """
    every = way.journey.passages
    fates = [fate(way, passage) for passage in every]
    ranked = sorted(
        range(len(every)),
        key=lambda n: _rank(every[n], fates[n], n in decisive, min(n, len(every) - 1 - n)),
    )
    return [
        _shown(every[n], fates[n], n in decisive, events) for n in sorted(ranked[:MAX_PASSAGES])
    ]


def fate(way: Way, passage: Passage) -> Fate:
    """Return what became of a packet between the points."""
    if way.born(passage) is not None:
        return "appeared"
    if way.lost(passage) is not None:
        return "lost"
    return "both" if all(frame is not None for frame in passage.frames) else "unknown"


def _rank(passage: Passage, became: Fate, is_decisive: bool, from_edge: int) -> tuple[int, int]:
    if is_decisive:
        return 0, from_edge
    if became in ("lost", "appeared") or passage.flags & RST:
        return 1, from_edge
    return (2 if passage.flags & (SYN | FIN) else 3), from_edge


def _shown(passage: Passage, became: Fate, is_decisive: bool, events: Events) -> PointPassage:
    return PointPassage(
        from_=side_of(passage.from_initiator),
        event=_event(passage, events),
        frames=list(passage.frames),
        times=[format_known(time) for time in passage.times],
        covers=list(passage.covers),
        fate=became,
        changed=list(passage.changed),
        decisive=is_decisive,
    )


def _event(passage: Passage, events: Events) -> str:
    for point, frame in enumerate(passage.frames):
        if frame is not None and (point, frame) in events:
            return events[point, frame]
    return segment_words(passage.flags, passage.length)
