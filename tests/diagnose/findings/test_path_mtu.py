"""One finding for each size above which nothing passes."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.path_mtu import PathMtu
from pcapdiag.model.fleet import Fleet, TooBigFact
from pcapdiag.model.report import Attribution, Connection, Verdict
from tests.report.fabricate import healthy

pytestmark = pytest.mark.once
SECOND = 1_000_000_000


def failed(stream: int, receiver: str, passed: int, vanished: int) -> Connection:
    connection = healthy()
    connection.stream = stream
    connection.responder.ip = receiver
    connection.verdict = Verdict(
        code="mtu.black_hole",
        failed=True,
        phase="in_request",
        title="",
        explanation="",
        attribution=Attribution(),
        frames=[stream * 10],
        numbers={"passed_size": passed, "vanished_size": vanished, "by_initiator": 1},
    )
    return connection


def test_ways_with_the_same_size_are_one() -> None:
    finder = PathMtu()
    for number, receiver in enumerate(("10.0.2.7", "10.0.2.8", "10.0.2.7")):
        finder.look(failed(number, receiver, 1440 + number, 1460))
    (finding,) = finder.findings(Fleet())
    assert (finding.code, finding.severity, finding.count) == ("path.mtu", "failure", 3)
    assert finding.streams == [0, 2, 1]
    assert finding.numbers == {"passed_size": 1442, "vanished_size": 1460, "failed": 3}
    assert "VXLAN" in finding.detail
    assert "no router's word on it (ICMP) in this capture" in finding.detail


def test_sizes_that_do_not_agree_stay_apart() -> None:
    finder = PathMtu()
    finder.look(failed(0, "10.0.2.7", 1440, 1460))
    finder.look(failed(1, "10.0.2.8", 1300, 1400))
    assert len(finder.findings(Fleet())) == 2


def test_told_and_heeded_is_worth_knowing() -> None:
    told = TooBigFact("10.0.9.1", "10.0.1.5", "10.0.2.7", 1420, 4, [3], [17], SECOND, SECOND)
    (finding,) = PathMtu().findings(Fleet(too_big=[told]))
    assert (finding.severity, finding.streams, finding.frames) == ("info", [3], [17])
    assert "10.0.9.1 said so" in finding.detail
    assert "WireGuard" in finding.detail


def test_a_router_that_names_no_size() -> None:
    told = TooBigFact("10.0.9.1", "10.0.1.5", "10.0.2.7", 0, 1, [3], [17], SECOND, SECOND)
    assert PathMtu().findings(Fleet(too_big=[told])) == []
    finder = PathMtu()
    finder.look(failed(0, "10.0.2.7", 0, 1488))
    (finding,) = finder.findings(Fleet(too_big=[told]))
    assert finding.title == "a path that loses packets of 1488 bytes"
    assert "10.0.9.1 said so" in finding.detail


def test_healthy_connections_say_nothing() -> None:
    finder = PathMtu()
    finder.look(healthy())
    assert finder.findings(Fleet()) == []
