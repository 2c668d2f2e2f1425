"""After which quiet time connections end, and what must not be taken for that."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.idle_timeout import IdleTimeout
from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import format_seconds
from tests.report.fabricate import refused

pytestmark = pytest.mark.once
SECOND = 1_000_000_000
START = 1_700_000_000


def ended(
    way: str, quiet: float, until: float, code: str = "tcp.stale_connection", port: int = 5432
) -> Connection:
    """A connection that was quiet for so long, until then (seconds after START)."""
    connection = refused(stream=round(until * 10), port=port)
    connection.start = format_seconds((START - 5_000) * SECOND)
    connection.end = format_seconds(round((START + until) * SECOND))
    connection.verdict.code = code
    connection.verdict.numbers = {f"idle_{way}": quiet, "idle_until": 5_000 + until}
    return connection


def endpoint(
    survived: int = 40,
    longest: float = 340,
    closed: dict[int, int] | None = None,
    port: int = 5432,
    within: float = 60,
) -> EndpointFacts:
    when = START * SECOND, round((START + within) * SECOND)
    return EndpointFacts(
        "10.0.2.7",
        port,
        idle_turns=survived,
        longest_idle=round(longest * SECOND),
        closed_idle=closed or {},
        closed_when=dict.fromkeys(closed or {}, when),
    )


def found(connections: list[Connection], *endpoints: EndpointFacts) -> list[Finding]:
    finder = IdleTimeout()
    for connection in connections:
        finder.look(connection)
    return finder.findings(Fleet(endpoints=list(endpoints)))


FORGOTTEN = [ended("late", 350.2, 400), ended("late", 410, 900), ended("late", 900, 2_000)]


def test_all_above_a_time_died_and_none_below() -> None:
    (finding,) = found(FORGOTTEN, endpoint())
    assert (finding.code, finding.severity) == ("path.idle_timeout", "failure")
    assert finding.title == (
        "connections to 10.0.2.7:5432 are forgotten after 340 s to 350 s of quiet"
    )
    assert "3 of 3 quiet for 350 s or more met RST at the next packet" in finding.detail
    assert "none of 40 quiet for less did (up to 340 s)" in finding.detail
    assert "a default of AWS NLB, NAT gateway, AWS GWLB (the time alone is no proof)" in (
        finding.detail
    )
    assert finding.streams == [4_000, 9_000, 20_000]
    assert finding.numbers["keep_alive"] == 120
    assert "keepalive_time: 120" in finding.fixes[1]
    assert "tcp_keepalive_time=120" in finding.fixes[2]
    assert (finding.first, finding.last) == tuple(
        format_seconds((START + at) * SECOND) for at in (400, 2_000)
    )


@pytest.mark.parametrize(
    ("connections", "facts"),
    [
        (FORGOTTEN[:2], endpoint()),
        (FORGOTTEN, endpoint(longest=360)),
        (FORGOTTEN, endpoint(survived=1)),
        ([ended("late", quiet, 1_000) for quiet in (350.2, 410, 900)], endpoint()),
    ],
    ids=["too few", "one survived", "nothing to compare with", "one moment: a restart"],
)
def test_less_than_that_is_no_timer(connections: list[Connection], facts: EndpointFacts) -> None:
    assert found(connections, facts) == []


def test_where_the_time_is_hardly_known_no_product_is_named() -> None:
    (finding,) = found(FORGOTTEN, endpoint(longest=20))
    assert "default" not in finding.detail
    assert finding.numbers["keep_alive"] == 20


def test_silence_has_other_products() -> None:
    dead = [ended("lost", 241 + n, 300 * (n + 1), "tcp.data_timeout") for n in range(3)]
    (finding,) = found(dead, endpoint(longest=235))
    assert "got no answer" in finding.detail
    assert "Azure load balancer" in finding.detail


def test_resets_at_expiry() -> None:
    resets = [ended("at_expiry", 240.02, 300 * n, "tcp.idle_reset") for n in range(4)]
    (finding,) = found(resets, endpoint(survived=0, longest=0))
    assert finding.severity == "warning"
    assert finding.title == "connections to 10.0.2.7:5432 are reset after 240 s of quiet"
    assert "4 connections reset after 240 s, each by itself" in finding.detail


def test_hours_are_written_out() -> None:
    resets = [ended("at_expiry", 7200.02, 20_000 * n, "tcp.idle_reset") for n in range(4)]
    (finding,) = found(resets, endpoint(survived=0, longest=0))
    assert "idle for 7200 s: Envoy" in finding.fixes[0]


def test_resets_at_one_moment_or_after_different_times_are_no_expiry() -> None:
    assert found([ended("at_expiry", 240, 300 + n / 10) for n in range(4)], endpoint()) == []
    assert found([ended("at_expiry", 50 * n, 300 * n) for n in range(1, 5)], endpoint()) == []
    survived = endpoint(longest=300)
    assert found([ended("at_expiry", 240, 300 * n) for n in range(4)], survived) == []


def test_a_keep_alive_race_names_the_servers_setting() -> None:
    raced = [ended("closed", 5.0, 100.0)]
    (finding,) = found(raced, endpoint(closed={50: 20, 51: 3, 12: 1}))
    assert (finding.severity, finding.count, finding.streams) == ("failure", 1, [1_000])
    assert finding.title == "10.0.2.7:5432 closes connections that were idle for 5 s"
    assert "23 connections closed so (FIN) with nothing lost" in finding.detail
    assert "uvicorn" in finding.detail
    assert "before 5 s" in finding.fixes[0]
    # Keep-alive packets do not help against a server that waits for requests.
    assert not any("keepalive" in command for command in finding.commands)


def test_orderly_closes_alone_only_inform_and_endpoints_alike_are_one() -> None:
    facts = [endpoint(closed={750: 9}, port=port) for port in (80, 81, 82)]
    (finding,) = found([], *facts)
    assert (finding.severity, finding.count, finding.fixes) == ("info", 27, [])
    assert finding.title == "3 endpoints close connections that were idle for 75 s"
    assert "NGINX" in finding.detail


@pytest.mark.parametrize("closed", [{750: 4}, {10 * n: 1 for n in range(1, 30)}])
def test_closes_at_different_times_are_no_setting(closed: dict[int, int]) -> None:
    assert found([], endpoint(closed=closed)) == []


def test_what_closes_all_at_one_moment_has_stopped() -> None:
    assert found([], endpoint(closed={38: 20}, within=0.9)) == []
    assert found([], endpoint(closed={38: 20}, within=1.1))


def test_answers_cut_short_are_no_idle_connections() -> None:
    cut = [ended("late", 0, n) for n in range(20)]
    for one in cut:
        one.verdict.code, one.verdict.numbers = "http.truncated_response", {}
    assert found(cut[:15], endpoint(closed={10: 20}))
    assert found(cut[:16], endpoint(closed={10: 20})) == []
    other = cut[15].verdict
    cut[15].verdict = ended("late", 0, 1, "http.local_reply").verdict
    cut[15].verdict.numbers, cut[15].other_failures = {}, [other]
    assert found(cut[:16], endpoint(closed={10: 20})) == []


def test_closes_after_all_kinds_of_quiet_times_are_no_timer() -> None:
    assert found([], endpoint(closed={25: 2, 27: 2, 29: 3})) == []
    assert found([], endpoint(closed={25: 2, 26: 2, 27: 3}))
    raced = [ended("closed", 2.6, 100.0)]
    assert found(raced, endpoint(closed={25: 2, 27: 2, 29: 3}))


def test_resets_after_about_the_same_time_say_from_when_to_when() -> None:
    quiet = (240.0, 240.4, 241.0, 241.2)
    resets = [ended("at_expiry", q, 300 * n, "tcp.idle_reset") for n, q in enumerate(quiet)]
    (finding,) = found(resets, endpoint(survived=0, longest=0))
    assert "4 connections reset after 240 s to 241 s, each by itself" in finding.detail
