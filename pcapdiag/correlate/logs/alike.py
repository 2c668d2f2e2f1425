"""Whether a line and a connection can be of one request, as far as both say what they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pcapdiag.correlate.logs.wire import WireConnection, WireRequest
from pcapdiag.model.ends import HostPort
from pcapdiag.model.logs import LogEntry

NO_ANSWER = (0, 408, 499)
"""Statuses that are logged of a client that left, or took too long."""


def is_same_request(entry: LogEntry, request: WireRequest) -> bool:
    """Return whether a line names the request: target, method and host where both have one."""
    if entry.target != request.target or entry.method not in (None, request.method):
        return False
    if not (entry.host and request.host):
        return True
    return entry.host.lower() == request.host.lower() or _bare(entry.host) == _bare(request.host)


def is_of_it(entry: LogEntry, request: WireRequest) -> bool:
    """Return whether a line of a connection is of a request: by name, or both could not read it."""
    unread = request.target is None and entry.status is not None
    return is_same_request(entry, request) or (unread and entry.status == request.status)


def _bare(host: str) -> str:
    return host.lower().partition(":")[0]


def contradicts(entry: LogEntry, request: WireRequest) -> bool:
    """Return whether line and capture tell two answers. A client that left had none."""
    if _differ(entry.grpc_status, request.grpc_status):
        return True
    if entry.status is None or request.status is None:
        return False
    return entry.status not in (*NO_ANSWER, request.status)


def _differ(said: int | None, shown: int | None) -> bool:
    return said is not None and shown is not None and said != shown


def is_answered_so(entry: LogEntry, request: WireRequest) -> bool:
    """Return whether a request failed, and with the answer that a line tells."""
    if entry.status is None:
        return bool(request.decided)
    if entry.status in NO_ANSWER:
        return bool(request.decided) and not contradicts(entry, request)
    return entry.status == request.status and not _differ(entry.grpc_status, request.grpc_status)


def is_client(entry: LogEntry, wire: WireConnection) -> bool:
    """Return whether a connection may come from the client that a line names."""
    if entry.client is None or not entry.client_is_direct:
        return True
    return any(is_same_end(entry.client, end) for end in wire.initiators)


def is_listener(entry: LogEntry, wire: WireConnection) -> bool:
    """Return whether a connection came to where the line says; behind a DNAT one part differs."""
    if entry.listener is None:
        return True
    address, port = entry.listener
    return any(address == ip or port == number for ip, number in wire.responders)


def is_same_end(named: HostPort, end: HostPort) -> bool:
    """Return whether an end is the one that is named, perhaps without its port."""
    return named[0] == end[0] and named[1] in (0, end[1])


def ranks(entries: Sequence[LogEntry]) -> Iterator[int]:
    """Yield for each line how many before it have the same time, request and upstream."""
    seen: Counter[tuple[object, ...]] = Counter()
    for entry in entries:
        what = entry.time, entry.method, entry.target, *entry.upstreams[-1:]
        yield seen[what]
        seen[what] += 1
