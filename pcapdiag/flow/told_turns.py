"""Requests and answers of a story: their bounds and first bytes, from the tracker's numbers."""

from __future__ import annotations

from typing import Any

from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.story import Turn

BLANKED = 4
"""Zeros from which on they are no payload; protocols that begin so are none that is read here."""


def last_turn(tracker: Tracker, flow: Flow, initiator: HalfFlow, responder: HalfFlow) -> Turn:
    """Return a connection's last request and what came back."""
    turn = Turn(
        index=flow.turn_index,
        gap=flow.turn_gap,
        request_frame=flow.request_frame,
        request_time=flow.request_time,
        request_last_frame=flow.request_last_frame,
        request_last_time=flow.request_last_time,
        request_bytes=flow.request_bytes,
        request_acked=flow.request_acked_time > 0,
        request_acked_time=flow.request_acked_time,
        response_frame=flow.response_frame,
        response_time=flow.response_time,
        response_bytes=flow.response_bytes,
    )
    if flow.turn_index == 0:
        return turn
    turn.request_head = _head(tracker, initiator)
    if flow.response_bytes:
        turn.response_last_frame = flow.response_last_frame
        turn.response_last_time = flow.response_last_time
        turn.response_head = _head(tracker, responder)
        acked = initiator.highest_ack
        turn.response_acked = acked >= 0 and _reached(acked, responder)
        if responder.tail_length and responder.tail_end == _end_of_data(responder):
            tail = (responder.tail_high << 64) | responder.tail_low
            turn.response_tail = _written(tail.to_bytes(16, "big")[16 - responder.tail_length :])
    return turn


def noted_turn(row: tuple[Any, ...]) -> Turn:
    """Return an earlier request and its answer, of which note was taken."""
    names = (
        "index", "gap", "request_frame", "request_time", "request_last_frame", "request_last_time",
        "request_bytes", "response_frame", "response_time", "response_last_frame",
        "response_last_time", "response_bytes", "request_head", "response_head", "response_tail",
    )  # fmt: skip
    values: list[Any] = [_written(value) if isinstance(value, bytes) else value for value in row]
    # The initiator went on to the next request: this one's answer had reached it.
    return Turn(**dict(zip(names, values, strict=True)), request_acked=True, response_acked=True)


def _end_of_data(f: HalfFlow) -> int:
    return (f.last_data_seq + f.last_data_length) & 0xFFFFFFFF


def _reached(ack: int, f: HalfFlow) -> bool:
    return (ack - _end_of_data(f)) & 0xFFFFFFFF < 0x80000000


def _head(tracker: Tracker, f: HalfFlow) -> bytes:
    if f.turn_seq < 0:
        return b""
    if f.turn_seq == f.hello_seq:
        return hello(tracker, f)
    if f.head_slot < 0:
        return b""
    return _written(tracker.turns.heads.read(f.head_slot, f.head_length))


def hello(tracker: Tracker, f: HalfFlow) -> bytes:
    """Return the first bytes that an end sent."""
    if f.hello_slot < 0:
        return b""
    return _written(tracker.turns.heads.read(f.hello_slot, f.hello_length))


def _written(payload: bytes) -> bytes:
    """Return payload, and nothing in place of zeros: what anonymizers blank is as if cut off."""
    return payload if len(payload) < BLANKED or payload.strip(b"\0") else b""
