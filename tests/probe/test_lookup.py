"""Names: both families, resolvers that fail or hang, the hosts file, and which addresses are tried."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pcapdiag.model.probe import ProbeOptions
from pcapdiag.probe import lookup
from pcapdiag.probe.budget import MAX_ADDRESSES
from pcapdiag.probe.run import probe
from tests.probe.servers import check, code, say, serving

pytestmark = pytest.mark.once

Answer = Callable[[socket.AddressFamily], list[str]]


def resolve(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    def getaddrinfo(_name: str, _port: None, family: socket.AddressFamily, _kind: int) -> Any:  # noqa: ANN401
        return [(family, 1, 6, "", (address, 0)) for address in answer(family)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def raising(number: int) -> list[str]:
    raise socket.gaierror(number, "told by the system")


def test_no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, lambda _: raising(socket.EAI_NONAME))
    report = probe(ProbeOptions("gone.example", 443))
    one = check(report, "dns")
    assert (report.status, code(one)) == ("failed", "dns.failure")
    assert len(report.checks) == 1
    assert one.verdict is not None
    assert "dig gone.example A; dig gone.example AAAA" in one.verdict.commands


def test_a_family_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(family: socket.AddressFamily) -> list[str]:
        return ["127.0.0.1"] if family == socket.AF_INET else raising(socket.EAI_AGAIN)

    resolve(monkeypatch, answer)
    with serving(say()) as server:
        report = probe(ProbeOptions("half.example", server.port, tls=False))
    assert code(check(report, "dns")) == "dns.family_failing"
    assert check(report, "tcp").status == "ok"


def test_a_family_that_the_name_does_not_have_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(family: socket.AddressFamily) -> list[str]:
        return ["127.0.0.1"] if family == socket.AF_INET else raising(socket.EAI_NONAME)

    resolve(monkeypatch, answer)
    with serving(say()) as server:
        report = probe(ProbeOptions("four.example", server.port, tls=False))
    assert report.status == "ok"


def test_a_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    resolve(monkeypatch, lambda _: [str(go_on.wait(20))])
    try:
        report = probe(ProbeOptions("slow.example", 443, timeout=0.2))
    finally:
        go_on.set()
    one = check(report, "dns")
    assert code(one) == "dns.failure"
    assert {each.error for each in one.facts.lookups} == {lookup.TIMED_OUT}
    assert one.verdict is not None
    assert one.verdict.who.side == "unknown"


def test_addresses_of_both_families_by_turns_and_not_too_many() -> None:
    four = lookup.Lookup(socket.AF_INET, [f"10.0.0.{n}" for n in range(9)])
    six = lookup.Lookup(socket.AF_INET6, ["2001:db8::1"])
    assert lookup.by_turns([four, six]) == ["10.0.0.0", "2001:db8::1", "10.0.0.1", "10.0.0.2"]
    assert len(lookup.by_turns([four])) == MAX_ADDRESSES


def test_what_the_hosts_file_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(
        b"# a.example 9.9.9.9\n10.0.0.1 a.example b # c\n::1\tA.Example.\n\xff\xfe bad\n"
    )
    monkeypatch.setattr(lookup, "HOSTS", path)
    assert lookup.in_hosts_file("a.example.") == ["10.0.0.1", "::1"]
    assert lookup.in_hosts_file("c") == []
    monkeypatch.setattr(lookup, "HOSTS", tmp_path / "none")
    assert lookup.in_hosts_file("a.example") == []


def test_a_host_without_the_other_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that this host has no route to is no fault of a name that also has another."""
    resolve(
        monkeypatch,
        lambda family: ["127.0.0.1"] if family == socket.AF_INET else ["2001:db8::1"],
    )
    connect = socket.socket.connect

    class Socket(socket.socket):
        def connect(self, address: Any) -> None:  # noqa: ANN401
            if self.family == socket.AF_INET6:
                raise OSError(101, "Network is unreachable")
            connect(self, address)

    monkeypatch.setattr(socket, "socket", Socket)
    with serving(say()) as server:
        report = probe(ProbeOptions("both.example", server.port, tls=False))
    statuses = [(one.name, one.status) for one in report.checks]
    assert statuses == [("dns", "ok"), ("tcp", "ok"), ("tcp", "info")]
    assert report.status == "ok"
    six = report.checks[-1]
    assert (code(six), six.facts.errno) == ("icmp.unreachable", "ENETUNREACH")
