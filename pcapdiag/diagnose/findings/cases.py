"""The connections that a finding is about: all are counted, the first ones named."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

MAX_STREAMS = 100
"""Streams and frames that a finding lists; its ``count`` counts all."""
MAX_ENDPOINTS = 1_000
"""Endpoints, or pairs of hosts, that one kind of finding tells apart."""
MAX_NAMED = 8
"""Addresses named in one finding."""


class Cases(msgspec.Struct):
    """Connections with the same failure, and when the first and the last were (seconds)."""

    count: int = 0
    streams: list[int] = []
    frames: list[int] = []
    first: str = ""
    last: str = ""

    def add(self, stream: int, frames: Sequence[int], since: str, until: str) -> None:
        """Count a connection, with frames that show it."""
        self.count += 1
        self.first = min(self.first or since, since, key=float)
        self.last = max(self.last or until, until, key=float)
        if len(self.streams) < MAX_STREAMS:
            self.streams.append(stream)
            self.frames += frames
