"""One connection with all of its packets, for the charts that are drawn of it alone."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pcapdiag.errors import UsageError
from pcapdiag.flow.records import Flow
from pcapdiag.flow.sieve import Sieve
from pcapdiag.incident.series import Zero, series_of
from pcapdiag.model.moment import moment
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import SegmentSeries
from pcapdiag.model.story import Story


class Drawing:
    """Collects the packets of one stream of a capture while that is read."""

    def __init__(self, stream: int, limit: int) -> None:
        self.stream = stream
        self._sieve = Sieve(limit)

    def add(self, flow: Flow, row: Sequence[int]) -> None:
        """Take a packet of any watched stream; see ``Tracker.watch``."""
        if flow.stream == self.stream:
            self._sieve.add(flow, row)

    def series(self, story: Story, zero: Zero | None = None) -> SegmentSeries:
        """Return the connection's segments; ``zero`` as for the series of a story.

        The packets that its story keeps, its first and its last ones, are always among them.
        """
        packets = {packet.frame: packet for packet in self._sieve.kept()}
        packets |= {packet.frame: packet for packet in story.packets}
        in_order = sorted(packets.values(), key=moment)
        drawn = series_of(story, in_order, zero=zero)
        drawn.thinned = self._sieve.packets - len(in_order)
        return drawn


def for_picture(options: AnalyzeOptions) -> AnalyzeOptions:
    """Return the options without their filters: one connection is chosen, by its stream."""
    return replace(options.without_filters(), pictures=True)


def no_such_stream(stream: int, streams: int, where: str = "") -> UsageError:
    """Return the error for a stream that is not among a capture's; ``where`` names a point."""
    at = f" at {where}" if where else ""
    if streams == 0:
        return UsageError(f"there is no stream {stream}{at}", "the capture has no TCP connection")
    last = f"the last one is {streams - 1}"
    return UsageError(f"there is no stream {stream}{at}", f"streams count from 0, {last}")
