"""The strong test: what the probe says equals what the analyzer says of a capture of that probe."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from failurelab import namespaces
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import Scenario
from pcapdiag import pipeline
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.probe import ProbeCheck, ProbeOptions, ProbeReport
from pcapdiag.model.report import Connection
from pcapdiag.probe.run import probe
from pcapdiag.protocols.tls.keylog import KeyLog
from tests.probe.servers import Handler, code, over_tls, say, serving, tls_context

pytestmark = [pytest.mark.once, pytest.mark.needs(program="tcpdump ip iptables ethtool", root=True)]

RST = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
TIMEOUT = 1.5
"""Seconds: the SYN is repeated once, after 1 s."""

LEFT = (
    "tls.certificate_name_mismatch",
    "tls.certificate_expired",
    "tls.client_certificate_required",
)
PARTED: dict[str, tuple[str, ...]] = {
    # The probe half-closes and reads on: a server that then speaks looks as if it had ended it.
    "tcp": ("tcp.closed_before_request",),
    # It wanted the handshake only, and left as a client does that refuses, or before it is refused.
    **dict.fromkeys(("tls_unverified", "tls_version", "alpn"), LEFT),
}
"""Codes that a capture of a check may have that worked for what it asked."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    yield from building(4, tmp_path)


def building(family: int, directory: Path) -> Iterator[Lab]:
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs network namespaces")
    point = Point("client", name="probe")
    scenario = Scenario("probe-lab", "", lambda _: None, points=(point,), family=family)
    with Lab(scenario, directory) as made:
        yield made


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The TLS secrets of the probe, which it keeps to itself."""
    kept: list[bytes] = []
    add = KeyLog.add

    def keep(self: KeyLog, text: bytes) -> None:
        kept.append(text)
        add(self, text)

    monkeypatch.setattr(KeyLog, "add", keep)
    return kept


def probed(lab: Lab, options: ProbeOptions) -> ProbeReport:
    with namespaces.inside(lab.client.namespace):
        return probe(options)


def analyzed(lab: Lab, keys: list[bytes]) -> list[Connection]:
    """Return every connection of the capture, in the order in which they began."""
    lab.sleep(1.6)
    capture = lab.capture("probe")
    capture.stop()
    log = lab.file("probe-keys.txt", b"".join(keys))
    report = pipeline.analyze(
        [str(file) for file in capture.files],
        AnalyzeOptions(all_connections=True, keylog=str(log) if keys else None),
    )
    return sorted(report.connections, key=lambda one: float(one.start))


def made(report: ProbeReport) -> list[ProbeCheck]:
    return [check for check in report.checks if check.status != "skipped"]


def rejecting(way: str) -> Callable[[Lab, int], None]:
    def prepare(lab: Lab, port: int) -> None:
        prohibited = "icmp6-adm-prohibited" if ":" in lab.router.ip else "icmp-admin-prohibited"
        rule = f"-A FORWARD -p tcp --dport {port} {way}"
        lab.router.iptables(rule.format(prohibited=prohibited))

    return prepare


CONNECTS: tuple[tuple[str, Callable[[Lab, int], object], str, str], ...] = (
    ("closed port", lambda *_: None, "tcp.connection_refused", "unknown"),
    ("dropped", rejecting("-j DROP"), "tcp.connection_timeout", "unknown"),
    ("RST", rejecting("-j REJECT --reject-with tcp-reset"), "tcp.connection_refused", "unknown"),
    ("port unreachable", rejecting("-j REJECT"), "icmp.unreachable", "path"),
    (
        "prohibited",
        rejecting("-j REJECT --reject-with {prohibited}"),
        "icmp.prohibited",
        "path",
    ),
    (
        "upstream's own rule",
        lambda lab, port: lab.upstream.iptables(f"-A INPUT -p tcp --dport {port} -j REJECT"),
        "icmp.unreachable",
        "server",
    ),
)


@pytest.mark.parametrize("family", [4, 6])
def test_connects_that_fail(family: int, tmp_path: Path) -> None:
    for lab in building(family, tmp_path):
        hold_connects(lab)


def hold_connects(lab: Lab) -> None:
    checks = []
    for number, (_, prepare, _, _) in enumerate(CONNECTS):
        port = 9000 + number
        prepare(lab, port)
        checks += made(probed(lab, ProbeOptions(lab.upstream.ip, port, timeout=TIMEOUT)))
    seen = analyzed(lab, [])
    wanted = [(name, told, told, side) for name, _, told, side in CONNECTS]
    got = [
        (name, code(check), one.verdict.code, check.verdict.who.side if check.verdict else "")
        for (name, *_), check, one in zip(CONNECTS, checks, seen, strict=True)
    ]
    assert got == wanted
    assert checks[1].facts.syns == seen[1].packets.initiator == 2
    assert [check.facts.icmp_source for check in checks[3:]] == [
        lab.router.ip,
        lab.router.ip,
        lab.upstream.ip,
    ]


def reset(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.setsockopt(*RST)


def http2(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(bytes.fromhex("000000 04 00 00000000 000000 04 01 00000000"))
    connection.recv(4096)


def test_what_servers_do(lab: Lab, secrets: list[bytes]) -> None:
    """Every connection of every check: versions, protocols, certificates, other protocols."""
    name, authority = "pay.internal", lab.authority
    ca = str(authority.cert)
    good = authority.issue(name)
    both = tls_context(good, alpn=["h2", "http/1.1"])
    plain = say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    cases: list[tuple[Handler, dict[str, Any], str]] = [
        (over_tls(both), {"ca": ca}, "ok"),
        (over_tls(both), {"tls": True}, "tls.certificate_untrusted"),
        (over_tls(both), {"ca": ca, "sni": "other.internal"}, "tls.certificate_name_mismatch"),
        (
            over_tls(tls_context(authority.issue(name, since=-60, days=30))),
            {"ca": ca},
            "tls.certificate_expired",
        ),
        (
            over_tls(tls_context(good, client_ca=ca)),
            {"ca": ca},
            "tls.client_certificate_required",
        ),
        (
            over_tls(tls_context(good, only=ssl.TLSVersion.TLSv1_2, client_ca=ca)),
            {"ca": ca},
            "tls.client_certificate_required",
        ),
        (plain, {"tls": True}, "protocol.tls_to_plaintext"),
        (reset, {"tls": True}, "tls.handshake_reset"),
        (say(), {"tls": True}, "tls.handshake_closed"),
        (lambda one: one.recv(4096) and one.recv(1), {"tls": True}, "tls.handshake_timeout"),
        (plain, {"tls": False, "http2": True}, "protocol.http2_to_http1"),
        (http2, {"tls": False, "http2": True}, "ok"),
        (http2, {"tls": False, "http_path": "/"}, "protocol.http1_to_http2"),
        (over_tls(both, http2), {"ca": ca, "http2": True, "alpn": ("h2",)}, "ok"),
    ]
    checks, expected = [], []
    for handler, more, first in cases:
        with namespaces.inside(lab.upstream.namespace):
            server = serving(handler, lab.upstream.ip)
            running = server.__enter__()
        try:
            options = ProbeOptions(
                running.address, running.port, **{"sni": None, "timeout": 1.5, **more}
            )
            if options.tls is not False and options.sni is None:
                options = replace(options, sni=name)
            found = made(probed(lab, options))
        finally:
            server.__exit__(None, None, None)
        checks += found
        expected.append((first, next((code(c) for c in found if c.status == "failed"), "ok")))
    assert [told for told, _ in expected] == [got for _, got in expected]
    seen = analyzed(lab, secrets)
    assert [
        (check.name, check.what, code(check), one.verdict.code)
        for check, one in zip(checks, seen, strict=True)
        if one.verdict.code != code(check) and one.verdict.code not in PARTED.get(check.name, ())
    ] == []


def test_this_host_itself(lab: Lab) -> None:
    """What never left is told from what the path or the server answered."""
    lab.client.run("ip route del default", check=False)
    lab.client.iptables("-A OUTPUT -p tcp --dport 9000 -j REJECT")
    away, rejected = (
        probed(lab, ProbeOptions(address, 9000)).checks[0]
        for address in ("198.51.100.1", lab.router.ip)
    )
    assert away.facts.errno == "ENETUNREACH"
    assert away.facts.syns is None
    for check in (away, rejected):
        assert code(check) == "icmp.unreachable"
        assert check.verdict is not None
        assert check.verdict.who.side == "here"
