"""A snapshot of the host that the tests run on: what is there, and what must not be."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest

from pcapdiag.errors import UsageError
from pcapdiag.host import netlink, sockets
from pcapdiag.host.kernel import Reading
from pcapdiag.host.load import encode_snapshot
from pcapdiag.host.take import take_snapshot
from pcapdiag.model.snapshot import Listener, Snapshot

pytestmark = pytest.mark.once

BACKLOG = 2
SECRET = "hunter2hunter2"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listener of this process that accepts nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as made:
        yield made


def of(snapshot: Snapshot, made: socket.socket) -> Listener:
    port = made.getsockname()[1]
    (found,) = [one for one in snapshot.sockets.listeners if one.port == port]
    return found


def fill(made: socket.socket, count: int) -> list[socket.socket]:
    callers = []
    for _ in range(count):
        caller = socket.socket()
        caller.setblocking(False)
        caller.connect_ex(made.getsockname())
        callers.append(caller)
    return callers


def test_a_full_accept_queue(listener: socket.socket) -> None:
    callers = fill(listener, BACKLOG + 3)
    try:
        snapshot = take_snapshot()
    finally:
        for caller in callers:
            caller.close()
    found = of(snapshot, listener)
    assert (found.queue, found.limit) == (BACKLOG + 1, BACKLOG)
    assert found.drops
    assert found.pids == [os.getpid()]
    (process,) = [one for one in snapshot.processes if one.pid == os.getpid()]
    assert process.open_files
    assert process.open_files_limit
    assert snapshot.counters.kernel["TcpExtListenOverflows"] >= 1
    assert any(
        (one.remote, one.port, one.sockets) == ("127.0.0.1", found.port, BACKLOG + 3)
        for one in snapshot.sockets.peers
    )


def test_what_every_linux_has() -> None:
    snapshot = take_snapshot()
    assert snapshot.settings["net.core.somaxconn"].isdecimal()
    assert "net.ipv4.tcp_syncookies" in snapshot.settings
    assert "net.ipv4.tcp_fastopen_key" not in snapshot.settings
    assert snapshot.ports.size > 0
    assert snapshot.limits.files_max
    assert {"127.0.0.1/8"} <= {one for i in snapshot.interfaces for one in i.addresses}
    assert snapshot.host.boot_id
    assert snapshot.counters.interfaces["lo"]["rx_packets"]


def test_without_netlink_proc_is_read(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Iterator[bytes]:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(netlink, "dump", refuse)
    callers = fill(listener, 2)
    try:
        snapshot = take_snapshot()
    finally:
        for caller in callers:
            caller.close()
    found = of(snapshot, listener)
    assert (found.address, found.queue, found.limit) == ("127.0.0.1", 2, None)
    assert snapshot.sockets.source == "/proc/net/tcp"
    missing = [one.what for one in snapshot.unread]
    assert "length of accept queues and drops of each listener" in missing
    assert {"interfaces", "routes", "neighbour table"} <= set(missing)


def test_arguments_and_environment_are_not_read() -> None:
    program = "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(1); input()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program, f"--password={SECRET}"],
        env={**os.environ, "TOKEN": SECRET},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout
        assert server.stdin
        server.stdout.readline()
        snapshot = take_snapshot()
        server.stdin.close()
    assert any(one.pid == server.pid for one in snapshot.processes)
    assert SECRET not in encode_snapshot(snapshot)


@pytest.mark.needs(root=True)
def test_not_as_root_it_says_what_it_could_not_read() -> None:
    program = """
import os, sys
from pcapdiag.host.take import take_snapshot
from pcapdiag.host.load import encode_snapshot
take_snapshot()  # what is imported late may lie where only root reads
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
sys.stdout.write(encode_snapshot(take_snapshot()))
"""
    with socket.create_server(("127.0.0.1", 0)) as made:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, text=True
        )
        snapshot = msgspec.json.decode(done.stdout, type=Snapshot)
        assert of(snapshot, made).limit is not None
        assert of(snapshot, made).pids == []
    told = {one.what: one for one in snapshot.unread}
    assert told["firewall rules that drop or reject"].how == "run it as root"
    assert "processes of some listeners, and their limits of open files" in told
    assert not snapshot.root


def test_counters_are_read_twice(listener: socket.socket) -> None:
    callers: list[socket.socket] = []
    snapshot = take_snapshot(5.0, wait=lambda seconds: callers.extend(fill(listener, int(seconds))))
    for caller in callers:
        caller.close()
    assert snapshot.earlier is not None
    name = f"127.0.0.1:{listener.getsockname()[1]}"
    assert name not in snapshot.earlier.listeners
    assert snapshot.counters.listeners[name] >= 1


def test_many_sockets_are_counted_and_not_listed(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_PEERS", 0)
    callers = fill(listener, 2)
    reading = Reading()
    found, _ = sockets.read_sockets(reading)
    for caller in callers:
        caller.close()
    assert found.peers == []
    assert reading.cut["peers"] >= 1
    assert found.states["established"] >= 2


def test_another_system_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UsageError, match="taken on Linux, and this is darwin"):
        take_snapshot()
