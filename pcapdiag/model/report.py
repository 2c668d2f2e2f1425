"""The report: every object that a user sees, exactly as the JSON shows it.

The classes mirror spec ``pcapdiag-report/1`` (docs/report.schema.json) member for member. Times are
decimal strings of seconds since the epoch with nanoseconds; durations are seconds as floats; frames
count from 1. Anything optional and absent is ``None`` or empty; the JSON keeps those members, so a
reader never has to ask whether a member exists.
"""

# Here and in report_*.py annotations are no text (no `from __future__ import annotations`): what
# decodes a report would have to compile each of them, which takes 6 ms.

from collections.abc import Sequence
from typing import Literal

import msgspec

from pcapdiag.model.ends import Actor, End, join_port
from pcapdiag.model.report_capture import CaptureCounts as CaptureCounts
from pcapdiag.model.report_capture import CaptureFile as CaptureFile
from pcapdiag.model.report_capture import CaptureSummary as CaptureSummary
from pcapdiag.model.report_capture import FileError as FileError
from pcapdiag.model.report_capture import UnreadableFile as UnreadableFile
from pcapdiag.model.report_http import Http
from pcapdiag.model.report_http2 import Http2
from pcapdiag.model.report_logs import LogFile as LogFile
from pcapdiag.model.report_logs import LogLine as LogLine
from pcapdiag.model.report_logs import Logs as Logs
from pcapdiag.model.report_outcome import CaptureOutcome as CaptureOutcome
from pcapdiag.model.report_pictures import Activity as Activity
from pcapdiag.model.report_pictures import Segment as Segment
from pcapdiag.model.report_pictures import SegmentSeries as SegmentSeries
from pcapdiag.model.report_points import Point as Point
from pcapdiag.model.report_points import PointPassage as PointPassage
from pcapdiag.model.report_points import Sighting as Sighting
from pcapdiag.model.report_scope import Scope as Scope
from pcapdiag.model.report_signs import ResetSigns as ResetSigns
from pcapdiag.model.report_snapshots import SnapshotFile as SnapshotFile
from pcapdiag.model.report_summary import Summary as Summary
from pcapdiag.model.report_summary import Topology as Topology
from pcapdiag.model.report_tls import Tls

SCHEMA = "pcapdiag-report/1"

Side = Literal["initiator", "responder", "path", "unknown"]
Party = Literal["client", "proxy", "upstream", "middlebox", "unknown"]
Role = Literal["client", "proxy", "upstream", "unknown"]
Leg = Literal["downstream", "upstream", "between", "direct", "unknown"]
Severity = Literal["info", "warning", "failure"]
PointLabel = str | msgspec.UnsetType
"""Whose frames and streams they are, of several capture points; the first one's where unset."""


def label_of(point: PointLabel, first: str = "") -> str:
    """Return whose numbers they are: those of the ``first`` point where nothing is said."""
    return point if isinstance(point, str) else first


class Value(msgspec.Struct, kw_only=True):
    """Base of all report values: keyword-only, encodable, comparable."""


class Endpoint(Value):
    """One end of a connection."""

    ip: str
    port: int
    role: Role = "unknown"
    name: str | None = None

    @property
    def host_port(self) -> str:
        """Address and port as one word."""
        return join_port(self.ip, self.port)


class BySide(Value):
    """A count for each end."""

    initiator: int = 0
    responder: int = 0


class OptionalBySide(Value):
    """A value for each end that may be unknown."""

    initiator: int | None = None
    responder: int | None = None


class RttParts(Value):
    """The handshake's round trip either side of the capture point, seconds."""

    to_initiator: float | None = None
    to_responder: float | None = None


class Evidence(Value):
    """One weighed signal; ``weight`` is log10 of P(signal if says) / P(signal if not)."""

    signal: str
    says: Actor
    weight: float
    detail: str
    frames: list[int] = []
    point: PointLabel = msgspec.UNSET


class Candidate(Value):
    """Who it may have been, where the capture cannot tell."""

    side: Actor
    party: Party
    confidence: float


class Attribution(Value):
    """Who did it, how sure, and why; see verdicts.md, Attribution."""

    side: Side = "unknown"
    party: Party = "unknown"
    address: str | None = None
    confidence: float = 0.0
    evidence: list[Evidence] = []
    candidates: list[Candidate] = []


class EnvoyObserved(Value):
    """What a local reply or a joined log line said; ``agrees`` with what the wire shows, or not."""

    flag: str | None = None
    reset_reason: str | None = None
    details: str | None = None
    agrees: bool | None = None


class EnvoyWords(Value):
    """What Envoy prints for this failure, and what it did say where that is in the capture."""

    flag: str
    reset_reason: str
    observed: EnvoyObserved | None = None


class Alternative(Value):
    """Another code that the evidence does not exclude."""

    code: str
    confidence: float


class Verdict(Value):
    """What happened to a connection, and everything a person needs next."""

    code: str
    failed: bool
    phase: str | None
    title: str
    explanation: str
    attribution: Attribution
    fixes: list[str] = []
    commands: list[str] = []
    frames: list[int] = []
    envoy: EnvoyWords | None = None
    ended_by: Actor | None = None
    fix_at: list[Party] = []
    exchange: int | None = None
    """``index`` of the request in ``http.exchanges`` that failed."""
    count: int = 1
    """Equal failures folded into this one, itself included."""
    alternatives: list[Alternative] = []
    confidence: float = 0.0
    notes: list[str] = []
    numbers: dict[str, float] = {}
    """What was measured: sizes in bytes, times in seconds; types and codes of ICMP and
    SOCKS as they are."""
    time: str = ""
    """When it came to that: the time of the last of ``frames``; the connection's end where none of
    them was kept."""
    point: PointLabel = msgspec.UNSET


class Reset(Value):
    """One RST of the connection and who sent it."""

    frame: int
    time: str
    from_: End = msgspec.field(name="from")
    attribution: Attribution
    point: PointLabel = msgspec.UNSET
    ttl: int = 0
    window: int = 0
    """The raw field."""
    quiet: float | None = None
    """Seconds of quiet before it, or before what it answers; None under a second."""
    text: str | None = None
    """What the RST itself carries (RFC 9293 3.5.3)."""


class TimelineEntry(Value):
    """One line of the connection's story."""

    time: str
    frame: int
    from_: Actor = msgspec.field(name="from")
    event: str
    detail: str = ""
    point: PointLabel = msgspec.UNSET


class PathFacts(Value):
    """How the packets travelled, as the capture shows it."""

    vlans: list[int] = []
    vnis: list[int] = []
    interfaces: list[str] = []


class Cause(Value):
    """What happened on another leg of the proxy and made this connection fail.

    ``code`` is the verdict there, ``time`` when it happened (of a call that nobody answered, when
    it was last tried), ``endpoint`` whom that leg called.
    """

    stream: int
    frame: int
    exchange: int | None = None
    code: str = ""
    time: str = ""
    endpoint: str = ""
    point: PointLabel = msgspec.UNSET


class Connection(Value):
    """One TCP connection and its verdict.

    ``causes`` are all attempts on the other leg that its failure came from, in time order;
    ``caused_by`` is the last one's stream. ``streams`` has several numbers where Wireshark has the
    answers of a redirected connection as a stream of their own. ``same_as`` is the stream of the
    same connection before NAT: it is counted once, there. One that was found at several capture
    points is one connection, judged with all of them.
    """

    stream: int
    initiator: Endpoint
    responder: Endpoint
    leg: Leg
    state: str
    first_frame: int
    start: str
    end: str
    packets: BySide
    bytes: BySide
    retransmissions: BySide
    resets: list[Reset]
    verdict: Verdict
    id: str = ""
    handshake_rtt: float | None = None
    handshake_rtt_parts: RttParts | None = None
    initiator_inferred: bool = False
    out_of_order: BySide = msgspec.field(default_factory=BySide)
    duplicate_acks: BySide = msgspec.field(default_factory=BySide)
    zero_windows: BySide = msgspec.field(default_factory=BySide)
    window_probes: BySide = msgspec.field(default_factory=BySide)
    keep_alives: BySide = msgspec.field(default_factory=BySide)
    keep_alive_acks: BySide = msgspec.field(default_factory=BySide)
    mss: OptionalBySide = msgspec.field(default_factory=OptionalBySide)
    file: str = ""
    frame_in_file: int = 0
    path: PathFacts | None = None
    timeline: list[TimelineEntry] = []
    caused_by: int | None = None
    causes: list[Cause] = []
    streams: list[int] = []
    same_as: int | None = None
    scope: Scope | None = None
    tls: Tls | None = None
    http: Http | None = None
    http2: Http2 | None = None
    other_failures: list[Verdict] = []
    seen_at: list[Sighting] = []
    """With several points: where it was captured, in their order."""
    passages: list[PointPassage] = []
    """Its decisive packets on their way past the points."""
    path_order: list[str] = []
    """Labels of the points from the initiator's end to the responder's, where that is known."""
    point: PointLabel = msgspec.UNSET
    """Whose numbers the connection's own are, where the first point does not have it."""
    findings: list[int] = []
    """Places in the report's findings of those that name this connection; a finding names the
    first ones that it is about. Known at the end of the capture."""
    series: SegmentSeries | msgspec.UnsetType = msgspec.UNSET
    """For charts; only where they were asked for (``AnalyzeOptions.pictures``)."""
    log_lines: list[LogLine] | msgspec.UnsetType = msgspec.UNSET
    """What proxies' logs say of it; only where logs were given."""

    @property
    def decisive_reset(self) -> Reset | None:
        """The reset that the verdict is about."""
        return next((one for one in self.resets if one.frame in self.verdict.frames), None)

    def endpoint(self, side: str) -> Endpoint:
        """Return the end on a side of it, ``initiator`` or ``responder``."""
        return self.initiator if side == "initiator" else self.responder


class Finding(Value):
    """Something about the capture, an endpoint or the path, not about one connection alone."""

    code: str
    severity: Severity
    title: str
    detail: str
    streams: list[int] = []
    explanation: str = ""
    addresses: list[str] = []
    endpoint: str | None = None
    frames: list[int] = []
    first: str | msgspec.UnsetType = msgspec.UNSET
    last: str | msgspec.UnsetType = msgspec.UNSET
    count: int = 1
    numbers: dict[str, float] = {}
    fixes: list[str] = []
    commands: list[str] = []
    point: PointLabel = msgspec.UNSET
    """The point that it is about, where it is about one of several."""
    source: Literal["capture", "log", "snapshot"] = "capture"
    """Where it was found; one from a log or a snapshot may name what the capture shows of it."""


class Group(Value):
    """The same failure by the same culprit, however many connections.

    ``first`` and ``last`` say when they failed, which may be long after they were opened.
    """

    code: str
    side: Side
    party: Party
    connections: int
    title: str
    address: str | None = None
    responder: str | None = None
    initiator: str | None = None
    """The address that opened them all; null where several did."""
    endpoints: int = 1
    """How many addresses and ports were called, as far as they were told apart."""
    requests: int = 0
    first: str = ""
    last: str = ""
    streams: list[int] = []
    point: PointLabel = msgspec.UNSET
    signs: ResetSigns | None = None


class Generator(Value):
    """The program that made the report."""

    name: str
    version: str


class Report(Value):
    """Everything that ``analyze`` or ``correlate`` found out; every output is made from this."""

    schema: str
    generator: Generator
    capture: CaptureSummary
    topology: Topology
    summary: Summary
    connections: Sequence[Connection]
    findings: list[Finding]
    groups: list[Group] = []
    points: list[Point] = []
    """With ``correlate``: the capture points in the order in which they were named."""
    activity: Activity | None = None
    """The capture over time; with several points the first one's, the others' are with them."""
    logs: Logs | None = None
    """The logs that were given (``AnalyzeOptions.logs``)."""
    snapshots: list[SnapshotFile] = []
    """The snapshots that were given (``AnalyzeOptions.snapshots``), used or not."""
