"""What of a reported connection a log's line can be compared with: ends, times, requests."""

from __future__ import annotations

import msgspec

from pcapdiag.model.ends import HostPort, parse_end
from pcapdiag.model.report import Connection, Verdict, label_of
from pcapdiag.model.units import parse_seconds

Key = tuple[str, int]
"""A connection's point (empty for the first, or the only one) and stream."""


class WireRequest(msgspec.Struct, frozen=True):
    """One request of a connection. Times are ns since the epoch, 0 where not known."""

    index: int
    asked: int = 0
    decided: int = 0
    """When it failed; 0 where it did not."""
    method: str | None = None
    target: str | None = None
    host: str | None = None
    status: int | None = None
    grpc_status: int | None = None
    request_id: str | None = None


class WireConnection(msgspec.Struct, frozen=True):
    """One connection; with several capture points, with the ends that each of them shows."""

    key: Key
    initiators: tuple[HostPort, ...]
    responders: tuple[HostPort, ...]
    start: int
    end: int
    code: str
    failed: bool
    phase: str | None = None
    ended_by: str | None = None
    side: str = "unknown"
    decided: int = 0
    """When it failed; 0 where it did not, or nobody ended it."""
    came_up: bool = True
    requests: tuple[WireRequest, ...] = ()
    causes: tuple[Key, ...] = ()
    is_twin: bool = False
    """The same connection behind NAT: another one of the capture is it."""

    @property
    def is_silent(self) -> bool:
        """True where nobody ended it: given up in silence."""
        return self.failed and not self.decided


def wire_of(connection: Connection) -> WireConnection:
    """Return what logs are compared with of a connection as it is reported."""
    verdict = connection.verdict
    initiator, responder = connection.initiator, connection.responder
    seen = connection.seen_at
    starts = [(initiator.ip, initiator.port), *(parse_end(one.initiator) for one in seen)]
    ends = [(responder.ip, responder.port), *(parse_end(one.responder) for one in seen)]
    return WireConnection(
        key=key_of(connection),
        initiators=tuple(dict.fromkeys(starts)),
        responders=tuple(dict.fromkeys(ends)),
        start=parse_seconds(connection.start),
        end=parse_seconds(connection.end),
        code=verdict.code,
        failed=verdict.failed,
        phase=verdict.phase,
        ended_by=verdict.ended_by,
        side=verdict.attribution.side,
        decided=_decided(verdict),
        came_up=verdict.phase != "connect",
        requests=tuple(_requests(connection)),
        causes=tuple((label_of(cause.point), cause.stream) for cause in connection.causes),
        is_twin=connection.same_as is not None,
    )


def key_of(connection: Connection) -> Key:
    """Return what names a connection within its report."""
    return label_of(connection.point), connection.stream


def _decided(verdict: Verdict) -> int:
    if not verdict.failed or verdict.ended_by is None or not verdict.time:
        return 0
    return parse_seconds(verdict.time)


def _requests(connection: Connection) -> list[WireRequest]:
    if connection.http is None:
        return []
    verdicts = (connection.verdict, *connection.other_failures)
    failed = {one.exchange: one for one in verdicts if one.failed and one.time}
    found = []
    for one in connection.http.exchanges:
        verdict = failed.get(one.index)
        found.append(
            WireRequest(
                index=one.index,
                asked=parse_seconds(one.request_time) if one.request_time else 0,
                decided=parse_seconds(verdict.time) if verdict else 0,
                method=one.method,
                target=one.target,
                host=one.host,
                status=one.status,
                grpc_status=one.grpc.status if one.grpc else None,
                request_id=one.request_id,
            )
        )
    return found
