"""What the rest of the capture says about the ends of one connection: its baselines."""

from __future__ import annotations

import msgspec

from pcapdiag.model.addresses import network_of
from pcapdiag.model.ends import join_port
from pcapdiag.model.tls import Certificate


class ResetMarks(msgspec.Struct):
    """Header values of an address's resets, with the number of *connections* that had each.

    Left out is what another packet of the address had on that connection.
    """

    ttls: dict[int, int] = {}
    windows: dict[int, int] = {}
    """Raw window fields other than 0 (some vendors put a reason code there)."""
    ip_ids: dict[int, int] = {}
    """IPv4 identifications other than 0."""


class Range(msgspec.Struct):
    """How many values there were, and between which they lay (0 without any)."""

    count: int = 0
    least: int = 0
    most: int = 0

    def add(self, value: int) -> None:
        """Take up a value."""
        self.least = min(value, self.least) if self.count else value
        self.most = max(value, self.most) if self.count else value
        self.count += 1


class IdleEnds(msgspec.Struct):
    """Quiet times (ns) after which connections to one endpoint turned out to be gone."""

    at_expiry: Range = msgspec.field(default_factory=Range)
    """A RST came by itself, after this long without a packet."""
    late: Range = msgspec.field(default_factory=Range)
    """The next packet was met by a RST."""
    lost: Range = msgspec.field(default_factory=Range)
    """The next packets were never answered."""


class SpokenFor(msgspec.Struct):
    """ICMP errors by which a device, or the endpoint's own host, said that it does not deliver."""

    source: str
    frame: int
    """Of the first."""
    times: Range = msgspec.field(default_factory=Range)
    """When (ns) connections began that it said so of."""


class BigLost(msgspec.Struct, frozen=True):
    """A connection on which one end's full-size segments were never acknowledged; ns."""

    established: int
    lost: int
    """When the first of them was sent."""


class HostFacts(msgspec.Struct):
    """One address, over all its connections (capture duplicates left out)."""

    address: str
    packets: int = 0
    ttls: dict[int, int] = {}
    """TTL (hop limit) of its TCP packets other than RST, with counts."""
    reset_ttls: dict[int, int] = {}
    """The same of its RSTs."""
    marks_of_resets: ResetMarks | None = None
    """What its resets have in common over several connections; None where it sent none."""
    macs: dict[int, int] = {}
    """Source MACs of its TCP packets other than RST, with counts."""
    ip_ids_zero: int = 0
    """How many of its IPv4 packets other than RST and SYN-ACK had IP ID 0."""
    min_rtt: int | None = None
    """Smallest time from a segment to this host until its answer (SYN to SYN-ACK, data to ACK),
    nanoseconds, at the capture point."""
    sent_by_capture_host: int = 0
    """Packets that a cooked capture marks as sent by the capturing host."""
    received_by_capture_host: int = 0
    """Packets of this address that a cooked capture marks as addressed to the capturing host."""
    passed_to: bool = False
    """Most of what goes to this address is marked as sent by the capturing host: a router, which
    captured what leaves it."""
    bad_checksums: int = 0
    """Its packets with a wrong TCP checksum: many of them show the capturing host (offload)."""
    super_segments: int = 0
    duplicates: int = 0
    """Its packets that were captured again: on a router, or a mirror, those that were passed on."""
    opened: int = 0
    """Connections that it opened (as initiator)."""
    answered: int = 0
    """Connections that it answered (as responder, SYN-ACK or data seen)."""
    translated: bool = False
    """Connections to it go on to another address in this capture: a NAT's, a service's."""


class NetworkFacts(msgspec.Struct):
    """The addresses of one /24 or /64 that sent more than RSTs."""

    distances: dict[int, int] = {}
    """How many addresses were how many hops away, by all their packets."""
    mixed: int = 0
    """Addresses whose packets were from several distances."""
    min_rtts: list[int] = []
    """The smallest round trip to each, nanoseconds, where one was measured."""


class NeighbourFacts(msgspec.Struct):
    """One link-layer address that packets came from: whose packets those were."""

    own: int = 0
    """Addresses with a packet whose TTL was never lowered: hosts on the capture's link."""
    forwarded: int = 0
    """Addresses of which all packets had come through a router."""


class TlsServerFacts(msgspec.Struct):
    """What one TLS server took and refused, over those of its connections that were read.

    Every table is bounded; a healthy connection that nobody looked at is not in it.
    """

    accepted: int = 0
    """Handshakes that were finished."""
    names_accepted: dict[str, int] = {}
    """Server names of finished handshakes, with counts; ``""`` where the client sent none."""
    names_used: dict[str, int] = {}
    """The same, of those on which the client then sent application data."""
    leaves_used: dict[str, list[Certificate | bytes]] = {}
    """The server's own certificates on those, by the name asked for; bytes are DER, not read."""
    names_refused: dict[str, int] = {}
    """Server names after which the server ended the connection instead of a ServerHello."""
    first_refused: dict[str, int] = {}
    """When (ns) that happened first, by name."""
    last_accepted: int = 0
    """When (ns) it sent its last ServerHello."""
    versions: dict[int, int] = {}
    """Versions that it chose, with counts."""
    ciphers: dict[int, int] = {}
    groups: dict[int, int] = {}
    alpn: dict[str, int] = {}
    """Application protocols that it chose where that could be read."""


class EndpointFacts(msgspec.Struct):
    """One responder address and port, over its connections."""

    address: str
    port: int
    connections: int = 0
    established: int = 0
    refused: int = 0
    """Connections whose SYN was answered by RST."""
    unanswered: int = 0
    """Connections whose SYNs nobody answered."""
    turns: int = 0
    """Requests that were answered."""
    unanswered_turns: int = 0
    resets: int = 0
    """Connections in which it sent (or its address bore) a RST."""
    first_established: int = 0
    last_established: int = 0
    first_refused: int = 0
    last_refused: int = 0
    longest_answer: int = 0
    """Longest time from request to the first byte of its answer that was seen, nanoseconds."""
    idle_turns: int = 0
    """Answered requests before which the connection had been quiet for a second or more, with no
    keep-alive."""
    longest_idle: int = 0
    """The longest such quiet time, nanoseconds."""
    closed_idle: dict[int, int] = {}
    """Idle connections that it closed by FIN, with nothing under way, by quiet time in tenths of a
    second."""
    closed_when: dict[int, tuple[int, int]] = {}
    """When (ns) it closed the first and the last of those, by the same quiet time."""
    idle: IdleEnds | None = None
    """The quiet times that connections to it did not outlive; None without any."""
    cut: dict[str, int] = {}
    """When (ns) a RST first cut a connection in use, by initiator."""
    left_after: dict[str, dict[int, tuple[int, int]]] = {}
    """How long (ns) initiators waited for an answer before they left, and when, by their address
    and connection."""
    spoken_for: SpokenFor | None = None
    """What a device said by ICMP of connections to it; None where none did."""
    lost_big: dict[tuple[str, bool], list[BigLost]] = {}
    """Connections whose big segments vanished, by initiator, and whether it had sent them."""
    blocked: dict[str, Range] = {}
    """When (ns) further connections of those initiators were reset at their SYN, soon after."""
    answers_within: list[int] = msgspec.field(default_factory=lambda: [0] * 16)
    """Histogram of answer times: bucket i counts those under 1 ms * 2**i (the last: all longer)."""
    speaks_first: int = 0
    """Connections on which it sent bytes before the initiator did."""
    first_bytes: dict[bytes, int] = {}
    """First 4 bytes that initiators sent to it, with counts (16 kinds at most), of its first 256
    connections."""
    first_accepted: dict[bytes, int] = {}
    """How many of those connections got an answer that is no refusal (an HTTP/1 status of 400 or
    more, a TLS alert), by the same 4 bytes."""
    tls: TlsServerFacts | None = None
    """What is known of it as a TLS server; None where no handshake with it was read."""

    @property
    def host_port(self) -> str:
        """Address and port as one word."""
        return join_port(self.address, self.port)


class Untranslated(msgspec.Struct, frozen=True):
    """A connection that is the rest of another one, which came past a NAT as it was."""

    known: str
    """The address that the host's own connection is with."""
    of_stream: int
    """That connection."""


class Context(msgspec.Struct, eq=False):
    """The capture around a connection."""

    first_time: int = 0
    last_time: int = 0
    hosts: dict[str, HostFacts] = {}
    endpoints: dict[tuple[str, int], EndpointFacts] = {}
    networks: dict[str, NetworkFacts] = {}
    """By network (``model.addresses.network_of``), once the whole capture has been read."""
    neighbours: dict[int, NeighbourFacts] = {}
    """By source MAC, likewise."""
    interfaces: list[str] = []
    lost_by_capture: int = 0
    dropped_by_kernel: int = 0
    duplicates: int = 0
    packets: int = 0
    answered_unseen: int = 0
    """Connections that went on as with an answer to their SYN, though the capture has none."""
    capture_hosts: frozenset[str] = frozenset()
    """Addresses of the host on which the capture was taken, as far as it shows."""
    firewall_log: bool = False
    """The whole capture has been read, and holds what a firewall's rules log."""
    one_answers_for_all: bool = False
    """The whole capture has been read, and something on its own link answers for hosts of several
    public networks."""
    nobody_answers: bool = False
    """The whole capture has been read, and of several hosts that were called none sent a packet."""
    nobody_repeats: bool = False
    """The whole capture has been read, and holds nothing but one SYN of each connection."""
    untranslated: Untranslated | None = None
    final: bool = False
    """The whole capture has been read; False while it is still running (``--follow``)."""

    def host(self, address: str) -> HostFacts:
        """Return what is known of an address (empty facts when nothing is)."""
        return self.hosts.get(address) or HostFacts(address)

    def network(self, address: str) -> NetworkFacts:
        """Return what is known of the network that an address is in."""
        return self.networks.get(network_of(address)) or NetworkFacts()

    def neighbour(self, mac: int) -> NeighbourFacts:
        """Return what came from a link-layer address."""
        return self.neighbours.get(mac) or NeighbourFacts()

    def endpoint(self, address: str, port: int) -> EndpointFacts:
        """Return what is known of a responder's address and port."""
        return self.endpoints.get((address, port)) or EndpointFacts(address, port)
