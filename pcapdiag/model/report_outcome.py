"""What became of one of many captures: its own line in ``pcapdiag-line/1``."""

from typing import Literal

import msgspec

OutcomeStatus = Literal["examined", "error", "timeout", "memory", "crash"]
"""``error``: nothing could be read; ``timeout`` and ``memory``: the limit that ended it; ``crash``:
its process ended, by a signal or a fault of ours."""


class UpstreamCount(msgspec.Struct, kw_only=True):
    """Failed connections of one kind that called one upstream.

    One that failed for what happened on another leg counts there, as in ``by_party``. ``upstream``
    is an address and port, null where the call was to a proxy and no call of the proxy's own is
    known to be the cause.
    """

    code: str
    party: str
    upstream: str | None
    connections: int


class Tally(msgspec.Struct, kw_only=True):
    """The numbers of a capture that a summary of many adds up."""

    packets: int = 0
    bytes: int = 0
    connections: int = 0
    failed: int = 0
    failed_requests: int = 0
    by_verdict: dict[str, int] = {}
    failures: dict[str, int] = {}
    """Failed connections by verdict."""
    by_party: dict[str, int] = {}
    resets: dict[str, int] = {}
    """Connections' RST segments by the party that sent them."""
    upstreams: list[UpstreamCount] = []
    findings: dict[str, int] = {}
    """By code."""
    severities: dict[str, int] = {}
    """Findings by severity."""
    carried: int = 0
    """Packets of connections that began in earlier files of a rotated set, and were counted there.
    Frames count from them: the file's own first packet is frame ``carried`` + 1."""
    complete: bool = True
    """False when a file was damaged: what came before the damage counts."""


class CaptureOutcome(Tally, kw_only=True):
    """What became of one capture; the numbers are 0 unless it was examined."""

    names: list[str] = []
    """All places at which this content was found, in order."""
    sha256: str | None = None
    """Of the bytes as stored; of several files, of their digests in hex, sorted, a line each."""
    status: OutcomeStatus = "examined"
    reason: str = ""
    """Why it was not examined."""
