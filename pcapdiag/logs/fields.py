"""What each field of a log's format puts into an entry; every product's format is made of these."""

from __future__ import annotations

import re
from collections.abc import Callable

from pcapdiag.logs.values import decimal, end, pieces, whole
from pcapdiag.model.ends import HostPort
from pcapdiag.model.logs import LogEntry
from pcapdiag.model.units import MS
from pcapdiag.protocols.http.grpc import status_number

Setter = Callable[[LogEntry, str], None]
"""Takes the text of a field that is not absent."""

MAX_TEXT = 4_000
"""Characters of a field that are kept."""
MAX_FLAGS = 16
"""Response flags of one line that are kept."""
_STATE = re.compile(r"[A-Za-z-]{2}(?:[A-Z-]{2})?")
_NO_REQUEST = "<BADREQ>"
"""HAProxy's word for a request that it could not read."""
_VERSION = re.compile(r" HTTP/\d(?:\.\d)?$")


def _forwarded(entry: LogEntry, text: str) -> None:
    """X-Forwarded-For: the last address is what the nearest proxy saw."""
    last = end(text.rpartition(",")[2].strip())
    if last is not None:
        entry.client = last
        entry.client_is_direct = False


def _client(entry: LogEntry, text: str) -> None:
    found = end(text)
    if found is not None:
        entry.client = found
        entry.client_is_direct = False


def _client_port(entry: LogEntry, text: str) -> None:
    entry.client = _with_port(entry.client, text)


def _direct(entry: LogEntry, text: str) -> None:
    found = end(text)
    if found is not None:
        port = entry.client[1] if entry.client and entry.client[0] == found[0] else 0
        entry.client = found if found[1] else (found[0], port)
        entry.client_is_direct = True


def _listener(entry: LogEntry, text: str) -> None:
    entry.listener = _real(end(text))


def _listener_port(entry: LogEntry, text: str) -> None:
    entry.listener = _with_port(entry.listener, text)


def _real(found: HostPort | None) -> HostPort | None:
    """Return an end that is an address of a host, None for 0.0.0.0 and the like."""
    return None if found is None or found[0] in ("0.0.0.0", "::") else found


def _with_port(found: HostPort | None, text: str) -> HostPort | None:
    port = whole(text)
    if found is None or found[1] or port is None or not 0 < port < 65536:
        return found
    return found[0], port


def _upstream(entry: LogEntry, text: str) -> None:
    """One address, or NGINX's list of those that were tried."""
    found = [end(piece) for piece in pieces(text)]
    ends = [one for one in found if one is not None]
    if ends:
        entry.upstreams = ends
    elif entry.upstream_name is None and not text.startswith("unix:"):
        entry.upstream_name = text


def _upstream_port(entry: LogEntry, text: str) -> None:
    if entry.upstreams:
        last = _with_port(entry.upstreams[-1], text)
        entry.upstreams = [*entry.upstreams[:-1], last or entry.upstreams[-1]]


def _upstream_local(entry: LogEntry, text: str) -> None:
    entry.upstream_local = _real(end(text))


def _upstream_local_port(entry: LogEntry, text: str) -> None:
    entry.upstream_local = _with_port(entry.upstream_local, text)


def _backend(entry: LogEntry, text: str) -> None:
    entry.upstream_name = text


def _server(entry: LogEntry, text: str) -> None:
    """HAProxy's server, behind its backend."""
    entry.upstream_name = f"{entry.upstream_name}/{text}" if entry.upstream_name else text


def _statuses(entry: LogEntry, text: str) -> None:
    entry.upstream_statuses = [whole(piece) for piece in pieces(text)]


def _status(entry: LogEntry, text: str) -> None:
    status = whole(text) if len(text) <= 4 else None
    entry.status = status if status is not None and status >= 0 else None


def _grpc_status(entry: LogEntry, text: str) -> None:
    number = status_number(text)
    entry.grpc_status = number if number is not None and number >= 0 else None


def _request(entry: LogEntry, text: str) -> None:
    """Read a request line: ``GET /path HTTP/1.1``."""
    if text == _NO_REQUEST:
        return
    method, blank, rest = text.partition(" ")
    if blank and method.isascii() and method.replace("-", "").isalpha():
        entry.method = method
        entry.target = _VERSION.sub("", rest)
    else:
        entry.target = text


def _method(entry: LogEntry, text: str) -> None:
    entry.method = text


def _target(entry: LogEntry, text: str) -> None:
    entry.target = text


def _host(entry: LogEntry, text: str) -> None:
    entry.host = text


def _other_host(entry: LogEntry, text: str) -> None:
    """The server's name, the SNI: where nothing says which host was asked for."""
    if entry.host is None and text != "_":
        entry.host = text


def _request_id(entry: LogEntry, text: str) -> None:
    entry.request_id = text


def _connection(entry: LogEntry, text: str) -> None:
    entry.connection = text


def _upstream_connection(entry: LogEntry, text: str) -> None:
    """Envoy's number of the upstream connection; 0 is none."""
    entry.upstream_connection = text if text != "0" else None


def _flags(entry: LogEntry, text: str) -> None:
    entry.flags = [flag.strip() for flag in text.split(",")[:MAX_FLAGS] if flag.strip()]


def _long_flags(entry: LogEntry, text: str) -> None:
    """RESPONSE_FLAGS_LONG, whose names are turned into the short ones."""
    if not entry.flags:
        entry.flags = [LONG_FLAGS.get(flag.strip(), flag.strip()) for flag in text.split(",")]


def is_state(text: str) -> bool:
    """Return whether a text is a termination state of HAProxy: two letters, or four."""
    return _STATE.fullmatch(text) is not None


def _state(entry: LogEntry, text: str) -> None:
    """HAProxy's termination state; what follows the first two letters is about cookies."""
    if text[:2] != "--" and is_state(text):
        entry.flags = [text[:2]]


def _details(entry: LogEntry, text: str) -> None:
    entry.details = text


def _termination(entry: LogEntry, text: str) -> None:
    if entry.details is None:
        entry.details = text


def _transport(entry: LogEntry, text: str) -> None:
    entry.transport_failure = text


def _message(entry: LogEntry, text: str) -> None:
    entry.message = text


def _duration(scale: int) -> Setter:
    def put(entry: LogEntry, text: str) -> None:
        value = decimal(text.removeprefix("+"))
        if value is not None and value >= 0:
            entry.duration = round(value * scale)

    return put


def _number(name: str, unit: float = 1.0) -> Setter:
    """Return what keeps a measured number; a negative one says that it was not reached."""

    def put(entry: LogEntry, text: str) -> None:
        value = decimal(text.removeprefix("+"))
        if value is not None:
            entry.numbers[name] = value * unit if value >= 0 else -1.0

    return put


def _last(name: str) -> Setter:
    """Return what keeps the last try's number of NGINX's list; ``-`` was not reached."""

    def put(entry: LogEntry, text: str) -> None:
        last = pieces(text)[-1]
        value = -1.0 if last == "-" else decimal(last)
        if value is not None:
            entry.numbers[name] = value

    return put


def _attempts(entry: LogEntry, text: str) -> None:
    attempts = whole(text)
    if attempts:
        entry.numbers["retries"] = float(attempts - 1)


LONG_FLAGS = {
    "UpstreamConnectionFailure": "UF",
    "UpstreamConnectionTermination": "UC",
    "UpstreamRemoteReset": "UR",
    "LocalReset": "LR",
    "NoHealthyUpstream": "UH",
    "UpstreamOverflow": "UO",
    "UpstreamRequestTimeout": "UT",
    "UpstreamProtocolError": "UPE",
    "UpstreamMaxStreamDurationReached": "UMSDR",
    "UpstreamRetryLimitExceeded": "URX",
    "NoRouteFound": "NR",
    "NoClusterFound": "NC",
    "DownstreamConnectionTermination": "DC",
    "DownstreamProtocolError": "DPE",
    "DownstreamRemoteReset": "DR",
    "DurationTimeout": "DT",
    "StreamIdleTimeout": "SI",
    "DelayInjected": "DI",
    "FaultInjected": "FI",
    "RateLimited": "RL",
    "RateLimitServiceError": "RLSE",
    "UnauthorizedExternalService": "UAEX",
    "InvalidEnvoyRequestHeaders": "IH",
    "FailedLocalHealthCheck": "LH",
    "ResponseFromCacheFilter": "RFCF",
    "NoFilterConfigFound": "NFCF",
    "OverloadManagerTerminated": "OM",
    "DnsResolutionFailed": "DF",
    "DropOverload": "DO",
    "UnconditionalDropOverload": "UDO",
}
"""Envoy's ``source/common/stream_info/utility.h``."""

FIELDS: dict[str, Setter] = {
    "forwarded": _forwarded,
    "client": _client,
    "client_port": _client_port,
    "direct": _direct,
    "direct_port": _client_port,
    "listener": _listener,
    "listener_port": _listener_port,
    "backend": _backend,
    "server": _server,
    "upstream": _upstream,
    "upstream_port": _upstream_port,
    "upstreams": _upstream,
    "upstream_local": _upstream_local,
    "upstream_local_port": _upstream_local_port,
    "upstream_statuses": _statuses,
    "status": _status,
    "grpc_status": _grpc_status,
    "request": _request,
    "method": _method,
    "target": _target,
    "host": _host,
    "other_host": _other_host,
    "request_id": _request_id,
    "connection": _connection,
    "upstream_connection": _upstream_connection,
    "flags": _flags,
    "long_flags": _long_flags,
    "state": _state,
    "details": _details,
    "termination": _termination,
    "transport": _transport,
    "message": _message,
    "duration_ms": _duration(MS),
    "duration_s": _duration(1000 * MS),
    "received": _number("received"),
    "sent": _number("sent"),
    "retries": _number("retries"),
    "attempts": _attempts,
    "connect_ms": _number("connect", 0.001),
    "queue_ms": _number("queue", 0.001),
    "header_ms": _number("header", 0.001),
    "connect_s": _last("connect"),
    "header_s": _last("header"),
    "response_s": _last("response"),
}
"""By name, in the order in which they are put in: what comes later knows better."""
RANKS = {name: rank for rank, name in enumerate(FIELDS)}
ABSENT = frozenset({"", "-"})
"""Texts for what a line does not have."""
DASH_SPEAKS = frozenset({"connect_s", "header_s", "response_s"})
"""Fields of which ``-`` says something: not reached."""
