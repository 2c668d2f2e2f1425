"""The report's members about proxies' logs: what a line said of a connection, and each log."""

from typing import Literal

import msgspec


class LogLine(msgspec.Struct, kw_only=True):
    """What a proxy logged of a request, beside what the wire shows of the connection.

    Texts are masked like a request in the capture. Times are decimal strings of seconds since the
    epoch, by the log's own clock; durations seconds.
    """

    product: Literal["envoy", "nginx", "haproxy"]
    kind: Literal["access", "error"]
    file: str
    line: int
    time: str
    duration: float | None = None
    leg: Literal["downstream", "upstream"] = "downstream"
    """Whether the connection is the proxy's downstream or its upstream one."""
    client: str | None = None
    upstream: str | None = None
    upstream_local: str | None = None
    request_id: str | None = None
    method: str | None = None
    target: str | None = None
    host: str | None = None
    status: int | None = None
    grpc_status: int | None = None
    flags: list[str] = []
    details: str | None = None
    reset_reason: str | None = None
    transport_failure: str | None = None
    message: str | None = None
    tied_by: list[str] = []
    """What the line and the connection share: ``client``, ``upstream``, ``upstream_local``,
    ``request_id``, ``request``, ``status``, ``connection``, ``time``; ``other_leg`` alone where
    the connection of the proxy's other leg has the line, and the capture shows both legs to be of
    one request."""
    apart: float | None = None
    """Seconds between the moment that the line tells and the same one in the capture, after the
    log's ``clock_offset``."""
    agrees: bool | None = None
    """Whether the line says what the wire shows; None where it cannot tell."""
    why: str = ""
    """In words: what the line leaves open and the wire decides, or why they disagree."""


class LogFile(msgspec.Struct, kw_only=True):
    """One log: what it holds, how much of it was found in the capture, and its clock.

    ``clock_offset`` (seconds) added to a time of the log gives the capture's; the true value lies
    within ``clock_error`` of it. Both are None where no line was tied by more than time.
    """

    path: str
    product: Literal["envoy", "nginx", "haproxy"]
    kind: Literal["access", "error", "mixed"]
    form: str = ""
    """Which format was read."""
    lines: int = 0
    unread: int = 0
    """Lines in no format that is known."""
    first_time: str | None = None
    last_time: str | None = None
    failed: int = 0
    """Lines that tell of a failure."""
    tied: int = 0
    """Of those, lines tied to a connection of the capture."""
    outside: int = 0
    """Of those, lines of a time before or after the capture."""
    without_connection: int = 0
    """Of those, lines within the capture's time that no connection of it fits."""
    ambiguous: int = 0
    """Of those, lines that several connections fit equally well: tied to none."""
    clock_offset: float | None = None
    clock_error: float | None = None
    examples: list[LogLine] = []
    """The first lines without a connection."""
    notes: list[str] = []


class Logs(msgspec.Struct, kw_only=True):
    """The logs that were read with the capture."""

    files: list[LogFile] = []
    disagreeing: int = 0
    """Connections whose line says something else than the wire shows."""
    failures_without_line: int = 0
    """Failed connections and requests at a logged proxy, within the logs' time, without a line."""
