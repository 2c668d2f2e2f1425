"""Finding path.loss: which host's or network's path loses far more than the rest."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.path_loss import PathLoss
from pcapdiag.model.fleet import Fleet, LossFacts
from pcapdiag.model.report import Finding
from tests.report.fabricate import refused

pytestmark = pytest.mark.once


def to(address: str, segments: int, lost: int, connections: int = 3) -> LossFacts:
    return LossFacts(
        address, taken=segments, taken_lost=lost, taken_lossy=connections if lost else 0
    )


def find(*losses: LossFacts) -> list[Finding]:
    return PathLoss().findings(Fleet(losses=list(losses)))


QUIET = to("10.0.9.9", 2_000, 1)


def test_a_host_that_loses_far_more_than_the_rest() -> None:
    (finding,) = find(to("10.0.1.5", 500, 15), QUIET)
    assert (finding.code, finding.severity) == ("path.loss", "warning")
    assert finding.title == "the path to 10.0.1.5 loses 3.0% of the data segments"
    assert "between the capture point and this host" in finding.detail
    assert "all others it was 0.05% of 2,000" in finding.detail
    assert finding.numbers == {"segments_to": 500, "lost_to": 15, "share_to": 0.03}
    assert finding.addresses == ["10.0.1.5"]


def test_both_directions_are_one_finding() -> None:
    host = LossFacts(
        "10.0.1.5",
        taken=500, taken_lost=15, taken_lossy=3, sent=400, sent_lost=20, sent_lossy=3,
    )  # fmt: skip
    rest = LossFacts("10.0.9.9", taken=2_000, sent=2_000)
    (finding,) = find(host, rest)
    assert finding.count == 35
    assert "5.0%" in finding.title
    assert "towards it 15" in finding.detail
    assert "from it 20" in finding.detail


def test_hosts_of_a_network_that_lose_alike_are_one_finding() -> None:
    lossy = [to(f"192.0.2.{n}", 400, 12) for n in range(1, 5)]
    (finding,) = find(*lossy, QUIET)
    assert "192.0.2.0/24" in finding.title
    assert finding.count == 48


def test_one_host_of_a_calm_network_stands_alone() -> None:
    calm = [to(f"192.0.2.{n}", 800, 0) for n in range(2, 5)]
    (finding,) = find(to("192.0.2.1", 400, 12), *calm)
    assert finding.addresses == ["192.0.2.1"]


def test_many_hosts_with_little_traffic_show_together() -> None:
    lossy = [to(f"2001:db8::{n}", 40, 2, 1) for n in range(1, 9)]
    (finding,) = find(*lossy, QUIET)
    assert "2001:db8::/64" in finding.title


@pytest.mark.parametrize(
    "losses",
    [
        [to("10.0.1.5", 500, 4), QUIET],
        [to("10.0.1.5", 200, 7), QUIET],
        [to("10.0.1.5", 5_000, 20), QUIET],
        [to("10.0.1.5", 500, 10, 1), QUIET],
        [to("10.0.1.5", 500, 10), to("10.0.9.9", 2_000, 20)],
        [to("10.0.1.5", 500, 9)],
        [],
    ],
    ids=[
        "few",
        "one fewer than enough",
        "usual",
        "one transfer",
        "as the rest",
        "nothing to compare with",
        "nothing",
    ],
)
def test_no_finding(losses: list[LossFacts]) -> None:
    assert find(*losses) == []


def test_with_nothing_to_compare_with_it_must_be_plainly_high() -> None:
    (finding,) = find(to("10.0.1.5", 900, 30))
    assert "the path to 10.0.1.5" in finding.title
    assert "all others" not in finding.detail


def test_where_everything_loses_nobody_is_named() -> None:
    (finding,) = find(*(to(f"10.0.{n}.5", 300, 12) for n in range(4)))
    assert finding.title == "4.0% of all data segments are lost"
    assert "behind the capture point 48" in finding.detail


def test_a_burst_is_said() -> None:
    host = to("10.0.1.5", 500, 15)
    host.seconds = {1_000: 1, 1_100: 12, 1_101: 2}
    fleet = Fleet(losses=[host, QUIET], first_time=1_000 * 10**9)
    (finding,) = PathLoss().findings(fleet)
    assert "most of it (93%) within 10 s, 100 s into the capture" in finding.detail


def test_failed_connections_to_the_host_are_explained() -> None:
    finder = PathLoss()
    connection = refused(stream=7)
    connection.responder.ip = "10.0.1.5"
    connection.verdict.code = "tcp.data_timeout"
    finder.look(connection)
    (finding,) = finder.findings(Fleet(losses=[to("10.0.1.5", 500, 15), QUIET]))
    assert finding.streams == [7]


def test_losses_that_are_spread_are_no_burst() -> None:
    host = to("10.0.1.5", 500, 15)
    host.seconds = {1_000: 5, 1_030: 5, 1_059: 5}
    (finding,) = PathLoss().findings(Fleet(losses=[host, QUIET], first_time=1_000 * 10**9))
    assert "most of it" not in finding.detail
