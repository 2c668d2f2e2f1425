"""The second reading of one of several captures: some connections once more, with every packet."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pcapdiag.capture import Capture
from pcapdiag.diagnose.http2.effects import open_again
from pcapdiag.flow.records import Flow
from pcapdiag.flow.sieve import MAX_DRAWN
from pcapdiag.flow.story import build_story
from pcapdiag.flow.traces import Traces
from pcapdiag.incident.archive import Archive, Archived
from pcapdiag.incident.drawing import Drawing
from pcapdiag.incident.following import Following
from pcapdiag.model.options import AnalyzeOptions


class Watch(msgspec.Struct):
    """What a second reading is for."""

    streams: set[int] = set()
    untold: set[int] = set()
    """Those of which no story was kept at the first one."""
    drawn: set[int] = set()
    """Those of which every packet is to be drawn."""


class SecondLook(Following):
    """Keeps the packets of watched streams, and the stories of those that were healthy.

    Streams and frames are numbered as in the first reading.
    """

    def __init__(
        self,
        capture: Capture,
        options: AnalyzeOptions,
        point: int,
        watch: Watch,
        share: int = MAX_DRAWN,
    ) -> None:
        """``share`` is how many packets may be kept of a connection that is to be drawn."""
        super().__init__(capture, options, self._ended)
        self.stories = Archive()
        """Of those of which none was kept at the first reading."""
        self.traces = Traces(point)
        self.drawings = {stream: Drawing(stream, share) for stream in watch.drawn}
        self._untold = watch.untold
        self.tracker.turns.note_all = 1
        self.tracker.watch(watch.streams, self._seen if self.drawings else self.traces.add)

    def finish(self) -> None:
        """End the reading: what it kept stays, and not the tables that it was followed with."""
        self.tracker.close()
        del self.tracker, self.readers

    def _seen(self, flow: Flow, row: Sequence[int]) -> None:
        self.traces.add(flow, row)
        drawing = self.drawings.get(flow.stream)
        if drawing is not None:
            drawing.add(flow, row)

    def _ended(self, flow: Flow) -> None:
        if flow.stream not in self._untold:
            return
        story = build_story(self.tracker, flow)
        story.application = self.readers.application(flow, story)
        open_again(story)
        self.stories.put(Archived(story, self.tracker.last_time))
