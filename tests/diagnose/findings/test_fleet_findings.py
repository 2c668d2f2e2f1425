"""Findings from the fleet's tables: checks, outages, full queues, origins' errors."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.checks import checks
from pcapdiag.diagnose.findings.health_check import HealthChecks
from pcapdiag.diagnose.findings.listen_backlog import ListenBacklog
from pcapdiag.diagnose.findings.server_errors import ServerErrors
from pcapdiag.model.context import EndpointFacts, HostFacts
from pcapdiag.model.fleet import (
    REFUSED,
    AskFacts,
    AskKind,
    CallerFacts,
    Fleet,
)
from pcapdiag.model.report import Alternative, Cause, Connection, Finding, Side
from pcapdiag.model.units import format_seconds
from tests.report.fabricate import refused

pytestmark = pytest.mark.once
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
ENVOY = b"GET /healthz?key=secret HTTP/1.1\r\nhost: a\r\nuser-agent: Envoy/HC\r\n\r\n"
BARE = b"OPTIONS / HTTP/1.0\r\n\r\n"


def ask(
    kind: AskKind = "check", head: bytes = ENVOY, port: int = 9000, /, **changes: object
) -> AskFacts:
    facts = AskFacts(
        kind=kind,
        caller="10.0.1.5",
        endpoint=f"10.0.2.7:{port}",
        address="10.0.2.7",
        port=port,
        head=head,
        count=6,
        alone=6,
        same=6,
        first=START,
        last=START + 5 * SECOND,
        period=SECOND,
        steady=1.0,
        outcomes={503: 6},
        changes=[(START, 503)],
    )
    for name, value in changes.items():
        setattr(facts, name, value)
    return facts


def failed_at(
    second: float, code: str = "tcp.connection_refused", side: Side = "responder"
) -> Connection:
    connection = refused(stream=int(second * 10))
    connection.responder.ip, connection.responder.port = "10.0.2.7", 9000
    connection.start = connection.end = format_seconds(START + int(second * SECOND))
    connection.verdict.code = code
    connection.verdict.attribution.side = side
    return connection


def health(fleet: Fleet, *connections: Connection) -> list[Finding]:
    finder = HealthChecks()
    for connection in connections:
        finder.look(connection)
    return finder.findings(fleet)


def test_a_failing_check_with_the_503_that_followed() -> None:
    (finding,) = health(Fleet(asks=[ask()]), failed_at(4, "http.no_healthy_upstream"), failed_at(4))
    assert (finding.code, finding.severity) == ("health.check_failing", "failure")
    assert (finding.endpoint, finding.count) == ("10.0.2.7:9000", 6)
    assert finding.numbers == {"checks": 6, "failed": 6, "period": 1.0, "status": 503}
    assert "Envoy at 10.0.1.5 asks 10.0.2.7:9000 for GET /healthz every 1 s" in finding.detail
    assert "secret" not in finding.detail
    assert "1 request then found no endpoint in use" in finding.detail
    assert finding.streams == [40]
    assert finding.commands == [
        "curl -sv -m 3 -o /dev/null http://10.0.2.7:9000/healthz  # from 10.0.1.5"
    ]


def test_a_wrong_path_is_named_as_such() -> None:
    (finding,) = health(Fleet(asks=[ask(outcomes={404: 6}, changes=[(START, 404)])]))
    assert finding.severity == "warning"
    assert "wrong path" in finding.fixes[0]


def test_checks_that_work_say_nothing() -> None:
    assert health(Fleet(asks=[ask(good=6, outcomes={200: 6}, changes=[(START, 200)])])) == []


def test_one_failed_check_says_nothing() -> None:
    facts = ask(good=5, outcomes={200: 5, 503: 1}, changes=[(START, 200), (START + 5, 503)])
    assert health(Fleet(asks=[facts])) == []


def test_a_path_that_would_not_stand_in_a_command_is_left_out_of_it() -> None:
    head = ENVOY.replace(b"/healthz", b"/h';reboot;'")
    (finding,) = health(Fleet(asks=[ask(head=head)]))
    assert finding.commands[0].startswith("curl -sv -m 3 -o /dev/null http://10.0.2.7:9000/  #")


def test_a_checks_own_refused_connections_and_the_port_that_is_open() -> None:
    bare = ask("connect", b"", outcomes={REFUSED: 6}, changes=[(START, REFUSED)])
    fleet = Fleet(
        asks=[bare],
        proxies=frozenset({"10.0.1.5"}),
        endpoints=[EndpointFacts("10.0.2.7", 9000), EndpointFacts("10.0.2.7", 9901, established=2)],
        callers=[
            CallerFacts("10.0.1.5", "10.0.2.7:9000", 6, 1, 2, "10.0.2.7"),
            CallerFacts("10.0.1.5", "10.0.2.7:9901", 2, 1, 2, "10.0.2.7", came_up=2),
        ],
    )
    (finding,) = health(fleet, *map(failed_at, range(6)))
    assert finding.streams == [0, 10, 20, 30, 40, 50]
    assert finding.severity == "warning"
    assert "while 10.0.2.7 takes connections on port 9901" in finding.detail
    assert "6 failed connections here are this check's own" in finding.detail
    fleet.callers[0].connections = 7
    (finding,) = health(fleet, failed_at(1))
    assert finding.streams == []


def test_a_proxys_tries_for_a_request_are_no_check() -> None:
    bare = ask("connect", b"", outcomes={REFUSED: 6}, changes=[(START, REFUSED)])
    fleet = Fleet(
        asks=[bare],
        proxies=frozenset({"10.0.1.5"}),
        callers=[
            CallerFacts("10.0.1.5", "10.0.2.7:9000", 6, 1, 2, "10.0.2.7"),
            CallerFacts("10.0.1.5", "10.0.2.7:9901", 2, 1, 2, "10.0.2.7", came_up=2),
        ],
    )
    tries = [failed_at(number) for number in range(6)]
    reply = failed_at(7)
    reply.causes = [Cause(stream=one.stream, frame=1) for one in tries]
    assert health(fleet, *tries)
    assert health(fleet, reply, *tries) == []
    reply.causes = reply.causes[:4]
    assert health(fleet, reply, *tries)


def test_a_grpc_server_that_is_not_serving() -> None:
    head = b"POST /grpc.health.v1.Health/Check HTTP/2\r\nuser-agent: Envoy/HC\r\n"
    (finding,) = health(Fleet(asks=[ask(head=head)]))
    assert "fails: not SERVING" in finding.title
    assert finding.commands[0].startswith("grpcurl -plaintext 10.0.2.7:9000 grpc.health.v1.Health")
    (finding,) = health(Fleet(asks=[ask(head=head, outcomes={1012: 6}, changes=[(START, 1012)])]))
    assert "gRPC status 12 UNIMPLEMENTED" in finding.title
    assert "has no grpc.health.v1.Health" in finding.fixes[0]


@pytest.mark.parametrize(
    ("line", "same", "is_check"),
    [
        (b"GET /api/v2/status HTTP/1.1", 6, True),
        (b"GET /api/v2/status HTTP/1.1", 4, False),
        (b"GET /orders/17/status HTTP/1.1", 6, False),
        (b"GET /jobs/6f9619ff-8b86-d011-b42d-00cf4fc964ff/status HTTP/1.1", 6, False),
        (b"GET /facade/status HTTP/1.1", 6, True),
    ],
)
def test_asking_how_one_thing_is_is_no_check(line: bytes, same: int, is_check: bool) -> None:
    head = line + b"\r\nuser-agent: python-requests/2\r\n"
    assert bool(checks(Fleet(asks=[ask("path", head, same=same)]))) is is_check


def test_single_failures_take_no_endpoint_out() -> None:
    changes = [
        (START, 200), (START + 2 * SECOND, 503), (START + 3 * SECOND, 200),
        (START + 6 * SECOND, 503), (START + 7 * SECOND, 200),
    ]  # fmt: skip
    assert health(Fleet(asks=[ask(count=9, good=7, changes=changes)])) == []


def test_out_and_the_requests_that_found_nothing() -> None:
    changes = [(START, 200), (START + 2 * SECOND, 503), (START + 4 * SECOND, 200)]
    facts = ask(count=30, good=28, last=START + 30 * SECOND, changes=changes)
    none = [failed_at(at, "http.no_healthy_upstream") for at in (1, 3, 6, 20)]
    (finding,) = health(Fleet(asks=[facts]), *none)
    assert (finding.severity, finding.streams) == ("failure", [30, 60])
    assert "2 of 30 failed (status 503); 2 s from the first failed one" in finding.detail
    assert "2 requests found no endpoint in use meanwhile" in finding.detail


def test_out_and_back() -> None:
    changes = [(START, 200), (START + 2 * SECOND, 503), (START + 4 * SECOND, 200)]
    (finding,) = health(Fleet(asks=[ask(good=4, changes=changes)]))
    assert (finding.code, finding.severity, finding.count) == ("health.endpoint_out", "info", 2)
    assert finding.first == format_seconds(START + 2 * SECOND)
    assert finding.title == "10.0.2.7:9000 was out by its health checks and came back"


@pytest.mark.parametrize(
    ("changes", "is_check"),
    [
        ({}, True),
        ({"steady": 0.4}, False),
        ({"count": 3, "alone": 3, "same": 3}, False),
        ({"alone": 1}, False),
        ({"period": SECOND // 20}, False),
        ({"period": 600 * SECOND}, False),
    ],
)
def test_without_a_user_agent_regular_times_must_tell(
    changes: dict[str, object], is_check: bool
) -> None:
    assert bool(checks(Fleet(asks=[ask("bare", BARE, **changes)]))) is is_check


@pytest.mark.parametrize(
    ("head", "is_check"),
    [
        (b"GET /cart HTTP/1.1\r\nHost: a\r\n\r\n", False),
        (b"GET /admin/status HTTP/1.1\r\nHost: a\r\n\r\n", True),
        (b"GET /cart HTTP/1.0\r\n\r\n", True),
    ],
)
def test_a_client_without_a_user_agent_need_not_be_a_check(head: bytes, is_check: bool) -> None:
    assert bool(checks(Fleet(asks=[ask("bare", head)]))) is is_check


def test_bare_connections_are_checks_only_of_a_proxy() -> None:
    facts = ask("connect", b"", outcomes={REFUSED: 6}, changes=[(START, REFUSED)])
    assert checks(Fleet(asks=[facts])) == []
    proxy = HostFacts("10.0.1.5", answered=3)
    assert health(Fleet(asks=[facts], hosts=[proxy])) == []
    used = CallerFacts("10.0.1.5", "10.0.2.7:9000", 9, 1, 2, "10.0.2.7", came_up=3)
    assert health(Fleet(asks=[facts], hosts=[proxy], callers=[used])) == []
    fleet = Fleet(asks=[facts], hosts=[proxy])
    (finding,) = health(fleet, failed_at(4, "http.no_healthy_upstream"))
    assert "connection refused" in finding.title
    assert finding.commands == ["nc -vz -w 3 10.0.2.7 9000  # from 10.0.1.5"]


def stalled(code: str, *alternatives: str) -> Connection:
    connection = failed_at(1, code)
    connection.verdict.alternatives = [Alternative(code=a, confidence=0.3) for a in alternatives]
    return connection


def backlog(*connections: Connection) -> list[Finding]:
    finder = ListenBacklog()
    for connection in connections:
        finder.look(connection)
    return finder.findings(Fleet())


def test_several_stalled_handshakes_are_a_full_queue() -> None:
    overflow = "tcp.accept_queue_overflow"
    (finding,) = backlog(stalled(overflow), stalled("tcp.handshake_stalled", overflow))
    assert (finding.code, finding.count, finding.endpoint) == (
        "tcp.listen_backlog", 2, "10.0.2.7:9000",
    )  # fmt: skip
    assert finding.commands[0].startswith("ss -ltn 'sport = :9000'")
    assert backlog(stalled(overflow)) == []
    assert (
        backlog(stalled("tcp.data_timeout", overflow), stalled("tcp.data_timeout", overflow)) == []
    )


def requests(port: int, count: int, errors: int, caller: str = "10.0.1.5") -> AskFacts:
    outcomes = {200: count - errors, 500: errors}
    return ask("request", b"GET / HTTP/1.1\r\n", port, count=count, errors=errors,
               outcomes=outcomes, caller=caller)  # fmt: skip


def test_an_origin_that_stands_out() -> None:
    fleet = Fleet(asks=[requests(9000, 20, 10), requests(9001, 20, 0)])
    (finding,) = ServerErrors().findings(fleet)
    assert (finding.code, finding.endpoint, finding.count) == (
        "http.server_errors", "10.0.2.7:9000", 10,
    )  # fmt: skip
    assert "10 with status 500" in finding.detail
    assert "its other endpoints: 0%" in finding.detail


@pytest.mark.parametrize(
    "asks",
    [
        [requests(9000, 20, 10), requests(9001, 20, 9)],
        [requests(9000, 9, 4), requests(9001, 20, 0)],
        [requests(9000, 9, 9)],
        [requests(9000, 100, 10)],
    ],
    ids=["all the same", "few", "alone and few", "alone and a small share"],
)
def test_errors_that_do_not_stand_out(asks: list[AskFacts]) -> None:
    assert ServerErrors().findings(Fleet(asks=asks)) == []


def test_a_proxys_answers_are_not_its_own() -> None:
    fleet = Fleet(asks=[requests(9000, 20, 20)], proxies=frozenset({"10.0.2.7"}))
    assert ServerErrors().findings(fleet) == []
    assert len(ServerErrors().findings(Fleet(asks=[requests(9000, 20, 20)]))) == 1
