"""A failure as one line of steps: what was sent when, across both legs where a cause is known."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from pcapdiag.model.failed_request import failed_exchange
from pcapdiag.model.report import Connection, PointLabel, TimelineEntry
from pcapdiag.model.report_http import HttpExchange
from pcapdiag.model.units import counted
from pcapdiag.report import words
from pcapdiag.report.clock import between, duration
from pcapdiag.report.escape import shown
from pcapdiag.report.points import ONE_PLACE, Places

MAX_TRIES = 3
"""Tries on the other leg that are told, the last ones."""


class Step(msgspec.Struct, frozen=True):
    """One step: a frame, what happened, and when (empty where that is not known)."""

    frame: int | None
    text: str
    time: str
    point: PointLabel = UNSET


def own_timeline(connection: Connection) -> list[TimelineEntry]:
    """Return the timeline of the point whose numbers the connection has."""
    return [entry for entry in connection.timeline if entry.point == connection.point]


def packets(connection: Connection, places: Places = ONE_PLACE) -> str:
    """Return the connection's own timeline in one line."""
    return _joined(
        [
            Step(
                entry.frame,
                f"{words.sender(connection, entry.from_)} {shown(entry.event)}",
                entry.time,
                entry.point,
            )
            for entry in own_timeline(connection)
        ],
        places,
    )


def both_legs(connection: Connection, places: Places = ONE_PLACE) -> str:
    """Return the request, what became of it on the other leg, and how it ended here."""
    times = {entry.frame: entry.time for entry in own_timeline(connection)}
    exchange = failed_exchange(connection)
    steps = [_beginning(connection, exchange)]
    left_out = len(connection.causes) - MAX_TRIES
    if left_out > 0:
        steps.append(Step(None, counted(left_out, "earlier try", "earlier tries"), ""))
    end = _end(connection, exchange, times)
    for cause in connection.causes[-MAX_TRIES:]:
        what = f"{cause.code} at {shown(cause.endpoint)}"
        if end.time and cause.time and between(end.time, cause.time) > 0:
            # Nobody waited for its end: packets were still repeated when this leg was answered.
            until = f"until {_at(cause.point, places)}#{cause.frame}"
            steps.append(Step(None, f"{what} (stream {cause.stream}, {until})", ""))
        else:
            text = f"{what} (stream {cause.stream})"
            steps.append(Step(cause.frame, text, cause.time, cause.point))
    if (end.frame or 0) > (steps[0].frame or 0):
        steps.append(end)
    return _joined(_in_order(steps), places)


def _in_order(steps: list[Step]) -> list[Step]:
    """Return steps by their frames: a call may be older than a request that waited for it."""
    if any(step.frame is None or step.point != steps[0].point for step in steps):
        return steps
    return sorted(steps, key=lambda step: step.frame or 0)


def _end(connection: Connection, exchange: HttpExchange | None, times: dict[int, str]) -> Step:
    """Return how the client's leg ended: its answer, a gRPC call's status, or its last frame."""
    last, text = max(connection.verdict.frames, default=0), "end of this leg"
    if exchange is not None and exchange.grpc is not None and exchange.grpc.status:
        text = f"grpc-status {exchange.grpc.status}"
    elif exchange is not None and (exchange.response_frame or 0) >= last:
        last, text = exchange.response_frame or 0, str(exchange.status or "answer")
    return Step(last, text, times.get(last, ""), connection.point)


def _beginning(connection: Connection, exchange: HttpExchange | None) -> Step:
    if exchange is None or exchange.request_frame is None:
        return Step(connection.first_frame, "connection", connection.start, connection.point)
    return Step(exchange.request_frame, "request", exchange.request_time or "", connection.point)


def _joined(steps: list[Step], places: Places) -> str:
    told, before = [], ""
    for step in steps:
        text = step.text
        if step.frame is not None:
            text = f"{_at(step.point, places)}#{step.frame} {text}"
        if before and step.time:
            text += f" +{duration(max(between(before, step.time), 0.0))}"
        told.append(text)
        before = step.time or before
    return " > ".join(told)


def _at(point: PointLabel, places: Places) -> str:
    return f"{places.label(point)} " if places.several else ""
