"""Failures of two legs written by hand: times in milliseconds from one moment."""

from __future__ import annotations

from typing import TypedDict, Unpack

from msgspec.structs import replace

from pcapdiag.correlate.causes import join_legs
from pcapdiag.correlate.leg_failure import LegFailure
from pcapdiag.model.ends import Actor

CLIENT, OTHER_CLIENT = "10.0.0.9", "10.0.0.8"
FRONT, BACK, UPSTREAM = "10.0.1.5", "10.0.1.5", "10.0.2.7"
MS = 1_000_000
BASE = 1_700_000_000_000 * MS


class Fields(TypedDict, total=False):
    """Of ``LegFailure``: what differs from the usual case."""

    opener: str
    answerer: str
    answerer_port: int
    code: str
    phase: str | None
    since: int
    by: Actor | None
    side: Actor | None
    came_up: bool
    last_try: int
    exchange: int | None
    method: str | None
    target: str | None
    request_id: str | None
    trace: str | None
    status: int | None
    grpc_status: int | None
    product: str
    reason: str
    handed_on: bool
    by_name: bool
    same_as: int | None
    health_check: bool
    suspected: bool


def at(ms: float) -> int:
    """Return a time; 0 stays 0 (nobody decided)."""
    return BASE + round(ms * MS) if ms else 0


def reply(
    stream: int = 0,
    *,
    asked: float = 10,
    decided: float = 20,
    client: str = CLIENT,
    **more: Unpack[Fields],
) -> LegFailure:
    """Return a client's request that its proxy answered 503 by itself."""
    made = LegFailure(
        stream=stream,
        opener=client,
        answerer=FRONT,
        answerer_port=80,
        code="http.local_reply",
        phase="before_response",
        since=at(asked),
        asked=at(asked),
        decided=at(decided),
        frame=int(decided),
        by="responder",
        exchange=0,
        status=503,
        product="envoy",
        reason="connection failure",
    )
    return replace(made, **more)


def refused(
    stream: int = 1, *, asked: float = 11, decided: float = 19, **more: Unpack[Fields]
) -> LegFailure:
    """Return a call of the proxy that its upstream refused."""
    made = LegFailure(
        stream=stream,
        opener=BACK,
        answerer=UPSTREAM,
        answerer_port=8080,
        code="tcp.connection_refused",
        phase="connect",
        since=at(asked),
        asked=at(asked),
        decided=at(decided),
        frame=int(decided),
        by="responder",
        came_up=False,
        last_try=at(asked),
    )
    return replace(made, **more)


def dropped(stream: int = 1, *, asked: float = 11, **more: Unpack[Fields]) -> LegFailure:
    """Return a call of the proxy that nothing answered."""
    silent = refused(stream, asked=asked, decided=0, code="tcp.connection_timeout", by=None)
    return replace(silent, **{"decided": 0, "frame": int(asked), **more})


def reset(
    stream: int = 1, *, asked: float = 11, decided: float = 19, **more: Unpack[Fields]
) -> LegFailure:
    """Return a call of the proxy that was reset before its answer."""
    established = refused(stream, asked=asked, decided=decided, code="tcp.reset_before_response")
    return replace(established, **{"phase": "before_response", "came_up": True, **more})


def causes(*failures: LegFailure, own: frozenset[str] = frozenset()) -> dict[int, list[int]]:
    """Streams of the causes by stream of the failure."""
    found = join_legs(failures, own).explained
    return {stream: [one.stream for one in why.causes] for (stream, _), why in found.items()}
