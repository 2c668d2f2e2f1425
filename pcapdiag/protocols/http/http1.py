"""Reads HTTP/1 from both ends of a connection: which response answers which request, and how far.

Pieces must come in the order of the capture. Responses answer requests in their order (RFC 9112
section 9.3.2). Behind a hole reading goes on at the next bytes that can only be a head. What is not
HTTP becomes a fact, never an exception.
"""

from __future__ import annotations

from collections import deque

from pcapdiag.model.application import Piece
from pcapdiag.model.http import Exchange, HttpFacts
from pcapdiag.model.moment import moment
from pcapdiag.protocols.http import http1_exchange as exchanges
from pcapdiag.protocols.http.body import BodyReader
from pcapdiag.protocols.http.heads import (
    MAX_HEAD,
    request_head,
    status_head,
)
from pcapdiag.protocols.http.http1_end import Http1End
from pcapdiag.protocols.http.kept import MAX_OPEN, KeptExchanges
from pcapdiag.protocols.http.local_reply import recognise
from pcapdiag.protocols.http.websocket import WebSocketEnd
from pcapdiag.protocols.packet_buffer import Moment

WEBSOCKET = "websocket"
MAX_REST = 256 * 1024
"""Bytes of the initiator that wait for the answer to its CONNECT or Upgrade."""
TLS = "tls"
"""What an initiator switches to that goes on with a ClientHello."""
_TLS_HANDSHAKE = b"\x16\x03"
_STATUS_PREFIX = b"HTTP/1."
_LINE_ENDS = b"\r\n"


TELLING = 16
"""Bytes by which another protocol's answer is told; with fewer, more of them are waited for."""


def _may_be_status_line(data: bytearray) -> bool:
    return _STATUS_PREFIX.startswith(bytes(data[: len(_STATUS_PREFIX)]))


class Http1Reader:
    """Takes pieces of both ends; ``started`` is False where the capture begins in the middle."""

    def __init__(self, started: bool = True) -> None:
        self.switched = ""
        """Protocol after CONNECT or 101; its bytes are handed on by :meth:`take_rest`."""
        self._requests = Http1End(lost=not started)
        self._responses = Http1End(lost=not started)
        self._pending: deque[Exchange] = deque()
        self._open: dict[int, Exchange] = {}
        self._begun: Exchange | None = None
        """A request whose head is not complete, but answered already."""
        self._greeted: Exchange | None = None
        """What a server said before the first request that is no answer: it belongs to that one."""
        self._asked: dict[int, str] = {}
        """Exchanges (by id) that ask to switch, and to what."""
        self._count = 0
        self._finished = False
        self._kept = KeptExchanges()
        self._rest: list[Piece] = []
        self._incomplete = not started
        self._upgraded: Exchange | None = None
        self._websocket = (WebSocketEnd(), WebSocketEnd())

    def feed(self, piece: Piece) -> None:
        """Read the next bytes of an end."""
        if self.switched and self.switched != WEBSOCKET:
            self._rest.append(piece)
            return
        end = self._requests if piece.from_initiator else self._responses
        if piece.hole:
            self._pass_hole(end, piece)
        end.buffer.append(piece)
        self._read()

    def take_rest(self) -> list[Piece]:
        """Hand on the pieces behind the switch that came since the last call."""
        rest, self._rest = self._rest, []
        return rest

    def take_upgraded(self) -> Exchange | None:
        """Take away the exchange that switched to HTTP/2: there it goes on as stream 1."""
        exchange = self._upgraded
        if exchange is not None and self._open.pop(id(exchange), None) is not None:
            return exchange
        return None

    def finish(self) -> HttpFacts:
        """Return everything that was read; nothing may be fed afterwards."""
        if not self.switched:
            self._finish_partial()
        for exchange in sorted(self._open.values(), key=lambda exchange: exchange.index):
            exchange.local_reply = recognise(exchange)
            self._kept.add(exchange)
        kept, left_out = self._kept.finish()
        return HttpFacts(
            requests=self._count, exchanges=kept, left_out=left_out, incomplete=self._incomplete
        )

    def _pass_hole(self, end: Http1End, piece: Piece) -> None:
        self._incomplete = True
        if self.switched:
            self._websocket[piece.from_initiator].lose()
            return
        behind = None
        if end.body is not None and not end.buffer.data:
            behind = end.body.pass_hole(piece.hole)
        if behind is None:
            end.lose()
        elif end.body is not None and end.body.done:
            end.body.last = Moment(piece.frame, piece.time)
            self._read()
            if behind:
                end.lose()

    def _read(self) -> None:
        while not self.switched and (self._read_request() or self._read_response()):
            pass
        if self.switched == WEBSOCKET:
            self._read_websocket()

    def _read_request(self) -> bool:
        """Take one step; return whether there may be another."""
        end = self._requests
        if end.body is not None:
            return self._read_request_body(end, end.body)
        if not end.buffer.data or self._must_wait(end):
            return False
        if end.lost and not end.find_again(is_request=True):
            return False
        if self._skip_line_end(end):
            return True
        if end.buffer.data.startswith(_TLS_HANDSHAKE):
            return self._hand_on(TLS)
        if end.buffer.data[0] < 0x20 and len(end.buffer.data) >= len(_TLS_HANDSHAKE):
            return self._malformed_request(end, "no request line: bytes of another protocol")
        taken = end.take_head()
        if taken is not None:
            self._take_request(end, *taken)
            return True
        if len(end.buffer.data) > MAX_HEAD:
            return self._malformed_request(end, "a head that does not end")
        return False

    def _must_wait(self, end: Http1End) -> bool:
        is_full = bool(self._asked) and len(end.buffer.data) > MAX_REST
        if is_full or len(self._open) >= MAX_OPEN:
            self._incomplete = True
            end.lose()
            return True
        return bool(self._asked)

    def _take_request(self, end: Http1End, raw: bytes, first: Moment, last: Moment) -> None:
        head = request_head(raw)
        exchange = self._begun or self._open_exchange(first)
        self._begun = None
        frame = exchanges.take_request(exchange, head)
        asked = exchanges.asked_protocol(head)
        if asked and exchange.status is None:
            self._asked[id(exchange)] = asked
        end.exchange = exchange
        end.body = BodyReader(None if frame.chunked else frame.length or 0, frame.chunked)
        end.body.last = last
        if not head.method:
            end.body = BodyReader()

    def _read_request_body(self, end: Http1End, body: BodyReader) -> bool:
        exchange = end.exchange
        body.read(end.buffer)
        if exchange is None:
            return False
        exchange.request_length = body.seen
        if body.problem:
            exchanges.note(exchange, body.problem, "initiator")
            end.body = BodyReader()
            end.exchange = None
            return True
        if not body.done or body.last is None:
            return False
        exchanges.request_ends(exchange, body.last)
        end.body = end.exchange = None
        self._close_if_done(exchange)
        return True

    def _malformed_request(self, end: Http1End, problem: str) -> bool:
        exchange = self._begun or self._open_exchange(end.buffer.moment())
        self._begun = None
        exchanges.note(exchange, problem, "initiator")
        end.exchange, end.body = exchange, BodyReader()
        return True

    def _read_response(self) -> bool:
        end = self._responses
        if end.body is not None:
            return self._read_response_body(end, end.body)
        if not end.buffer.data or (end.lost and not end.find_again(is_request=False)):
            return False
        if self._skip_line_end(end):
            return True
        if not _may_be_status_line(end.buffer.data):
            if len(end.buffer.data) < TELLING and not self._finished:
                return False
            if self._answers_nothing():
                # What clients read as the beginning of their next request's answer.
                return self._skip_surplus(end)
            words = exchanges.not_a_status_line(bytes(end.buffer.data[:TELLING]))
            return self._malformed_response(end, words)
        taken = end.take_head()
        if taken is not None:
            self._take_response(end, *taken)
            return True
        if len(end.buffer.data) > MAX_HEAD:
            return self._malformed_response(end, "a head that does not end")
        return False

    def _take_response(self, end: Http1End, raw: bytes, first: Moment, last: Moment) -> None:
        head = status_head(raw)
        if 100 <= head.status < 200 and head.status != 101:
            if self._pending:
                self._pending[0].interim += 1
            return
        exchange = self._answered(first)
        asked = self._asked.pop(id(exchange), "")
        exchange.response_head_bytes = len(raw)
        body = exchanges.take_response(exchange, head)
        protocol = exchanges.switched_protocol(exchange, head, asked)
        if protocol:
            self._switch(exchange, protocol, last)
            return
        body.last = last
        end.exchange, end.body = exchange, body if head.status else BodyReader()

    def _read_response_body(self, end: Http1End, body: BodyReader) -> bool:
        exchange = end.exchange
        body.read(end.buffer)
        if exchange is None:
            return False
        exchange.length = body.seen
        if body.head:
            exchange.body_head = bytes(body.head)
        if body.last is not None and (body.done or body.until_close):
            exchanges.response_ends(exchange, body.last)
        if body.problem:
            exchanges.note(exchange, body.problem, "responder")
            end.body = BodyReader()
            end.exchange = None
            return True
        if not body.done:
            return False
        exchange.complete = True
        end.body = end.exchange = None
        self._close_if_done(exchange)
        return True

    def _malformed_response(self, end: Http1End, problem: str) -> bool:
        exchange = self._answered(end.buffer.moment())
        if not self._count:
            self._greeted = exchange
        self._asked.pop(id(exchange), None)
        exchanges.note(exchange, problem, "responder")
        exchange.length = 0
        end.exchange, end.body = exchange, BodyReader()
        return True

    def _answers_nothing(self) -> bool:
        return bool(self._count) and not self._pending and not self._requests.buffer.data

    def _skip_surplus(self, end: Http1End) -> bool:
        if len(end.buffer.data) > MAX_REST:
            end.body = BodyReader()
            return True
        return False

    def _answered(self, moment: Moment) -> Exchange:
        """Return the exchange that a response belongs to; a new one where no request was seen."""
        while self._responses.missed and len(self._pending) > 1:
            self._asked.pop(id(self._pending.popleft()), None)
        self._responses.missed = False
        if self._pending:
            exchange = self._pending.popleft()
        elif self._requests.buffer.data and not (self._requests.lost or self._requests.body):
            exchange = self._begun = self._open_exchange(self._requests.buffer.moment())
            self._pending.remove(exchange)
        else:
            exchange = Exchange(index=self._count, version="1.1")
            self._open[id(exchange)] = exchange
        exchanges.response_begins(exchange, moment)
        return exchange

    def _open_exchange(self, first: Moment) -> Exchange:
        exchange = self._greeted or Exchange(index=self._count, version="1.1")
        exchange.request_frame, exchange.request_time = first
        self._count += 1
        if self._greeted is None:
            self._pending.append(exchange)
        self._greeted = None
        self._open[id(exchange)] = exchange
        return exchange

    def _close_if_done(self, exchange: Exchange) -> None:
        asked_by_someone = exchange.request_frame is not None
        if exchange.complete and (exchange.request_complete or not asked_by_someone):
            exchange.local_reply = recognise(exchange)
            if self._open.pop(id(exchange), None) is not None:
                self._kept.add(exchange)

    def _switch(self, exchange: Exchange, protocol: str, last: Moment) -> None:
        exchange.upgrade = protocol
        exchange.complete = True
        exchanges.response_ends(exchange, last)
        self._upgraded = exchange
        self._hand_on(protocol)

    def _hand_on(self, protocol: str) -> bool:
        self.switched = protocol
        if protocol == WEBSOCKET:
            return False
        rest = [*self._requests.buffer.pieces(True), *self._responses.buffer.pieces(False)]
        self._rest = sorted(rest, key=moment)
        return False

    def _read_websocket(self) -> None:
        for end, frames in zip((self._responses, self._requests), self._websocket, strict=True):
            frames.read(end.buffer)
            if frames.closed and self._upgraded is not None:
                self._upgraded.websocket_close = True

    def _skip_line_end(self, end: Http1End) -> bool:
        # An empty line before a start line is to be passed over (RFC 9112 section 2.2).
        if end.buffer.data[0] not in _LINE_ENDS:
            return False
        end.buffer.drop(1)
        end.searched = 0
        return True

    def _finish_partial(self) -> None:
        requests, responses = self._requests, self._responses
        self._finished = True
        self._read()
        if requests.buffer.data and not (requests.lost or requests.body or self._asked):
            exchange = self._begun or self._open_exchange(requests.buffer.moment())
            head = request_head(bytes(requests.buffer.data).rpartition(b"\n")[0])
            if head.method:
                exchanges.take_request(exchange, head)
        is_answer = responses.buffer.data and _may_be_status_line(responses.buffer.data)
        if is_answer and not (responses.lost or responses.body):
            exchange = self._answered(responses.buffer.moment())
            exchange.response_head_bytes = len(responses.buffer.data)
            head_lines = status_head(bytes(responses.buffer.data).rpartition(b"\n")[0])
            if head_lines.status:
                exchanges.take_response(exchange, head_lines)
