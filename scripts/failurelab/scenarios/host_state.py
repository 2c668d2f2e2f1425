"""Failures whose cause a snapshot of the host shows, and one whose host's troubles are others."""

from __future__ import annotations

import os
from pathlib import Path

from failurelab import behaviours, conntrack, sockets
from failurelab.connections import Address
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.truth import Accepted

_BACKLOG = 6
_BOTH = ("client", "upstream")


def _full_listener(lab: Lab, port: int, spare: int = 0) -> Address:
    """A listener that accepts nothing, with so many places left in its queue."""
    listener = lab.upstream.listen(port, backlog=_BACKLOG)
    for _ in range(_BACKLOG + 1 - spare):
        lab.upstream.connect(listener.address)
    return listener.address


@scenario(
    "tcp.listen_backlog-snapshot-one-stalls",
    "One connection stalls at a full accept queue, which a snapshot of the host shows",
    bump="client-router",
    points=_BOTH,
    kept_apart=False,
)
def one_stalls(lab: Lab) -> None:
    """A listener accepts nothing and has one place left. Of two connections at once the first
    fits; the other one resets after four seconds. Snapshots of the upstream before, and while it
    stalls. Round trip 20 ms.
    """
    lab.bump.delay = 0.01
    address = _full_listener(lab, 8080, spare=1)
    lab.snapshots.keep(lab.upstream, "before")
    first, stalled = sockets.connect_together(lab.client, address, 2)
    lab.sleep(0.1)
    stalled.send(behaviours.get("/queue"))
    lab.sleep(2)
    lab.snapshots.keep(lab.upstream, "host")
    lab.sleep(1)
    stalled.reset()
    lab.sleep(0.2)
    lab.healthy(first)
    lab.judge(
        stalled,
        ["tcp.accept_queue_overflow", "tcp.handshake_stalled"],
        ["responder", "unknown"],
        at={"upstream": Accepted(sides=["responder"])},
    )
    lab.findings.expected = ["tcp.listen_backlog"]


@scenario(
    "tcp.listen_backlog-snapshot-syns-dropped",
    "A full accept queue drops SYNs: silence in the capture, listen drops in the host's snapshot",
    points=_BOTH,
    kept_apart=False,
)
def syns_dropped(lab: Lab) -> None:
    """The queue is full before the client comes; its SYNs are not answered, it gives up after
    3.5 seconds. Snapshots of the upstream before and after.
    """
    address = _full_listener(lab, 5432)
    lab.snapshots.keep(lab.upstream, "before")
    lost = lab.client.connect(address, timeout=3.5)
    lost.close()
    lab.snapshots.keep(lab.upstream, "host")
    lab.judge(lost, "tcp.connection_timeout", ["unknown", "responder"])
    lab.findings.expected = ["tcp.listen_backlog"]


@scenario(
    "host.not_accepting-hung-program",
    "A program hangs and accepts nothing: its requests wait in the kernel's queue",
    points=_BOTH,
    kept_apart=False,
)
def not_accepting(lab: Lab) -> None:
    """A listener whose program accepts nothing; the client sends its request and gives up after
    three seconds. The snapshot of the upstream is taken while it waits.
    """
    listener = lab.upstream.listen(8080)
    waiting = lab.client.connect(listener.address)
    waiting.send(behaviours.get("/cart"))
    lab.sleep(2)
    lab.snapshots.keep(lab.upstream, "host")
    lab.sleep(1)
    waiting.close()
    lab.sleep(0.3)
    codes = ["tcp.response_timeout", "tcp.initiator_abort"]
    lab.judge(waiting, codes, ["responder", "initiator", "unknown"])
    lab.findings.expected = ["host.not_accepting"]


_FEW_FILES = """
import resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
server = socket.create_server((sys.argv[1], 8080), backlog=16)
taken = []
while True:
    try:
        taken.append(server.accept()[0])
        taken[-1].sendall(b"220 ready\\r\\n")
    except OSError:
        time.sleep(0.1)
"""


@scenario(
    "host.open_files-at-limit",
    "A server at its limit of open files: accept() fails, and a client is never greeted",
    points=_BOTH,
    kept_apart=False,
)
def open_files(lab: Lab) -> None:
    """A server may have 24 files open and greets everybody whom it accepts; clients that stay take
    all of them. The last one is in the queue, sends a request and gives up after three seconds.
    """
    lab.upstream.python(_FEW_FILES, lab.upstream.ip, port=8080)
    for _ in range(24):
        lab.upstream.connect((lab.upstream.ip, 8080))
    lab.sleep(0.5)
    waiting = lab.client.connect((lab.upstream.ip, 8080))
    waiting.send(b"HELLO\r\n")
    lab.sleep(2)
    lab.snapshots.keep(lab.upstream, "host")
    lab.sleep(1)
    waiting.close()
    lab.sleep(0.3)
    codes = ["tcp.response_timeout", "tcp.initiator_abort"]
    lab.judge(waiting, codes, ["responder", "initiator", "unknown"])
    lab.findings.expected = ["host.open_files"]


@scenario(
    "host.firewall-nft-drop",
    "A rule of nftables on the upstream drops SYNs: its counter says so",
    points=_BOTH,
    kept_apart=False,
)
def nft_drop(lab: Lab) -> None:
    """nft drops TCP to port 8443 with a counter, and to 9999 with another one; the client gives up
    after 3.5 seconds. Snapshots of the upstream before and after.
    """
    lab.upstream.nft(
        "table inet guard { chain inbound { type filter hook input priority 0; policy accept; "
        "tcp dport 9999 counter drop; tcp dport { 8443, 9443-9445 } counter drop; }; }"
    )
    lab.upstream.listen(8443)
    lab.snapshots.keep(lab.upstream, "before")
    lost = lab.client.connect((lab.upstream.ip, 8443), timeout=3.5)
    lost.close()
    lab.snapshots.keep(lab.upstream, "host")
    lab.judge(lost, "tcp.connection_timeout", ["unknown", "responder", "path"])
    lab.findings.expected = ["host.firewall"]


@scenario(
    "host.firewall-iptables-reject",
    "A rule of iptables on the upstream rejects with a reset: no closed port",
    points=_BOTH,
    kept_apart=False,
)
def iptables_reject(lab: Lab) -> None:
    """iptables REJECT with tcp-reset for the client's network and two ports. Snapshots of the
    upstream before and after.
    """
    network = lab.client.ip.rpartition(".")[0] + ".0/24"
    lab.upstream.iptables(
        f"-A INPUT -s {network} -p tcp -m multiport --dports 8443,9443 -j REJECT "
        "--reject-with tcp-reset"
    )
    lab.upstream.listen(8443)
    lab.snapshots.keep(lab.upstream, "before")
    refused = lab.client.connect((lab.upstream.ip, 8443))
    refused.close()
    lab.snapshots.keep(lab.upstream, "host")
    lab.judge(refused, "tcp.connection_refused", ["responder", "unknown"])
    lab.findings.expected = ["host.firewall"]


@scenario(
    "host.conntrack_full-on-upstream",
    "The upstream's connection table is full: SYNs arrive and are dropped there",
    points=_BOTH,
    kept_apart=False,
)
def conntrack_full(lab: Lab) -> None:
    """A rule has the upstream track connections; its table is filled by netlink, up to the
    machine's nf_conntrack_max, with flows that are not dropped early. The client gives up after 3.5
    seconds. Snapshots of the upstream before and after.
    """
    lab.upstream.iptables("-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT")
    lab.upstream.listen(8080)
    most = int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text())
    conntrack.fill(lab.upstream, most + 1_000)
    lab.snapshots.keep(lab.upstream, "before")
    lost = lab.client.connect((lab.upstream.ip, 8080), timeout=3.5)
    lost.close()
    lab.snapshots.keep(lab.upstream, "host")
    lab.upstream.forget_connections()
    lab.judge(lost, "tcp.connection_timeout", ["unknown", "responder", "path"])
    lab.findings.expected = ["host.conntrack_full"]


@scenario(
    "host.no_route-no-way-back",
    "The upstream has no route back to the client: SYNs arrive, nothing leaves",
    points=_BOTH,
    kept_apart=False,
)
def no_way_back(lab: Lab) -> None:
    """The upstream's routes but for its own network are taken away; the client gives up after 3.5
    seconds.
    """
    lab.upstream.listen(8080)
    lab.upstream.run("ip route del default", check=False)
    network = lab.client.ip.rpartition(".")[0] + ".0/24"
    lab.upstream.run(["ip", "route", "flush", "root", network, "scope", "global"], check=False)
    lost = lab.client.connect((lab.upstream.ip, 8080), timeout=3.5)
    lost.close()
    lab.snapshots.keep(lab.upstream, "host")
    lab.judge(lost, "tcp.connection_timeout", ["unknown", "responder", "path"])
    lab.findings.expected = ["host.no_route"]


@scenario(
    "host.dropped-reverse-path",
    "The upstream's reverse path filter drops SYNs: its way back goes by another interface",
    points=_BOTH,
    kept_apart=False,
)
def reverse_path(lab: Lab) -> None:
    """rp_filter=1, and the route to the client's network leads to another interface; the client
    gives up after 3.5 seconds. Snapshots of the upstream before and after.
    """
    lab.upstream.listen(8080)
    lab.upstream.sysctl("net.ipv4.conf.all.rp_filter", 1)
    lab.upstream.run("ip link add other type veth peer name nowhere")
    lab.upstream.run("ip link set other up")
    lab.upstream.run("ip link set nowhere up")
    lab.upstream.run(f"ip route add {lab.client.ip}/32 dev other")
    lab.snapshots.keep(lab.upstream, "before")
    lost = lab.client.connect((lab.upstream.ip, 8080), timeout=3.5)
    lost.close()
    lab.snapshots.keep(lab.upstream, "host")
    lab.judge(lost, "tcp.connection_timeout", ["unknown", "responder", "path"])
    lab.findings.expected = ["host.dropped"]


@scenario(
    "host.dropped-shaped-queue",
    "A short queue of the upstream's interface drops segments of a download",
    points=("client",),
    kept_apart=False,
)
def shaped_queue(lab: Lab) -> None:
    """tbf with 8 Mbit/s and room for 12 kB on the upstream; 300 kB are downloaded, segments are
    sent again. Snapshots of the upstream before and after.
    """
    body = b"x" * 300_000
    lab.upstream.run("tc qdisc add dev eth0 root tbf rate 8mbit burst 4kb limit 12kb")
    server = lab.upstream.serve(8080, behaviours.answer_and_close(behaviours.reply(body)))
    lab.snapshots.keep(lab.upstream, "before")
    slow = lab.client.connect(server.address)
    slow.send(behaviours.get("/big"))
    slow.receive_all()
    slow.close()
    lab.sleep(0.5)
    lab.snapshots.keep(lab.upstream, "host")
    lab.healthy(slow)
    lab.findings.expected = ["host.dropped"]


_GREEDY = """
import socket, sys
server = socket.create_server((sys.argv[1], 8080))
held = []
while True:
    taken, _ = server.accept()
    taken.recv(1000)
    while True:
        held.append(bytearray(b"x" * 1_000_000))
"""


@scenario(
    "host.out_of_memory-killed-server",
    "The kernel kills a server at its group's memory limit, in the middle of a request",
    points=_BOTH,
    kept_apart=False,
)
def out_of_memory(lab: Lab) -> None:
    """A server in a control group of 48 MB takes more than that when a request comes, and is
    killed; the next connection is refused. Snapshots of the upstream before and after.
    """
    group = Path("/sys/fs/cgroup/memory") / f"lab-{os.getpid()}"
    group.mkdir()
    lab.at_end(group.rmdir)
    (group / "memory.limit_in_bytes").write_text("48M")
    process = lab.upstream.python(_GREEDY, lab.upstream.ip, port=8080)
    (group / "cgroup.procs").write_text(str(process.popen.pid))
    lab.snapshots.keep(lab.upstream, "before")
    cut = lab.client.connect((lab.upstream.ip, 8080))
    cut.send(behaviours.get("/report"))
    lab.wait_until(lambda: process.popen.poll() is not None, 20)
    lab.sleep(0.3)
    refused = lab.client.connect((lab.upstream.ip, 8080))
    cut.close()
    refused.close()
    lab.snapshots.keep(lab.upstream, "host")
    codes = ["tcp.closed_before_response", "tcp.reset_before_response"]
    lab.judge(cut, codes, "responder")
    lab.judge(refused, "tcp.connection_refused", ["responder", "unknown"])
    lab.findings.expected = ["host.out_of_memory", "host.not_listening"]


@scenario(
    "tcp.connection_refused-snapshot-other-troubles",
    "A closed port on a host with troubles that do not explain it",
    points=_BOTH,
    layers=("tcp", "host"),
    kept_apart=False,
)
def other_troubles(lab: Lab) -> None:
    """The client is refused at a closed port. Meanwhile the upstream drops and rejects by rules for
    other ports and networks, another listener's queue is full and drops, and another program is at
    its limit of open files. Snapshots before and after.
    """
    lab.upstream.nft(
        "table inet guard { chain inbound { type filter hook input priority 0; policy accept; "
        "tcp dport 7001 counter drop; ip saddr 198.51.100.0/24 counter reject; "
        "tcp dport 7002 counter reject with tcp reset; }; }"
    )
    address = _full_listener(lab, 7000)
    lab.upstream.python(_FEW_FILES, lab.upstream.ip, port=8080)
    lab.snapshots.keep(lab.upstream, "before")
    for port in (7000, 7001, 7002):
        lab.upstream.connect((address[0], port), timeout=1.2)
    for _ in range(24):
        lab.upstream.connect((lab.upstream.ip, 8080))
    refused = lab.client.connect((lab.upstream.ip, 9000))
    refused.close()
    lab.sleep(0.3)
    lab.snapshots.keep(lab.upstream, "host")
    lab.judge(refused, "tcp.connection_refused", ["responder", "unknown"])
    lab.findings.expected = ["host.not_listening"]
    lab.findings.forbidden = [
        "host.firewall", "host.open_files", "host.not_accepting", "host.dropped",
        "tcp.listen_backlog", "host.no_route", "host.conntrack_full",
    ]  # fmt: skip
