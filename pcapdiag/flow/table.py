# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""The connection table: addresses and ports to the connection, in three queues by age.

Connections are numbered as tshark numbers tcp.stream: by the first frame, and a SYN with another
initial sequence number on the same addresses and ports opens a new one, from either end. A
connection that was judged leaves a tombstone (graves.py), so that its late packets do not look like
a new one.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.graves import Graves
from pcapdiag.flow.records import NOBODY, Endpoint, Flow, Host, Tombstone
from pcapdiag.model.addresses import Key
from pcapdiag.model.packet import ACK, RST, SYN

BUCKETS = 65_536
MAX_HOSTS = 32_768
INSIDE = 1 << 16
"""Added to the port in the key of an endpoint that was called from a loopback address."""
LAST_INSIDE = 6
"""The lowest IPv6 addresses are the host's own: ::1 (RFC 4291 2.5.3), and ::6 of a sidecar."""
MAX_ENDPOINTS = 16_384
MAX_PEERS = 4
"""Other ends of an address that are remembered to tell a proxy from a client or a server."""

ACTIVE = 0
EMBRYONIC = 1
CLOSING = 2
GONE = -1

# Twins in C of constants that plain Python imports.
_ACTIVE = ACTIVE
_EMBRYONIC = EMBRYONIC


class Table:
    """Open connections, the ones judged lately, and the hosts and endpoints they belong to."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.buckets: list[Flow | None] = [None] * BUCKETS
        self.graves = Graves()
        self.oldest: list[Flow | None] = [None, None, None]
        self.newest: list[Flow | None] = [None, None, None]
        self.size0 = 0
        self.size1 = 0
        self.size2 = 0
        self.next_stream = 0
        self.from_a = 1
        self.late_packets = 0
        self.hosts: dict[tuple[int, int, int], Host] = {}
        self.endpoints: dict[tuple[int, int, int, int], Endpoint] = {}
        self.other_host = Host(NOBODY, 0, 0)
        self.recent_hosts: list[Host | None] = [None] * 256
        self.other_endpoint = Endpoint(4, 0, 0, 0)
        self.hosts_left_out = 0
        self.endpoints_left_out = 0

    def hash(self, p: Packet) -> int:
        """Return a hash of addresses and ports that is the same for both directions."""
        return p.hash or p.pair_hash(self.seed)

    def find(self, p: Packet, h: int) -> Flow | None:
        """Return the newest open connection of the packet and set ``from_a``, or None."""
        flow = self.buckets[h & 0xFFFF]
        while flow is not None:
            if flow.hash == h:
                if (
                    flow.port_a == p.source_port
                    and flow.port_b == p.target_port
                    and flow.low_a == p.source_low
                    and flow.low_b == p.target_low
                    and flow.high_a == p.source_high
                    and flow.high_b == p.target_high
                ):
                    self.from_a = 1
                    return flow
                if (
                    flow.port_b == p.source_port
                    and flow.port_a == p.target_port
                    and flow.low_b == p.source_low
                    and flow.low_a == p.target_low
                    and flow.high_b == p.source_high
                    and flow.high_a == p.target_high
                ):
                    self.from_a = 0
                    return flow
            flow = flow.next
        return None

    def find_grave(self, p: Packet, h: int) -> Tombstone | None:
        """Return the connection of the packet that was judged last and set ``from_a``, or None."""
        grave = self.graves.find(p, h)
        if grave is not None:
            self.from_a = self.graves.from_a
        return grave

    def add(self, p: Packet, h: int, stream: int) -> Flow:
        """Open a connection whose first packet is ``p``; it becomes the youngest."""
        source = self.host(p.version, p.source_high, p.source_low)
        target = self.host(p.version, p.target_high, p.target_low)
        flow = Flow(stream, source, target)
        flow.version = p.version
        flow.high_a = p.source_high
        flow.low_a = p.source_low
        flow.high_b = p.target_high
        flow.low_b = p.target_low
        flow.port_a = p.source_port
        flow.port_b = p.target_port
        flow.hash = h
        flow.next = self.buckets[h & 0xFFFF]
        self.buckets[h & 0xFFFF] = flow
        self.from_a = 1
        self.append(flow, _EMBRYONIC)
        return flow

    def remove(self, flow: Flow) -> None:
        """Take a connection out of the table; its ``closing`` says so from now on."""
        self.unlink(flow)
        flow.closing = GONE
        slot = flow.hash & 0xFFFF
        other = self.buckets[slot]
        if other is flow:
            self.buckets[slot] = flow.next
        else:
            while other is not None and other.next is not flow:
                other = other.next
            if other is not None:
                other.next = flow.next
        flow.next = None

    # Queues by age: the least recently active connection is ``oldest``.

    def append(self, flow: Flow, queue: int) -> None:
        """Put a connection at the young end of a queue."""
        flow.closing = queue
        last = self.newest[queue]
        flow.older = last
        flow.newer = None
        if last is None:
            self.oldest[queue] = flow
        else:
            last.newer = flow
        self.newest[queue] = flow
        if queue == _ACTIVE:
            self.size0 += 1
        elif queue == _EMBRYONIC:
            self.size1 += 1
        else:
            self.size2 += 1

    def unlink(self, flow: Flow) -> None:
        """Take a connection out of its queue."""
        queue = flow.closing
        if flow.older is None:
            self.oldest[queue] = flow.newer
        else:
            flow.older.newer = flow.newer
        if flow.newer is None:
            self.newest[queue] = flow.older
        else:
            flow.newer.older = flow.older
        flow.older = None
        flow.newer = None
        if queue == _ACTIVE:
            self.size0 -= 1
        elif queue == _EMBRYONIC:
            self.size1 -= 1
        else:
            self.size2 -= 1

    def touch(self, flow: Flow, queue: int) -> None:
        """Move a connection to another queue, as its youngest; where it is already, it stays."""
        if flow.closing == queue:
            return
        self.unlink(flow)
        flow.queued = flow.end
        self.append(flow, queue)

    # Hosts and endpoints.

    def host(self, version: int, high: int, low: int) -> Host:
        """Return the record of an address; a shared one when there are too many."""
        place = (low ^ (low >> 8) ^ high) & 0xFF
        host = self.recent_hosts[place]
        if host is not None and host.low == low and host.high == high and host.version == version:
            return host
        key = (version, high, low)
        host = self.hosts.get(key)
        if host is None:
            if len(self.hosts) >= MAX_HOSTS:
                self.hosts_left_out += 1
                return self.other_host
            host = Host(version, high, low)
            self.hosts[key] = host
        self.recent_hosts[place] = host
        return host

    def infer_opener(self, p: Packet, flow: Flow) -> None:
        """Say which end opened a connection, by its first packet (``a`` is who sent it)."""
        if p.flags & (SYN | ACK) == SYN:
            return
        if p.flags & (SYN | ACK) == SYN | ACK:
            flow.a_opened = 0
            return
        flow.inferred = 1
        flow.midstream = 1
        endpoints = self.endpoints
        if p.flags & (RST | ACK) == RST | ACK and p.seq == 0:
            # So is a SYN refused (RFC 9293 section 3.10.7.1).
            flow.a_opened = 0
        elif (p.version, p.source_high, p.source_low, p.source_port) in endpoints:
            flow.a_opened = 0
        elif (p.version, p.target_high, p.target_low, p.target_port) in endpoints:
            flow.a_opened = 1
        elif p.source_port < p.target_port:
            # A proxy's own ports may begin at 1024 (ip_local_port_range), hardly below a service's.
            flow.a_opened = 0

    def begin(self, flow: Flow, time: int) -> int:
        """Let a connection begin with the SYN at hand, which the file has behind later packets.

        Return 0 where some were followed already.
        """
        if time > flow.start or flow.a.packets + flow.b.packets > 0:
            return 0
        flow.start = time
        flow.active_time = time
        flow.midstream = 0
        flow.inferred = 0
        if flow.a_opened != self.from_a:
            opener = flow.a.host if flow.a_opened else flow.b.host
            opener.opened -= 1
            if flow.endpoint is not None:
                flow.endpoint.connections -= 1
            flow.a_opened = self.from_a
            self.settle(flow)
        return 1

    def settle(self, flow: Flow) -> None:
        """Enter a connection whose initiator is known with its hosts and its endpoint."""
        if flow.a_opened:
            opener, answerer = flow.a.host, flow.b.host
            own_high, own_low = flow.high_a, flow.low_a
            high, low, port = flow.high_b, flow.low_b, flow.port_b
        else:
            opener, answerer = flow.b.host, flow.a.host
            own_high, own_low = flow.high_b, flow.low_b
            high, low, port = flow.high_a, flow.low_a, flow.port_a
        opener.opened += 1
        # By the addresses: there may be no record of the hosts.
        inside = goes_inside(flow.version, own_high, own_low, high, low)
        endpoint = answerer.last_endpoint
        if (
            endpoint is None
            or endpoint.port != port
            or endpoint.inside != inside
            or answerer is self.other_host
        ):
            endpoint = self._endpoint(flow.version, high, low, port, inside)
            answerer.last_endpoint = endpoint
        endpoint.connections += 1
        flow.endpoint = endpoint
        if opener.last_peer is not answerer:
            opener.last_peer = answerer
            known = answerer is not opener and answerer is not self.other_host
            if known and len(opener.peers) < MAX_PEERS:
                opener.peers.add((answerer.version, answerer.high, answerer.low))

    def _endpoint(self, version: int, high: int, low: int, port: int, inside: int) -> Endpoint:
        key = (version, high, low, port + INSIDE * inside)
        endpoint = self.endpoints.get(key)
        if endpoint is None:
            if len(self.endpoints) >= MAX_ENDPOINTS:
                self.endpoints_left_out += 1
                return self.other_endpoint
            endpoint = Endpoint(version, high, low, port)
            endpoint.inside = inside
            self.endpoints[key] = endpoint
        return endpoint


def endpoint_key(caller: Key, called: Key, port: int) -> tuple[int, int, int, int]:
    """Return how an endpoint is known, by who called it; addresses as ``hosts`` has them."""
    version, high, low = called
    return version, high, low, port + INSIDE * goes_inside(*caller, high, low)


def goes_inside(version: int, own_high: int, own_low: int, high: int, low: int) -> int:
    """Say whether a host's loopback called another address: of that host, then.

    So a sidecar calls its application (Istio: from 127.0.0.6 or ::6), while the same address and
    port is the sidecar for all others: two listeners.
    """
    if version == 4:
        return 1 if own_low >> 24 == 127 and low >> 24 != 127 else 0
    called_here = high == 0 and low <= LAST_INSIDE
    return 1 if own_high == 0 and own_low <= LAST_INSIDE and not called_here else 0
