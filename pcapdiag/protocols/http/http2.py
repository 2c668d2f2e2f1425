"""Reads HTTP/2 from both ends of a connection (RFC 9113): streams, windows and events.

All of it is read here; skimming.py passes over what goes well. Pieces must come in the order of the
capture. Memory is bounded: streams that went well are dropped when they end, bodies pass without
being held. What is not HTTP/2 becomes a fact, never an exception.
"""

from __future__ import annotations

from collections import deque
from itertools import chain

from pcapdiag.model.application import Piece
from pcapdiag.model.http import Exchange, HttpFacts
from pcapdiag.protocols.http import http2_events as events
from pcapdiag.protocols.http.asked import AskedLog
from pcapdiag.protocols.http.frames import (
    END_HEADERS,
    END_STREAM,
    Frame,
    FrameReader,
    Type,
)
from pcapdiag.protocols.http.header_block import HeaderBlocks
from pcapdiag.protocols.http.heads import Fields
from pcapdiag.protocols.http.kept import MAX_OPEN, KeptExchanges
from pcapdiag.protocols.http.local_reply import recognise
from pcapdiag.protocols.http.streams import Stream, upgraded
from pcapdiag.protocols.http.windows import CONNECTION, SendWindows
from pcapdiag.protocols.packet_buffer import Moment

MAX_CLOSED = 1_000
"""Ended streams that are remembered, so that late frames do not look like new ones."""
MAX_OPEN_LISTED = 100


class _End:
    """What is followed for each end."""

    def __init__(self, is_initiator: bool, started: bool) -> None:
        self.frames = FrameReader(is_initiator, started)
        self.blocks = HeaderBlocks()
        self.windows = SendWindows(is_initiator)
        self.missed = False


class Http2Reader:
    """Takes pieces of both ends; ``started`` is False where the capture begins in the middle.

    ``switched`` is the exchange by which HTTP/1 switched to h2c: it goes on as stream 1.
    """

    def __init__(self, started: bool = True, switched: Exchange | None = None) -> None:
        self._ends = (_End(False, started), _End(True, started))
        self._events = events.ConnectionEvents()
        self._open: dict[int, Stream] = {}
        self._closed: dict[int, bool] = {}
        """Ended streams, and whether the response's headers had been sent."""
        self._closed_order: deque[int] = deque()
        self._kept = KeptExchanges()
        self._asked = AskedLog()
        self._count = 0
        self._incomplete = not started
        if switched is not None:
            self._count = switched.index
            self._number(self._open_stream(1, upgraded(switched)))

    def feed(self, piece: Piece) -> None:
        """Read the next bytes of an end."""
        end = self._ends[piece.from_initiator]
        self._incomplete = self._incomplete or piece.hole > 0
        for frame in end.frames.read(piece):
            self._note_missed(end)
            self._take(piece.from_initiator, end, frame)
        self._note_missed(end)
        self._events.problem(end.frames.problem, piece.frame, piece.from_initiator)

    def finish(self) -> HttpFacts:
        """Return everything that was read; nothing may be fed afterwards."""
        self._open_begun_request()
        facts = self._events.finish()
        facts.preface = self._ends[True].frames.preface
        begun = sorted(each.stream_id for each in self._open.values() if each.request_begun)
        facts.open_streams = tuple(begun[:MAX_OPEN_LISTED])
        facts.streams = self._count
        stalls = chain.from_iterable(end.windows.stalls() for end in self._ends)
        facts.stalls = tuple(sorted(stalls, key=lambda stall: (stall.time, stall.frame)))
        for _stream_id, stream in sorted(self._open.items()):
            self._keep(stream)
        kept, left_out = self._kept.finish()
        asked = self._asked.rows
        return HttpFacts(self._count, kept, left_out, facts, self._incomplete, asked)

    def _open_begun_request(self) -> None:
        """Count a request whose headers were refused, or broken off, in their midst."""
        blocks = self._ends[True].blocks
        if blocks.stream_id and blocks.stream_id not in self._open and not blocks.lost:
            self._headers(True, blocks.stream_id, None, blocks.first)

    def _note_missed(self, end: _End) -> None:
        if end.frames.missed and not end.missed:
            end.missed = end.blocks.lost = True
            for each in self._ends:
                each.windows.lose()

    def _take(self, from_initiator: bool, end: _End, frame: Frame) -> None:
        if end.blocks.stream_id and frame.type != Type.CONTINUATION:
            words = "a frame in the middle of a header block"
            self._events.problem(words, frame.first.frame, from_initiator)
            end.blocks.lost = True
            end.blocks.stream_id = 0
        if frame.type == Type.DATA:
            self._data(from_initiator, end, frame)
        elif frame.type in (Type.HEADERS, Type.PUSH_PROMISE, Type.CONTINUATION):
            self._header_frame(from_initiator, end, frame)
        elif frame.type == Type.RST_STREAM:
            self._rst_stream(from_initiator, frame)
        elif frame.type == Type.SETTINGS:
            self._settings(from_initiator, frame)
        elif frame.type == Type.WINDOW_UPDATE:
            increment = int.from_bytes(frame.payload, "big") & 0x7FFFFFFF
            other = self._ends[not from_initiator]
            other.windows.update(frame.stream_id, increment, frame.last)
        elif frame.type == Type.PING:
            self._events.ping(from_initiator, frame)
        elif frame.type == Type.GOAWAY:
            self._events.goaway(from_initiator, frame)

    def _header_frame(self, from_initiator: bool, end: _End, frame: Frame) -> None:
        blocks = end.blocks
        if frame.type != Type.CONTINUATION:
            is_promise = frame.type == Type.PUSH_PROMISE
            blocks.begin(frame.stream_id, frame.flags, frame.first, is_promise)
            # A promise begins with the promised stream's number.
            blocks.add(frame.payload[4:] if is_promise else frame.payload)
        elif blocks.stream_id == frame.stream_id:
            blocks.add(frame.payload)
        else:
            words = "CONTINUATION without a header block"
            self._events.problem(words, frame.first.frame, from_initiator)
            blocks.lost = True
            return
        if not frame.flags & END_HEADERS:
            return
        stream_id = blocks.stream_id
        fields = blocks.end()
        self._events.problem(blocks.problem, frame.first.frame, from_initiator)
        if not blocks.is_promise:
            self._headers(from_initiator, stream_id, fields, blocks.first)
            if blocks.flags & END_STREAM:
                self._end_stream(from_initiator, stream_id, frame.last)

    def _headers(
        self, from_initiator: bool, stream_id: int, fields: Fields | None, first: Moment
    ) -> None:
        stream = self._stream(stream_id)
        if from_initiator and stream_id % 2 == 0:
            words = f"a request on stream {stream_id}, which is not the client's to open"
            self._events.problem(words, first.frame, from_initiator)
        if stream is None:
            return
        if not from_initiator:
            stream.response_headers(fields, first)
            return
        if not stream.request_begun:
            self._number(stream)
        stream.request_headers(fields, first)

    def _number(self, stream: Stream) -> None:
        """Say of a request how many came before it."""
        stream.exchange.index = self._count
        self._count += 1
        facts = self._events.facts
        facts.most_open = max(facts.most_open, len(self._open))

    def _data(self, from_initiator: bool, end: _End, frame: Frame) -> None:
        stream = self._stream(frame.stream_id)
        if frame.length:
            end.windows.sent(frame.stream_id, frame.length, frame.first)
        if stream is None:
            return
        stream.data(from_initiator, frame.payload, frame.missing)
        stream.exchange.active_time = frame.last.time
        if frame.ends and frame.flags & END_STREAM:
            self._end_stream(from_initiator, frame.stream_id, frame.last)

    def _end_stream(self, from_initiator: bool, stream_id: int, moment: Moment) -> None:
        stream = self._open.get(stream_id)
        if stream is None:
            return
        stream.ends(from_initiator, moment)
        windows = self._ends[from_initiator].windows
        windows.ends(stream_id)
        if windows.is_shut() and not self._has_more(from_initiator):
            windows.ends(CONNECTION)
        if stream.is_done:
            self._close(stream, moment, is_reset=False)

    def _rst_stream(self, from_initiator: bool, frame: Frame) -> None:
        stream = self._stream(frame.stream_id)
        after_headers = self._was_answered(frame.stream_id)
        if stream is not None:
            after_headers = stream.response_begun
            stream.reset(from_initiator, int.from_bytes(frame.payload, "big"), frame.last)
            self._close(stream, frame.last, is_reset=True)
        self._events.reset(from_initiator, frame, after_headers)

    def _settings(self, from_initiator: bool, frame: Frame) -> None:
        found = self._events.settings(from_initiator, frame)
        other = self._ends[not from_initiator]
        window = found.get(events.INITIAL_WINDOW_SIZE)
        if window is not None:
            other.windows.set_initial(window, frame.last)
        size = found.get(events.MAX_FRAME_SIZE, 0)
        # A lower limit takes effect only when it was acknowledged, so it is never lowered here.
        other.frames.max_frame_size = max(other.frames.max_frame_size, size)

    def _stream(self, stream_id: int) -> Stream | None:
        """Return an open stream of the initiator, opened now if need be; pushed ones have none."""
        stream = self._open.get(stream_id)
        if stream is not None or stream_id % 2 == 0 or self._is_closed(stream_id):
            return stream
        if len(self._open) >= MAX_OPEN:
            # Counted, and its later frames are passed over.
            self._incomplete = True
            self._count += 1
            self._remember_closed(stream_id, response_begun=False)
            return None
        exchange = Exchange(index=self._count, version="2", stream_id=stream_id)
        return self._open_stream(stream_id, exchange)

    def _is_closed(self, stream_id: int) -> bool:
        return stream_id in self._closed

    def _was_answered(self, stream_id: int) -> bool:
        """Return whether a closed stream's response had begun."""
        return self._closed.get(stream_id, False)

    def _has_more(self, from_initiator: bool) -> bool:
        exchanges = (stream.exchange for stream in self._open.values())
        if from_initiator:
            return any(not exchange.request_complete for exchange in exchanges)
        return any(not exchange.complete for exchange in exchanges)

    def _open_stream(self, stream_id: int, exchange: Exchange) -> Stream:
        stream = self._open[stream_id] = Stream(stream_id, exchange)
        for end in self._ends:
            end.windows.follow(stream_id)
        return stream

    def _close(self, stream: Stream, moment: Moment, is_reset: bool) -> None:
        del self._open[stream.stream_id]
        for from_initiator, end in enumerate(self._ends):
            end.windows.close(stream.stream_id, moment, is_reset)
            if is_reset and not self._has_more(bool(from_initiator)):
                end.windows.close(CONNECTION, moment, is_reset)
        self._remember_closed(stream.stream_id, stream.response_begun)
        self._keep(stream)

    def _remember_closed(self, stream_id: int, response_begun: bool) -> None:
        self._closed[stream_id] = response_begun
        self._closed_order.append(stream_id)
        if len(self._closed_order) > MAX_CLOSED:
            del self._closed[self._closed_order.popleft()]

    def _keep(self, stream: Stream) -> None:
        exchange = stream.finished()
        exchange.local_reply = recognise(exchange)
        self._kept.add(exchange)
        self._note_asked(stream, exchange)

    def _note_asked(self, stream: Stream, exchange: Exchange) -> None:
        self._asked.add(exchange, stream.health)
