"""What is known of the whole capture beside its connections: what findings are made from.

All tables are bounded where they are filled, and what fell out is counted there. Healthy
connections are in them, too, though the report lists none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from pcapdiag.model.context import EndpointFacts, HostFacts
from pcapdiag.model.dns import DnsFacts
from pcapdiag.model.tls import Certificate

if TYPE_CHECKING:
    from pcapdiag.model.host_state import HostState


class FragmentFacts(msgspec.Struct):
    """Datagrams in fragments that one host sent to another."""

    sender: str
    receiver: str
    whole: int
    lost: int
    """Of these the first fragment was captured, and others never came."""
    first: int
    last: int
    """When the first and the last of the lost ones began, ns since the epoch."""
    only_first: bool = False
    """The whole capture holds none but first fragments, as if its filter had asked for ports."""


class TooBigFact(msgspec.Struct):
    """Routers' "packet too big" about what one host sent to another (RFC 1191, RFC 8201)."""

    source: str
    """The router that said so, first."""
    sender: str
    receiver: str
    mtu: int
    """The smallest that was named, IP bytes; 0: none was (RFC 1191 section 5)."""
    connections: int = 0
    streams: list[int] = []
    """Of the first of them."""
    frames: list[int] = []
    first: int = 0
    last: int = 0
    """Times of the first and the last message, ns since the epoch."""


AskKind = Literal["request", "check", "bare", "path", "connect"]
"""A request like any other; one whose user agent is a known health check's; one without any user
agent; one whose path has a word that checks use; a connection on which nothing was asked."""

NOT_HTTP, CAME_UP, REFUSED, SILENT, NO_ANSWER = 1, 2, 3, 4, 5
"""Outcomes below 100: answered, though not in HTTP; connected; refused; SYN unanswered; request
unanswered. From 100 on they are HTTP statuses."""
GRPC_FAILED = 1000
"""Plus a grpc-status: outcome of a call that the server says it failed (the HTTP status is 200)."""


class AskFacts(msgspec.Struct):
    """One kind of request of one host to one endpoint, over all its connections."""

    kind: AskKind
    caller: str
    endpoint: str
    """Address and port as one word."""
    address: str
    port: int
    head: bytes = b""
    """First bytes of the first such request."""
    count: int = 0
    good: int = 0
    """With a status of 200 to 399, an answer that is no HTTP, or a connection that came up."""
    errors: int = 0
    """With a status of 500 or more, or failed by a gRPC server."""
    alone: int = 0
    """How many were the first (mostly the only) request of their connection."""
    same: int = 0
    """How many had the first one's method and path; counted for kinds "bare" and "path" only."""
    first: int = 0
    last: int = 0
    period: int = 0
    """Mean time between two of them, ns; 0 for one alone."""
    steady: float = 0.0
    """Share of the pauses that are as long as the one before (an eighth more or less)."""
    outcomes: dict[int, int] = {}
    changes: list[tuple[int, int]] = []
    """When the outcome changed between good and bad, and to which one, the first included."""


class Served(msgspec.Struct, frozen=True):
    """Requests that were answered: how many, from when until when, with which longest gap (ns)."""

    count: int = 0
    first: int = 0
    last: int = 0
    gap: int = 0

    def and_then(self, other: Served) -> Served:
        """Return these and others together."""
        if not self.count or not other.count:
            return self if self.count else other
        before, after = (self, other) if self.first <= other.first else (other, self)
        gap = max(self.gap, other.gap, after.first - before.last)
        return Served(self.count + other.count, before.first, max(self.last, other.last), gap)


class SpanFacts(msgspec.Struct):
    """A time in which every new connection to an endpoint had the same outcome."""

    outcome: int
    first: int
    last: int
    count: int
    served: Served = Served()
    """What it answered in the time without new connections that followed: on those from before."""


class CallerFacts(msgspec.Struct):
    """The local ports of one host's connections to one endpoint."""

    caller: str
    endpoint: str
    connections: int
    lowest_port: int
    highest_port: int
    address: str = ""
    """The endpoint's."""
    came_up: int = 0
    """Connections whose first SYN was answered, and that came up."""
    dropped: int = 0
    """Connections whose first SYN nobody answered in time."""
    first_dropped: int = 0
    last_dropped: int = 0
    """When the first and the last of these began, ns."""
    drop_episodes: int = 0
    """How often such connections began with no other one having come up between; 64 at most."""
    reused: int = 0
    """Connections on ports that an earlier one to the same endpoint had."""
    cured: int = 0
    """Connections that came up after the endpoint, or a device, first took the SYN for an older
    one (RFC 5961 section 4). A SYN-ACK with a wrong number is none of that: SYN proxies test
    callers by it."""
    first: int = 0
    last: int = 0
    """When (ns) the first and the last of them began."""
    most_open: int = 0
    """Connections open at once, at the ends of seconds; what lasts less may not be in it."""
    most_in_use: int = 0
    """Ports in use at once: those of open connections and, of a caller with some tens of them,
    those in TIME_WAIT."""
    most_at: int = 0
    """When that was, ns."""


class CertificateFact(msgspec.Struct):
    """A certificate that ends soon, as one server, or one client of a server, showed it."""

    certificate: Certificate
    address: str
    """Who showed it."""
    port: int
    server: str
    """Address of the server, with ``port``."""
    is_client: bool = False
    number: int = 0
    """Place in the chain, from 0: the end's own."""
    connections: int = 0
    """Handshakes with it that were looked at, the first of a server."""
    streams: list[int] = []
    frames: list[int] = []
    first: int = 0
    last: int = 0
    """When (ns) it was seen."""


class LossFacts(msgspec.Struct):
    """Data segments that passed between a host and the capture point, and those lost there.

    What was lost on the far side of the capture point counts for the other end.
    """

    address: str
    sent: int = 0
    """Segments that it sent, of connections that tell (pcapdiag/flow/losses.py)."""
    sent_lost: int = 0
    """Those of them that were lost before the capture point."""
    sent_lossy: int = 0
    """Connections that had any."""
    taken: int = 0
    """Segments that were sent to it."""
    taken_lost: int = 0
    """Those of them that were lost behind the capture point."""
    taken_lossy: int = 0
    seconds: dict[int, int] = {}
    """Losses by second since the epoch, of 256 seconds at most."""
    streams: list[int] = []
    """The first connections that had any."""


class PlaceFacts(msgspec.Struct):
    """Where an address answered connections from, seen at the capture point."""

    mac: int
    """Source MAC; 0 where the link layer has none."""
    ttl: int
    connections: int
    packets: int
    first: int
    last: int
    """Times of the first and the last packet, ns."""
    claimed: int = 0
    """When the MAC last said by ARP that the address is its own, ns; 0 where it did not."""
    claim_frame: int = 0


class LeakFact(msgspec.Struct):
    """Segments that reached a host past a NAT that should have translated them."""

    host: str
    """Who got them, and did not know the connection."""
    port: int
    stranger: str
    """The address that they came from."""
    stranger_port: int
    known: str
    """The address that the host's connection is with."""
    known_port: int
    stream: int
    """Theirs."""
    of_stream: int
    """The connection that they belong to."""
    frames: list[int]
    """The first of them, and the RST that answered."""
    time: int


class Fleet(msgspec.Struct):
    """Hosts, endpoints and what passed between them, when the whole capture is known."""

    first_time: int = 0
    """Of the capture's first packet, ns since the epoch; 0 without any."""
    last_time: int = 0
    hosts: list[HostFacts] = []
    endpoints: list[EndpointFacts] = []
    proxies: frozenset[str] = frozenset()
    """Addresses that hand requests on, those of the same host included."""
    asks: list[AskFacts] = []
    callers: list[CallerFacts] = []
    spans: dict[str, list[SpanFacts]] = {}
    """By endpoint (address and port as one word), in time order; only where one did not come up."""
    too_big: list[TooBigFact] = []
    fragments: list[FragmentFacts] = []
    """Only of hosts between whom some were lost."""
    certificates: list[CertificateFact] = []
    dns: DnsFacts = msgspec.field(default_factory=DnsFacts)
    losses: list[LossFacts] = []
    """By host; only of those with whom data was exchanged."""
    places: dict[str, list[PlaceFacts]] = {}
    """By address, in the order of their beginnings; only of those with several."""
    leaks: list[LeakFact] = []
    capture_hosts: frozenset[str] = frozenset()
    """The capturing host's addresses."""
    host_states: list[HostState] = []
    """Snapshots of hosts that the capture shows."""
    filtered: bool = False
    """Filters chose the connections of the report: the others were not judged."""
