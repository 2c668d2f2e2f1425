"""What one line of a proxy's log says of one request or connection, whatever the log's format."""

from __future__ import annotations

from typing import Literal

import msgspec

from pcapdiag.model.ends import HostPort

Product = Literal["envoy", "nginx", "haproxy"]
PRODUCTS: tuple[Product, ...] = ("envoy", "nginx", "haproxy")


class LogSource(msgspec.Struct, frozen=True, kw_only=True):
    """A log that the user named, as ``--log envoy=access.log``."""

    product: Product
    path: str
    form: str = ""
    """The log's own format string, where it is not one of the usual ones."""


class LogEntry(msgspec.Struct, kw_only=True):
    """One line of a log, or several that belong together. Absent is None or empty."""

    product: Product
    kind: Literal["access", "error"]
    file: str
    line: int
    """The first line's number, from 1, in the (decompressed) file."""
    time: int
    """Nanoseconds since the epoch, by the log's clock: when the request began for access logs of
    Envoy and HAProxy, when it was logged for those of NGINX (``begin`` says which). A local time
    without a zone counts as UTC until ``LogFile.clock_offset`` tells the zone, too."""
    resolution: int
    """Nanoseconds: 1_000_000 for milliseconds, 1_000_000_000 for seconds."""
    begin: bool = True
    """``time`` is when the request began, and not when it was logged."""
    zoned: bool = True
    """False where the line does not say in which time zone its time is."""
    duration: int | None = None
    """Nanoseconds from the request's begin to its end."""
    failed: bool = False
    """The line tells of a failure: a status of 500 and above, below 100, 499 or 408, a response
    flag, a gRPC status that tells of one, a HAProxy termination state other than ``--``, a try that
    failed before another did not, an error message about a connection."""
    client: HostPort | None = None
    """The downstream connection's remote end."""
    client_is_direct: bool = True
    """False where it may come from a header (X-Forwarded-For, PROXY) and not from the socket: so
    for every field but those that never do (Envoy's DOWNSTREAM_DIRECT_REMOTE_ADDRESS, NGINX's
    ``$realip_remote_addr``, HAProxy's ``fc_src``)."""
    listener: HostPort | None = None
    """The downstream connection's local end."""
    upstreams: list[HostPort] = []
    """Upstream addresses tried, in order; several with retries."""
    upstream_local: HostPort | None = None
    """The proxy's own end of the (last) upstream connection."""
    upstream_name: str | None = None
    """Cluster, backend/server or upstream block, where the log has that and no address."""
    connection: str | None = None
    """The proxy's own number of the downstream connection."""
    upstream_connection: str | None = None
    request_id: str | None = None
    method: str | None = None
    target: str | None = None
    """Path and query as logged: not masked yet."""
    host: str | None = None
    """:authority, Host, or the SNI of a TCP proxy's connection."""
    status: int | None = None
    upstream_statuses: list[int | None] = []
    """One for each of ``upstreams``, where the log has them (NGINX)."""
    grpc_status: int | None = None
    """The number of a gRPC status, whether the line has the number or the name."""
    flags: list[str] = []
    """Envoy's response flags; the first two letters of HAProxy's termination state, not ``--``."""
    details: str | None = None
    """Envoy's RESPONSE_CODE_DETAILS."""
    reset_reason: str | None = None
    """The part of the details that says how the upstream connection went, with underscores."""
    transport_failure: str | None = None
    """Envoy's UPSTREAM_TRANSPORT_FAILURE_REASON or DOWNSTREAM_TRANSPORT_FAILURE_REASON."""
    message: str | None = None
    """NGINX's error message up to ``, client:``; other lines of HAProxy."""
    numbers: dict[str, float] = {}
    """What else was measured, seconds and bytes: ``connect``, ``queue``, ``header``, ``received``,
    ``sent``, ``retries``; -1 where the log says that it was not reached."""
