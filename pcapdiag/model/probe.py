"""What ``pcapdiag probe`` is asked, and what it found: the document ``pcapdiag-probe/1``.

Times are decimal strings of seconds since the epoch, as the report's; durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from pcapdiag.model.report import Generator

Status = Literal["ok", "failed", "info", "skipped"]
CheckName = Literal[
    "dns", "tcp", "proxy_header", "tls", "tls_unverified", "tls_version", "alpn", "http2", "http"
]
Side = Literal["here", "server", "path", "unknown"]


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What a user asks of one probe."""

    host: str
    """A name or an address, without brackets."""
    port: int
    address: str | None = None
    """The address to connect to: the name is then not looked up."""
    sni: str | None = None
    """The server name to send and to hold the certificate against; None: ``host``."""
    alpn: tuple[str, ...] = ()
    """Protocols that the server must take, each on its own."""
    tls: bool | None = None
    """Whether the port speaks TLS; None: it is tried, and no failure where it does not."""
    starttls: str | None = None
    """The protocol in which TLS begins when asked (smtp, imap ...)."""
    http2: bool = False
    http_path: str | None = None
    """With it one ``GET`` is sent."""
    http_host: str | None = None
    """The Host header of that request; None: the server name."""
    proxy_protocol: bool = False
    client_cert: str | None = None
    client_key: str | None = None
    ca: str | None = None
    """File with the certificates to trust; None: the system's."""
    timeout: float = 5.0
    """Seconds that one step (a lookup, a connect, a handshake, an answer) may take."""

    @property
    def name(self) -> str:
        """The name that the server is asked for: without a zone or a last dot."""
        return self.sni or self.host.partition("%")[0].rstrip(".")

    @property
    def wants_tls(self) -> bool:
        """Whether an option says that the port speaks TLS."""
        chosen = (self.sni, self.alpn, self.client_cert, self.ca, self.starttls)
        return self.tls if self.tls is not None else any(chosen)


class ProbeTarget(msgspec.Struct, kw_only=True):
    """What was probed, as it was asked for."""

    host: str
    port: int
    address: str | None = None
    server_name: str | None = None


class ProbeLookup(msgspec.Struct, kw_only=True):
    """What the system's resolver said of one address family."""

    family: Literal["ipv4", "ipv6"]
    addresses: list[str] = []
    left_out: int = 0
    duration: float
    error: str | None = None


class ProbeCertificate(msgspec.Struct, kw_only=True):
    """A certificate that the server showed."""

    subject: str
    issuer: str
    names: list[str]
    not_before: str
    not_after: str
    days_left: int
    key: str


class ProbeFacts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a check saw; members that say nothing of it are absent."""

    lookups: list[ProbeLookup] = []
    hosts_file: list[str] = []
    local: str | None = None
    connect: float | None = None
    syns: int | None = None
    errno: str | None = None
    icmp: str | None = None
    icmp_source: str | None = None
    greeting: str | None = None
    path_mtu: int | None = None
    mss: int | None = None
    round_trip: float | None = None
    close: str | None = None
    verified: bool | None = None
    verify_error: str | None = None
    tls_version: str | None = None
    cipher: str | None = None
    group: str | None = None
    alpn: str | None = None
    alpn_offered: list[str] = []
    alert: str | None = None
    alert_by: Literal["here", "server"] | None = None
    certificates: list[ProbeCertificate] = []
    client_certificate_asked: bool | None = None
    client_certificate_sent: bool | None = None
    handshake: float | None = None
    proxy_header: Literal[1, 2] | None = None
    protocol: str | None = None
    settings: dict[str, int] = {}
    http_status: int | None = None
    http_version: str | None = None
    headers: list[str] = []
    answer_bytes: int | None = None
    answer_after: float | None = None
    cut: str | None = None


class ProbeStep(msgspec.Struct, kw_only=True):
    """One thing that was sent or that came, as the operating system told it to the probe."""

    number: int
    time: str
    by: Literal["here", "server", "path"]
    what: str


class ProbeWho(msgspec.Struct, kw_only=True):
    """Who did it, as far as a client can see: mostly not who of two it was."""

    side: Side
    address: str | None = None
    says: str


class ProbeVerdict(msgspec.Struct, kw_only=True):
    """Why a check failed, with the analyzer's code and in its words."""

    code: str
    title: str
    explanation: str
    phase: str | None = None
    confidence: float
    who: ProbeWho
    fixes: list[str] = []
    commands: list[str] = []
    settle: list[str] = []


class ProbeCheck(msgspec.Struct, kw_only=True):
    """One check: what it asked, what it saw, and the verdict where that was no success."""

    name: CheckName
    what: str
    status: Status
    says: str
    address: str | None = None
    start: str
    duration: float
    facts: ProbeFacts
    verdict: ProbeVerdict | None = None
    steps: list[ProbeStep] = []


class ProbeReport(msgspec.Struct, kw_only=True):
    """All that a probe found out."""

    schema: Literal["pcapdiag-probe/1"] = "pcapdiag-probe/1"
    generator: Generator
    target: ProbeTarget
    start: str
    duration: float
    status: Literal["ok", "failed"]
    interrupted: bool
    connections: int
    max_connections: int
    openssl: str
    checks: list[ProbeCheck]
    notes: list[str]
