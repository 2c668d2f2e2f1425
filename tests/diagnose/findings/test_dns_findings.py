"""Findings of the capture's own DNS, at their borders."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.dns_failure import DnsFailure
from pcapdiag.diagnose.findings.dns_families import missing_names
from pcapdiag.diagnose.findings.dns_family_failing import DnsFamilyFailing
from pcapdiag.diagnose.findings.dns_slow import DnsSlow
from pcapdiag.diagnose.findings.dns_stale_address import DnsStaleAddress
from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.dns import (
    A,
    DnsFacts,
    FailedName,
    Failure,
    HeldAddress,
    HeldAnswers,
    ResolverFacts,
    SlowLookup,
)
from pcapdiag.model.fleet import SILENT, CallerFacts, Fleet, SpanFacts
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import format_seconds
from tests.report.fabricate import refused

pytestmark = pytest.mark.once
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
CLIENT, SERVER = "10.0.0.5", "10.0.9.53"
OLD, NEW = "10.0.2.7", "10.0.2.8"
V4, V6 = "10.0.2.7", "2001:db8::7"


def failed(
    name: str, count: int = 2, how: Failure = "nxdomain", good: int = 0, *after: str
) -> FailedName:
    one = FailedName(CLIENT, name, good=good, tried_next=set(after))
    if good:
        one.first_good = one.last_good = START
    if count:
        one.failures, one.servers = {how: count}, {SERVER: count}
        one.first, one.last, one.frames = START + SECOND, START + 9 * SECOND, [3]
    return one


def failures(*names: FailedName, **more: object) -> list[Finding]:
    facts = DnsFacts(
        failed=list(names),
        resolvers=[ResolverFacts(SERVER, answered=9, clients={CLIENT}, rcodes={0: 9})],
    )
    for name, value in more.items():
        setattr(facts, name, value)
    return DnsFailure().findings(Fleet(dns=facts))


def test_a_name_that_does_not_exist() -> None:
    (finding,) = failures(failed("api.example"))
    assert (finding.code, finding.count, finding.frames) == ("dns.failure", 2, [3])
    assert "api.example does not exist" in finding.title
    assert f"dig @{SERVER} api.example. A" in finding.commands
    assert finding.endpoint == f"{SERVER}:53"


def test_a_name_that_was_asked_for_once_is_not_in_use() -> None:
    assert failures(failed("api.example", 1)) == []


@pytest.mark.parametrize("how", ["nxdomain", "refused"])
def test_a_lookup_that_is_all_there_is_is_told_though_it_was_one(how: Failure) -> None:
    facts = DnsFacts(
        failed=[failed("api.example", 1, how)], resolvers=[ResolverFacts(SERVER, rcodes={3: 2})]
    )
    (finding,) = DnsFailure().findings(Fleet(dns=facts))
    assert finding.count == 1
    works = EndpointFacts(NEW, 80, connections=1, established=1)
    assert DnsFailure().findings(Fleet(dns=facts, endpoints=[works])) == []


def test_a_name_that_had_an_address_is_in_use() -> None:
    (finding,) = failures(failed("api.example", 1, "nxdomain", 1))
    assert finding.severity == "failure"
    assert "earlier in this capture" in finding.detail


def test_search_domains_before_the_name_that_works() -> None:
    names = [
        failed("api.ns.svc.cluster.local", 5, "nxdomain", 0, "api.svc.cluster.local"),
        failed("api.svc.cluster.local", 5, "nxdomain", 0, "api"),
        failed("api", 0, "nxdomain", 5),
    ]
    assert failures(*names) == []


def test_search_domains_while_the_bare_name_is_known() -> None:
    assert (
        failures(
            failed("api.test.corp.example", 5, "nxdomain", 0, "api.test.example"),
            failed("api.test.example", 5),
            search_domains={"corp.example", "example"},
        )
        == []
    )


def test_search_domains_and_the_name_fail() -> None:
    (finding,) = failures(
        failed("api.ns.svc.cluster.local", 5, "nxdomain", 0, "api.svc.cluster.local"),
        failed("api.svc.cluster.local", 5, "nxdomain", 0, "api"),
        failed("api", 5),
    )
    assert finding.title.startswith("api does not exist")
    assert "api.ns.svc.cluster.local, api.svc.cluster.local" in finding.detail


@pytest.mark.parametrize(
    "name",
    [
        "api.example.com.ns.svc.cluster.local",
        "api.example.com.cluster.local",
        "api.corp.example",
        "7.2.0.10.bl.example",
        "7.2.0.10.in-addr.arpa",
        "_ldap._tcp.corp",
        "wpad.corp.test",
        "printer.local",
    ],
)
def test_names_that_are_asked_for_in_vain_by_design(name: str) -> None:
    assert failures(failed(name, 9), search_domains={"corp.example"}) == []


def test_a_service_by_its_full_name() -> None:
    (finding,) = failures(failed("db.prod.svc.cluster.local"))
    assert "db.prod.svc.cluster.local" in finding.title


@pytest.mark.parametrize(
    ("how", "word"),
    [("servfail", "SERVFAIL"), ("refused", "REFUSED"), ("unanswered", "does not answer")],
)
def test_a_server_that_fails(how: Failure, word: str) -> None:
    (finding,) = failures(failed("a.example", 2, how), failed("b.example", 3, how))
    assert word in finding.title
    assert (finding.count, finding.severity) == (5, "failure")
    assert "b.example, a.example" in finding.detail
    assert failures(failed("a.example", 1, how)) == []


def test_a_question_to_all_on_the_link_has_no_server_that_fails() -> None:
    asked = failed("controller.example", 2, "unanswered")
    assert failures(asked)
    asked.servers = {"255.255.255.255": 2}
    assert failures(asked) == []


def test_silence_where_nothing_is_an_answer_may_be_a_capture_of_one_direction() -> None:
    facts = DnsFacts(failed=[failed("a.example", 2, "unanswered")])
    (finding,) = DnsFailure().findings(Fleet(dns=facts))
    assert finding.severity == "warning"
    assert "one direction" in finding.detail
    caller = CallerFacts(CLIENT, f"{NEW}:80", 1, 4000, 4000)
    works = EndpointFacts(NEW, 80, connections=1, established=1)
    (finding,) = DnsFailure().findings(Fleet(dns=facts, endpoints=[works], callers=[caller]))
    assert finding.severity == "failure"
    one_end = EndpointFacts(NEW, 80, connections=1, unanswered_turns=1)
    assert DnsFailure().findings(Fleet(dns=facts, endpoints=[one_end], callers=[caller])) == []


def test_a_hostile_name_is_harmless_and_in_no_command() -> None:
    (finding,) = failures(failed("a;reboot\x1b[2J.example"))
    assert "\x1b" not in finding.title + finding.detail
    assert finding.commands == []


def test_cut_answers_and_no_tcp() -> None:
    facts = DnsFacts(resolvers=[ResolverFacts(SERVER, answered=4, truncated=2)])
    closed = EndpointFacts(SERVER, 53, connections=2, refused=2)
    (finding,) = DnsFailure().findings(Fleet(dns=facts, endpoints=[closed]))
    assert "over TCP" in finding.title
    works = EndpointFacts(SERVER, 53, connections=2, refused=1, established=1)
    assert DnsFailure().findings(Fleet(dns=facts, endpoints=[works])) == []


def test_requests_that_a_proxy_could_not_hand_on() -> None:
    finder = DnsFailure()
    for stream, second, ip, code in (
        (1, 0.5, CLIENT, "http.no_healthy_upstream"),
        (2, 2, CLIENT, "http.no_healthy_upstream"),
        (3, 3, "10.0.1.5", "http.local_reply"),
        (4, 3, "10.0.7.7", "http.local_reply"),
        (5, 3, CLIENT, "tcp.connection_refused"),
        (6, 3, "10.0.7.7", "http.no_healthy_upstream"),
    ):
        connection = failed_at(second, ip)
        connection.stream, connection.verdict.code = stream, code
        connection.initiator.ip = "10.0.0.99"
        finder.look(connection)
    fleet = Fleet(dns=DnsFacts(failed=[failed("api.example")]))
    fleet.proxies = frozenset({CLIENT, "10.0.1.5"})
    (finding,) = finder.findings(fleet)
    assert (finding.streams, finding.severity) == ([2, 3, 6], "failure")


def slow_facts(count: int, quick: int, tries: int = 1, bucket: int = 0) -> Fleet:
    slow = [
        SlowLookup(START + n, 2 * SECOND, CLIENT, SERVER, f"n{n}.example", n + 1, tries)
        for n in range(count)
    ]
    resolver = ResolverFacts(SERVER, answered=count + quick)
    resolver.times[bucket] = quick
    resolver.times[11] = count
    return Fleet(dns=DnsFacts(slow=slow, resolvers=[resolver]))


def test_slow_answers() -> None:
    (finding,) = DnsSlow().findings(slow_facts(3, 20))
    assert (finding.code, finding.count) == ("dns.slow", 3)
    assert "3 lookups took 2 s" in finding.detail
    assert "half of the others took less than 1 ms" in finding.detail


@pytest.mark.parametrize(("count", "quick", "bucket"), [(2, 20, 0), (3, 400, 0), (3, 20, 9)])
def test_few_or_hardly_slower_answers(count: int, quick: int, bucket: int) -> None:
    assert DnsSlow().findings(slow_facts(count, quick, bucket=bucket)) == []


def test_slow_for_lost_queries() -> None:
    (finding,) = DnsSlow().findings(slow_facts(4, 20, tries=2))
    assert "answered only when asked again" in finding.detail
    assert any("single-request-reopen" in fix for fix in finding.fixes)


def failed_at(second: float, address: str = OLD) -> Connection:
    connection = refused(stream=int(second))
    connection.initiator.ip, connection.responder.ip = CLIENT, address
    connection.start = connection.end = format_seconds(START + int(second * SECOND))
    return connection


def moved(**changes: int) -> HeldAnswers:
    old = HeldAddress(START, START, 30, 1, gone=START + 20 * SECOND, gone_frame=5, without=2)
    for name, value in changes.items():
        setattr(old, name, value)
    return HeldAnswers(
        SERVER, "api.example", {OLD: old, NEW: HeldAddress(START, START, 30)}, {A: (NEW,)}
    )


def stale(book: HeldAnswers, *connections: Connection, **fleet: object) -> list[Finding]:
    finder = DnsStaleAddress()
    for connection in connections:
        finder.look(connection)
    facts = Fleet(dns=DnsFacts(answers=[book]))
    for name, value in fleet.items():
        setattr(facts, name, value)
    return finder.findings(facts)


def test_connections_to_an_address_that_is_gone() -> None:
    (finding,) = stale(moved(), failed_at(40), failed_at(50))
    assert (finding.code, finding.streams) == ("dns.stale_address", [40, 50])
    assert f"it gives {NEW}" in finding.detail
    assert "the first 20 s after the newer answer" in finding.detail


@pytest.mark.parametrize(
    "seconds", [(40,), (25, 29), (29, 40)], ids=["one", "within the TTL", "one after it"]
)
def test_too_few_connections_after_the_time_to_live(seconds: tuple[int, ...]) -> None:
    assert stale(moved(), *map(failed_at, seconds)) == []


def test_addresses_in_turn_are_not_gone() -> None:
    assert stale(moved(longest_away=1), failed_at(40), failed_at(50)) == []
    pool = moved()
    pool.held |= {f"10.0.3.{n}": HeldAddress(START, START, 30) for n in range(6)}
    assert stale(pool, failed_at(40), failed_at(50)) == []


def test_an_old_address_that_works_is_left_alone() -> None:
    works = EndpointFacts(OLD, 80, established=1, last_established=START + 55 * SECOND)
    assert stale(moved(), failed_at(40), failed_at(50), endpoints=[works]) == []


def test_an_old_address_that_worked_for_a_while_and_then_fails() -> None:
    works = EndpointFacts(OLD, 80, established=1, last_established=START + 35 * SECOND)
    (finding,) = stale(moved(), failed_at(34), failed_at(40), failed_at(50), endpoints=[works])
    assert finding.streams == [40, 50]


def test_an_address_that_another_name_holds_is_not_gone() -> None:
    other = HeldAnswers(SERVER, "b.example", {OLD: HeldAddress(START, START, 30)})
    finder = DnsStaleAddress()
    finder.look(failed_at(40))
    finder.look(failed_at(50))
    assert finder.findings(Fleet(dns=DnsFacts(answers=[moved(), other]))) == []


def families(v6: EndpointFacts, v4: EndpointFacts | None = None, *more: EndpointFacts) -> Fleet:
    held = {one: HeldAddress(START, START, 30) for one in (V4, V6)}
    v4 = v4 or EndpointFacts(V4, 80, connections=4, established=4)
    v4.first_established = START + SECOND // 4
    return Fleet(
        dns=DnsFacts(answers=[HeldAnswers(SERVER, "api.example", held)]),
        endpoints=[v6, v4, *more],
        spans={f"[{V6}]:80": [SpanFacts(SILENT, START, START + SECOND, 4)]},
    )


def test_a_family_that_never_works() -> None:
    silent = EndpointFacts(V6, 80, connections=4, unanswered=4)
    (finding,) = DnsFamilyFailing().findings(families(silent))
    assert (finding.code, finding.title) == ("dns.family_failing", "IPv6 never works")
    assert "IPv4 worked 250 ms after IPv6 had been tried" in finding.detail


def test_a_family_that_works_elsewhere() -> None:
    silent = EndpointFacts(V6, 80, connections=2, refused=2)
    elsewhere = EndpointFacts("2001:db8::9", 80, connections=1, established=1)
    (finding,) = DnsFamilyFailing().findings(families(silent, None, elsewhere))
    assert finding.title == "IPv6 never works for api.example"


@pytest.mark.parametrize(
    "v6",
    [
        EndpointFacts(V6, 80, connections=2, unanswered=2),
        EndpointFacts(V6, 80, connections=9, unanswered=8, established=1),
        EndpointFacts(V6, 80, connections=9, unanswered=8),
    ],
    ids=["few", "worked once", "one was answered"],
)
def test_a_family_that_lost_some_races(v6: EndpointFacts) -> None:
    assert DnsFamilyFailing().findings(families(v6)) == []


def test_both_families_fail() -> None:
    silent = EndpointFacts(V6, 80, connections=4, unanswered=4)
    closed = EndpointFacts(V4, 80, connections=4, refused=4)
    assert DnsFamilyFailing().findings(families(silent, closed)) == []


def test_names_are_taken_together_over_clients() -> None:
    one, other = failed("api.example", 1), failed("api.example", 1)
    other.client = "10.0.0.6"
    (missing,) = missing_names(DnsFacts(failed=[one, other]))
    assert (missing.count, missing.clients) == (2, {CLIENT, "10.0.0.6"})


def test_what_icmp_said_of_a_server() -> None:
    (closed,) = failures(failed("api.example", how="port_closed"))
    assert closed.severity == "failure"
    assert closed.title == f"{SERVER} takes no DNS queries: UDP port 53 is closed"
    (gone,) = failures(failed("api.example", how="unreachable"))
    assert f"(ip route get {SERVER})" in gone.fixes[0]
