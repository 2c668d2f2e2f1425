"""A host's own state, as ``pcapdiag snapshot`` reads it: ``pcapdiag-snapshot/1``.

The classes mirror docs/snapshot.schema.json member for member. Times are decimal strings of seconds
since the epoch, durations seconds. What could not be read is empty or None, and named in
``unread``. No command line, no environment and no secret is in it.
"""

from __future__ import annotations

import msgspec

from pcapdiag.model.ends import join_port
from pcapdiag.model.snapshot_envoy import Envoy

SCHEMA = "pcapdiag-snapshot/1"


class Part(msgspec.Struct):
    """Base of all parts; what could not be read keeps its default."""


class Generator(Part):
    """The program that took the snapshot."""

    name: str = "pcapdiag"
    version: str = ""


class Unread(Part):
    """Something that could not be read, why, and how to get it."""

    what: str
    reason: str
    how: str = ""


class HostIdentity(Part):
    """Which host it is, and which of its network namespaces."""

    name: str = ""
    kernel: str = ""
    machine: str = ""
    boot_id: str = ""
    """Two snapshots with the same one are of one run of the kernel."""
    uptime: float = 0.0
    network_namespace: int = 0
    """Inode of the namespace; counters and sockets are those of the namespace."""
    processors: int = 0
    hints: list[str] = []
    """Signs of a container, in words."""


class Counters(Part):
    """Counters at one moment, since the host or the namespace came up. Zeros are left out."""

    time: str = ""
    kernel: dict[str, int] = {}
    """By the names of ``nstat``, as ``TcpExtListenOverflows``."""
    conntrack: dict[str, int] = {}
    """Sums over the processors, by the names of ``conntrack -S``."""
    softnet: dict[str, int] = {}
    """``dropped`` and ``squeezed`` of the receive queues of all processors, of the whole host."""
    interfaces: dict[str, dict[str, int]] = {}
    """By interface: packets, errors and drops, by the names of rtnl_link_stats64."""
    qdiscs: dict[str, dict[str, int]] = {}
    """By interface and kind of queue (``eth0 fq_codel``): ``drops``, ``overlimits``, ``requeues``.
    """
    listeners: dict[str, int] = {}
    """By listener (address and port): packets of handshakes that it dropped since it listens."""
    rules: dict[str, int] = {}
    """By ``Rule.id``: packets."""
    memory: dict[str, int] = {}
    """``oom_kill``: processes that the kernel killed for want of memory."""
    groups: dict[str, dict[str, int]] = {}
    """By control group of a process that owns a listener: ``oom_kill``, ``throttled`` (periods),
    ``periods`` and ``throttled_usec``."""


class Listener(Part):
    """A listening TCP socket."""

    address: str
    port: int
    queue: int = 0
    """Finished connections that the program has not accepted yet."""
    limit: int | None = None
    """Where that queue is full: it holds one more (Linux sk_acceptq_is_full)."""
    drops: int | None = None
    """Packets of handshakes dropped since it listens, for a full queue or another reason."""
    pids: list[int] = []
    """The first processes that have it open; seen by root, or for one's own processes."""
    only_v6: bool | None = None
    states: dict[str, int] = {}
    """Sockets of the port by state."""

    @property
    def is_full(self) -> bool:
        """Whether the accept queue takes no further connection."""
        return self.limit is not None and self.queue > self.limit

    @property
    def host_port(self) -> str:
        """Address and port as one word."""
        return join_port(self.address, self.port)


class PeerUse(Part):
    """Connections from this host to one address and port, and the local ports that they hold."""

    local: str
    """The local address: each has the whole port range."""
    remote: str
    port: int
    sockets: int
    states: dict[str, int] = {}


class Sockets(Part):
    """TCP sockets counted: never listed one by one."""

    states: dict[str, int] = {}
    listeners: list[Listener] = []
    peers: list[PeerUse] = []
    """Those with most sockets, the most first."""
    from_peers: dict[str, int] = {}
    """Sockets of this host's listeners by the peer's address, the most first."""
    orphans: int | None = None
    memory_pages: int | None = None
    source: str = ""
    """``sock_diag`` or ``/proc/net/tcp``."""


class Process(Part):
    """A process that owns a listener. Its arguments and environment are not read."""

    pid: int
    name: str
    """As in /proc/PID/comm."""
    open_files: int | None = None
    open_files_limit: int | None = None
    """The soft limit; None: unlimited or not readable."""
    group: str = ""
    """Its control group."""


class Interface(Part):
    """A network interface; its counters are in ``counters``."""

    name: str
    mtu: int = 0
    mac: str = ""
    state: str = ""
    kind: str = ""
    """``veth``, ``vxlan``, ``wireguard``...; empty for a device of its own."""
    addresses: list[str] = []
    """With the length of the prefix."""
    offloads: dict[str, bool] = {}
    """``tso``, ``gso``, ``gro``, ``lro``, ``rx_checksum``, ``tx_checksum``."""
    queue_length: int = 0


class Route(Part):
    """A route of any table."""

    to: str
    """A network, or ``default``."""
    family: int
    via: str = ""
    device: str = ""
    table: str = "main"
    kind: str = "unicast"
    """``unicast``, ``blackhole``, ``unreachable``, ``prohibit``, ``throw``..."""
    source: str = ""
    metric: int = 0
    mtu: int | None = None


class RoutingRule(Part):
    """A rule of policy routing that is not one of the kernel's own three."""

    family: int
    priority: int
    text: str


class Rule(Part):
    """A rule, or a chain's policy, that drops or rejects."""

    id: str
    """Stays the same between two snapshots while the rule does."""
    family: str
    """``ip``, ``ip6``, ``inet``, ``bridge``, ``arp`` or ``netdev``."""
    table: str
    chain: str
    action: str
    """``drop`` or ``reject``."""
    hook: str = ""
    """``input``, ``output``, ``forward``...; empty for a chain that others jump to."""
    with_: str = msgspec.field(name="with", default="")
    """What it rejects with, as ``tcp reset``."""
    text: str = ""
    """The rule as it was read."""
    counted: bool = True
    """False where it has no counter."""
    protocol: str = ""
    sources: list[str] = []
    """Networks; empty: any."""
    destinations: list[str] = []
    source_ports: list[str] = []
    """``80`` or ``8000-8080``; empty: any."""
    destination_ports: list[str] = []
    in_interface: str = ""
    out_interface: str = ""
    partly: bool = False
    """It has further conditions, which stand in ``text`` alone."""


class Firewall(Part):
    """What drops or rejects on this host."""

    sources: list[str] = []
    """Which programs listed it."""
    rules: list[Rule] = []
    total: int = 0
    """Rules of all kinds."""


class Conntrack(Part):
    """Connection tracking: the table and how long it remembers."""

    count: int | None = None
    max: int | None = None
    buckets: int | None = None
    timeouts: dict[str, int] = {}
    """Seconds, by state."""
    loose: bool | None = None


class Ports(Part):
    """From where connect() takes its ports."""

    first: int = 0
    last: int = 0
    reserved: list[str] = []
    """``ip_local_reserved_ports``: ports and ranges that it leaves out."""

    @property
    def size(self) -> int:
        """Return how many ports there are to take; 0 where the range is not known."""
        if self.last < self.first or not self.last:
            return 0
        taken = 0
        for text in self.reserved:
            low, _, high = text.partition("-")
            if not low.isdecimal() or not (high or low).isdecimal():
                continue
            taken += max(0, min(int(high or low), self.last) - max(int(low), self.first) + 1)
        return max(0, self.last - self.first + 1 - taken)


class Neighbours(Part):
    """The neighbour table (ARP, NDP): states counted, and whom nobody answers for."""

    states: dict[str, int] = {}
    failed: list[str] = []
    """Addresses in state ``failed`` or ``incomplete``, the first of them."""
    limits: dict[str, int] = {}
    """``gc_thresh1`` to ``gc_thresh3`` for IPv4."""


class Dns(Part):
    """How names are looked up."""

    servers: list[str] = []
    search: list[str] = []
    options: list[str] = []
    hosts: str = ""
    """The line ``hosts:`` of nsswitch.conf."""
    behind: list[str] = []
    """The servers that a local stub (systemd-resolved) asks."""


class Clock(Part):
    """How well the clock is kept (adjtimex(2))."""

    synchronized: bool | None = None
    offset: float | None = None
    """Seconds that the kernel still has to correct."""
    error: float | None = None
    """Seconds that the clock may be off at most, as whoever keeps it says."""
    source: str = ""


class Pressure(Part):
    """Share of the last 10 and 300 s in which some task waited, percent (/proc/pressure)."""

    ten: float = 0.0
    five_minutes: float = 0.0


class Limits(Part):
    """Limits of the whole host."""

    files: int | None = None
    """Open files."""
    files_max: int | None = None
    memory_total: int | None = None
    """Bytes."""
    memory_available: int | None = None
    load: list[float] = []
    pressure: dict[str, Pressure] = {}
    """``cpu``, ``memory`` and ``io``."""


class Snapshot(Part):
    """What decides connection failures on one host, at one moment."""

    schema: str
    time: str
    generator: Generator = msgspec.field(default_factory=Generator)
    root: bool = False
    host: HostIdentity = msgspec.field(default_factory=HostIdentity)
    counters: Counters = msgspec.field(default_factory=Counters)
    earlier: Counters | None = None
    """The same counters some time before, with ``--during``."""
    settings: dict[str, str] = {}
    """sysctl by name, as ``net.ipv4.tcp_syncookies``."""
    sockets: Sockets = msgspec.field(default_factory=Sockets)
    processes: list[Process] = []
    ports: Ports = msgspec.field(default_factory=Ports)
    limits: Limits = msgspec.field(default_factory=Limits)
    conntrack: Conntrack | None = None
    interfaces: list[Interface] = []
    routes: list[Route] = []
    rules: list[RoutingRule] = []
    neighbours: Neighbours = msgspec.field(default_factory=Neighbours)
    firewall: Firewall = msgspec.field(default_factory=Firewall)
    dns: Dns = msgspec.field(default_factory=Dns)
    clock: Clock = msgspec.field(default_factory=Clock)
    envoy: Envoy | None = None
    unread: list[Unread] = []
    cut: dict[str, int] = {}
    """What a limit left out, by its kind."""
