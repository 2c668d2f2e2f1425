"""Reads HTTP/2, and passes over what goes well: the same is told as if all had been read."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from pcapdiag.model.application import Piece
from pcapdiag.model.http import Exchange, HttpFacts
from pcapdiag.protocols.http.describe import short
from pcapdiag.protocols.http.http2 import MAX_CLOSED, Http2Reader
from pcapdiag.protocols.http.streams import Stream, method_text, target_text

if TYPE_CHECKING:
    from pcapdiag.protocols.http.skim import Skim
    from pcapdiag.protocols.http.skimmed_stream import SkimmedStream

CALM = 8
"""Requests that are read in full after something that cannot be skimmed over."""
BOUNDLESS = 1 << 60
"""A window that does not shut."""


class SkimmingReader(Http2Reader):
    """An Http2Reader that reads only what a skim (skim.py) hands on, whenever one is possible."""

    def __init__(self, started: bool = True, switched: Exchange | None = None) -> None:
        self._skim: Skim | None = None
        self._calm = CALM
        self._newest = 0
        self._skimmed = range(0)
        """Streams that were skimmed over. Those that are not open are closed, but for"""
        self._indices: dict[int, int] = {}
        """the ones that are read after all, whose requests have these indices."""
        self._noted: set[int] = set()
        """Streams whose requests were noted though they were skimmed over."""
        super().__init__(started, switched)

    def feed(self, piece: Piece) -> None:
        """Read the next bytes of an end."""
        if self._skim is not None:
            if not piece.hole and self._skim.take(piece):
                return
            self._end_skim(self._skim)
            if not piece.hole:
                return
        super().feed(piece)
        if self._calm >= CALM and self._may_skim():
            self._begin_skim()

    def finish(self) -> HttpFacts:
        """Return everything that was read; nothing may be fed afterwards."""
        if self._skim is not None:
            self._end_skim(self._skim)
        return super().finish()

    def read_stream(self, stream: int, index: int, frames: list[Piece]) -> None:
        """Read the frames of a stream so far that the skim hands on."""
        self._indices[stream] = index
        self.read_frame(frames)

    def read_frame(self, frame: list[Piece]) -> None:
        """Read a frame that the skim hands on."""
        if self._skim is not None:
            self._note_skimmed(self._skim)
        for piece in frame:
            super().feed(piece)
        if self._skim is not None:
            self._skim.others, self._skim.requests = len(self._open), self._count

    def note_answered(self, stream: SkimmedStream) -> None:
        """Note a request that was answered well, for the skim."""
        from pcapdiag.protocols.http.field_kinds import asked_of  # Only here: as below.

        fields = asked_of(stream.fields)
        self._noted.add(stream.stream)
        self._asked.add_healthy(
            stream.frames[0][1][0].time,
            stream.status,
            method_text(fields.get(b":method", b"")),
            target_text(fields.get(b":path", b"")),
            short(fields, b"user-agent"),
        )
        if self._skim is not None:
            self._skim.notes = not self._asked.is_full

    def _may_skim(self) -> bool:
        if self._ends[False].blocks.lost and not self._kept.is_full:
            # Without a status each answer may be an alarming one.
            return False
        return all(
            end.frames.is_between and end.blocks.is_between and not end.windows.is_shut()
            for end in self._ends
        )

    def _begin_skim(self) -> None:
        from pcapdiag.protocols.http.skim import Skim, end_of  # Only here: many have no HTTP/2.

        if self._incomplete:
            # Older streams may have been opened unseen: no range says what is closed.
            self._remember_skimmed()
        responder, initiator = (end_of(each.blocks, each.windows) for each in self._ends)
        self._skim = Skim(self, (responder, initiator), self._newest, self._count)
        self._skim.others = len(self._open)
        self._skim.wanted = self._kept.wanted
        self._skim.notes = not self._asked.is_full
        for from_initiator, end in enumerate(self._ends):
            # The skim counts for it, and ends before it shuts.
            end.windows.set_connection(BOUNDLESS)
            for piece in end.frames.take_rest(bool(from_initiator)):
                self.feed(piece)

    def _remember_skimmed(self) -> None:
        known = self._open.keys() | self._closed.keys() | self._indices.keys()
        for stream_id in self._skimmed[-2 * MAX_CLOSED :]:
            if stream_id % 2 and stream_id not in known:
                self._remember_closed(stream_id, response_begun=True)
        self._skimmed = range(self._newest + 1, self._newest + 1)

    def _end_skim(self, skim: Skim) -> None:
        """Read what the skim holds, and go on reading in full."""
        self._skim = None
        self._calm = 0
        self._note_skimmed(skim)
        facts = self._events.facts
        facts.most_open = max(facts.most_open, skim.most_open)
        streams = skim.streams()
        self._kept.pass_over(skim.dropped)
        for from_initiator, end in enumerate(self._ends):
            sent = sum(each.sent(from_initiator) for each in streams)
            end.windows.set_connection(skim.window(bool(from_initiator)) + sent)
            end.blocks.add_entries(skim.new_entries(bool(from_initiator)))
        self._indices.update((stream.stream, stream.index) for stream in streams)
        frames = [frame for stream in streams for frame in stream.frames]
        frames.sort(key=lambda frame: frame[0])
        pieces = chain.from_iterable(frame for _order, frame in frames)
        for piece in chain(pieces, skim.rests()):
            super().feed(piece)

    def _note_skimmed(self, skim: Skim) -> None:
        self._newest, self._count = skim.newest, skim.requests
        self._skimmed = range(self._skimmed.start, skim.newest + 1)

    def _open_stream(self, stream_id: int, exchange: Exchange) -> Stream:
        self._newest = max(self._newest, stream_id)
        return super()._open_stream(stream_id, exchange)

    def _number(self, stream: Stream) -> None:
        if stream.stream_id in self._indices:
            stream.exchange.index = self._indices.pop(stream.stream_id)
        else:
            super()._number(stream)

    def _is_closed(self, stream_id: int) -> bool:
        if stream_id in self._skimmed and stream_id not in self._indices:
            return True
        return super()._is_closed(stream_id)

    def _was_answered(self, stream_id: int) -> bool:
        return self._closed.get(stream_id, stream_id in self._skimmed)

    def _keep(self, stream: Stream) -> None:
        if self._skim is not None:
            self._skim.show_ended()
        super()._keep(stream)
        self._calm += 1
        if self._skim is not None:
            self._skim.wanted = self._kept.wanted

    def _note_asked(self, stream: Stream, exchange: Exchange) -> None:
        if stream.stream_id in self._noted:
            self._noted.remove(stream.stream_id)
        else:
            super()._note_asked(stream, exchange)
