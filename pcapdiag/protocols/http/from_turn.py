"""An exchange of HTTP/1 as far as a turn's first and last bytes tell.

For connections of which only a story's turn was kept (model/story.py): the first bytes of the last
request and of its answer, the answer's last 16, and how many there were.
"""

from __future__ import annotations

import re

from pcapdiag.model.application import Piece
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Turn
from pcapdiag.protocols.http import http1_exchange as exchanges
from pcapdiag.protocols.http.body import BodyReader, framing
from pcapdiag.protocols.http.heads import StatusHead, head_end, request_head, status_head
from pcapdiag.protocols.http.local_reply import recognise
from pcapdiag.protocols.http.sniff import speaks
from pcapdiag.protocols.packet_buffer import Moment, PacketBuffer

_LAST_CHUNK = b"\r\n0\r\n\r\n"
_HEAD_END = b"\r\n\r\n"
_STATUS_LINE = b"HTTP/"
_STATUS_BEGUN = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")


def exchange_from_turn(turn: Turn) -> Exchange | None:
    """Return the turn as an exchange, or None where neither end speaks HTTP/1.

    Its ``index`` counts turns. A chunked body's ``length`` includes what frames the chunks. An
    answer that does not fit the first bytes is complete where its length or its last bytes say so.
    """
    is_request = speaks(turn.request_head, from_initiator=True) == "http1"
    if not is_request and not turn.response_head.startswith(_STATUS_LINE):
        return None
    exchange = Exchange(index=max(0, turn.index - 1), version="1.1")
    if is_request:
        _take_request(exchange, turn)
    if turn.response_bytes:
        exchanges.response_begins(exchange, Moment(turn.response_frame, turn.response_time))
        _take_response(exchange, turn)
    exchange.local_reply = recognise(exchange)
    return exchange


def _take_request(exchange: Exchange, turn: Turn) -> None:
    exchange.request_frame, exchange.request_time = turn.request_frame, turn.request_time
    head, size = _whole_lines(turn.request_head)
    frame = exchanges.take_request(exchange, request_head(head))
    exchange.request_length = max(0, turn.request_bytes - size)
    is_whole = head_end(turn.request_head) >= 0
    if frame.chunked or not is_whole:
        # Its end is not among the bytes that were kept: an answer is what shows it.
        has_ended = turn.response_bytes > 0
    else:
        has_ended = exchange.request_length >= (frame.length or 0)
    if has_ended:
        moment = Moment(turn.request_last_frame, turn.request_last_time)
        exchanges.request_ends(exchange, moment)


def _take_response(exchange: Exchange, turn: Turn) -> None:
    if _STATUS_LINE.startswith(turn.response_head):
        # Lost or cut off: nothing says what it was.
        exchange.length, exchange.end_unknown = turn.response_bytes, True
        return
    if not turn.response_head.startswith(_STATUS_LINE):
        exchanges.note(exchange, exchanges.not_a_status_line(turn.response_head), "responder")
        exchange.length = turn.response_bytes
        return
    head, begins, size = _final_head(exchange, turn.response_head)
    if head is None:
        _take_cut_status_line(exchange, turn, begins)
        return
    body = exchanges.take_response(exchange, head)
    protocol = exchanges.switched_protocol(exchange, head, asked="")
    exchange.response_head_bytes = size
    is_whole = head_end(turn.response_head[begins:]) >= 0
    exchange.length = max(0, turn.response_bytes - begins - size)
    _read_body_head(exchange, body, turn, begins + size)
    if protocol:
        exchange.upgrade, exchange.complete = protocol, True
    elif is_whole:
        exchange.complete = _is_complete(exchange, head, body, turn)
        exchange.end_unknown = not exchange.complete and _tail_says_nothing(head, body, turn)
    else:
        # What would frame the body may stand in the rest of the head.
        exchange.until_close = False
        exchange.end_unknown = turn.response_bytes > len(turn.response_head)
    if exchange.complete:
        moment = Moment(turn.response_last_frame, turn.response_last_time)
        exchanges.response_ends(exchange, moment)


def _final_head(exchange: Exchange, data: bytes) -> tuple[StatusHead | None, int, int]:
    """Return the final response's head, where it begins and its bytes; interim ones are counted.

    None where not even its first line was kept whole.
    """
    begins = 0
    while data[begins:]:
        raw, size = _whole_lines(data[begins:])
        if not raw:
            return None, begins, size
        head = status_head(raw)
        if not 100 <= head.status < 200 or head.status == 101:
            return head, begins, size
        exchange.interim += 1
        begins += size
    return None, begins, 0


def _take_cut_status_line(exchange: Exchange, turn: Turn, begins: int) -> None:
    exchange.end_unknown = turn.response_bytes > len(turn.response_head)
    digits = _STATUS_BEGUN.match(turn.response_head[begins:])
    if digits is not None and int(digits[1]) >= 200:
        exchange.status, exchange.length = int(digits[1]), 0


def _read_body_head(exchange: Exchange, body: BodyReader, turn: Turn, begins: int) -> None:
    buffer = PacketBuffer()
    part = turn.response_head[begins:]
    buffer.append(Piece(False, turn.response_frame, turn.response_time, part))
    body.read(buffer)
    exchange.body_head = bytes(body.head)
    exchanges.note(exchange, body.problem, "responder")


def _is_complete(exchange: Exchange, head: StatusHead, body: BodyReader, turn: Turn) -> bool:
    if body.done or body.problem:
        return body.done
    frame = framing(head.fields)
    if frame.chunked:
        return turn.response_tail.endswith(_LAST_CHUNK)
    return frame.length is not None and (exchange.length or 0) >= frame.length


def _tail_says_nothing(head: StatusHead, body: BodyReader, turn: Turn) -> bool:
    """Return whether the last chunk may have come and not be seen: bytes missing, or trailers."""
    was_kept = turn.response_bytes <= len(turn.response_head)
    if was_kept or body.problem or not framing(head.fields).chunked:
        return False
    return not turn.response_tail or turn.response_tail.endswith(_HEAD_END)


def _whole_lines(data: bytes) -> tuple[bytes, int]:
    """Return a head, or the lines of it that are whole, and how many bytes of it were seen."""
    end = head_end(data)
    if end >= 0:
        return data[:end], end
    return data[: data.rfind(b"\n") + 1], len(data)
