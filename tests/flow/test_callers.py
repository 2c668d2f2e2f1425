"""What hosts ask of endpoints, over all their connections."""

from __future__ import annotations

from pcapdiag.flow.callers import COUNTS_PORTS, MAX_SPANS
from pcapdiag.flow.fleet import asks_of, callers_of, spans_of
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.fleet import CAME_UP, NO_ANSWER, REFUSED, SILENT, AskFacts
from tests.flow.wire import MS, SECOND, START, End, Link, Wire, tell

KUBE = b"GET /readyz HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1.31\r\n\r\n"
HAPROXY = b"OPTIONS / HTTP/1.0\r\n\r\n"
CURL = b"GET /cart HTTP/1.1\r\nuser-agent: curl/8.0\r\n\r\n"
CURL_HEALTH = b"GET /api/health HTTP/1.1\r\nuser-agent: curl/8.0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
DOWN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def link(wire: Wire, port: int) -> Link:
    client = End("10.0.1.5", port, 0x1000 * port, b"\2\0\0\0\0\1")
    return Link(wire, client, End("10.0.2.7", 8080, 0x9000 * port, b"\2\0\0\0\0\2"))


def ask(wire: Wire, at: float, port: int, request: bytes, answer: bytes = OK) -> None:
    one = link(wire, port)
    one.handshake(at, rtt=1)
    one.c(at + 2, "PA", 1, 1, request)
    end = 1 + len(request)
    if answer:
        one.s(at + 3, "PA", 1, end, answer)
    one.c(at + 4, "FA", end, 1 + len(answer))
    one.s(at + 5, "FA", 1 + len(answer), end + 1)
    one.c(at + 6, "A", end + 1, 2 + len(answer))


def refuse(wire: Wire, at: float, port: int) -> None:
    one = link(wire, port)
    one.c(at, "S", 0, mss=1460)
    one.s(at + 1, "RA", 0, 1)


def asks(wire: Wire) -> dict[str, AskFacts]:
    tracker = tell(wire, want_all=False).tracker
    (endpoint,) = tracker.table.endpoints.values()
    return {one.kind: one for one in asks_of(endpoint)}


def test_requests_are_told_apart_by_what_they_say_of_themselves() -> None:
    wire = Wire()
    for number, request in enumerate((KUBE, HAPROXY, CURL, CURL_HEALTH)):
        ask(wire, number * 100, 40_000 + number, request)
    found = asks(wire)
    assert set(found) == {"check", "bare", "request", "path"}
    assert found["check"].head.startswith(b"GET /readyz")
    assert all(one.count == one.good == one.alone == 1 for one in found.values())


def test_period_and_changes_of_a_check() -> None:
    wire = Wire()
    for number, answer in enumerate((OK, OK, DOWN, DOWN, DOWN, OK)):
        ask(wire, number * 1_000, 40_000 + number, KUBE, answer)
    check = asks(wire)["check"]
    assert (check.count, check.good, check.errors) == (6, 3, 3)
    assert abs(check.period - SECOND) < MS
    assert check.steady == 1.0
    assert check.outcomes == {200: 3, 503: 3}
    assert [(round((time - START) / SECOND), code) for time, code in check.changes] == [
        (0, 200), (2, 503), (5, 200),
    ]  # fmt: skip


def test_several_requests_on_one_connection_are_not_alone() -> None:
    wire = Wire()
    one = link(wire, 40_000)
    one.handshake(0, rtt=1)
    seq, ack = 1, 1
    for number in range(3):
        at = 10 + number * 500
        one.c(at, "PA", seq, ack, CURL)
        seq += len(CURL)
        one.s(at + 1, "PA", ack, seq, OK)
        ack += len(OK)
    request = asks(wire)["request"]
    assert (request.count, request.alone) == (3, 1)


def test_a_request_without_an_answer() -> None:
    wire = Wire()
    ask(wire, 0, 40_000, KUBE, b"")
    assert asks(wire)["check"].outcomes == {NO_ANSWER: 1}


def test_bare_connections_by_outcome_and_the_endpoints_spans() -> None:
    wire = Wire()
    for number in range(2):
        ask(wire, number * 100, 40_000 + number, CURL)
    for number in range(3):
        refuse(wire, 1_000 + number * 500, 41_000 + number)
    silent = link(wire, 42_000)
    for at in (10_000, 11_000, 13_000):
        silent.c(at, "S", 0, mss=1460)
    link(wire, 42_001).c(14_000, "S", 0, mss=1460)
    ask(wire, 60_000, 43_000, CURL)
    tracker = tell(wire).tracker
    (endpoint,) = tracker.table.endpoints.values()
    (connect,) = (one for one in asks_of(endpoint) if one.kind == "connect")
    assert connect.outcomes == {REFUSED: 3, SILENT: 2}
    spans = spans_of(endpoint)
    assert [(span.outcome, span.count) for span in spans] == [
        (CAME_UP, 2), (REFUSED, 3), (SILENT, 2), (CAME_UP, 1),
    ]  # fmt: skip
    assert (spans[2].first - START) // MS == 10_000
    assert (spans[1].first - START) // MS == 1_001
    assert (spans[1].last - START) // MS == 2_001


def test_an_endpoint_that_always_worked_has_no_spans() -> None:
    wire = Wire()
    ask(wire, 0, 40_000, CURL)
    (endpoint,) = tell(wire).tracker.table.endpoints.values()
    assert spans_of(endpoint) == []


def test_spans_are_bounded() -> None:
    wire = Wire()
    for number in range(2 * MAX_SPANS):
        if number % 2:
            refuse(wire, number * 100, 40_000 + number)
        else:
            ask(wire, number * 100, 40_000 + number, CURL)
    (endpoint,) = tell(wire).tracker.table.endpoints.values()
    assert len(spans_of(endpoint)) == MAX_SPANS
    assert endpoint.spans_left_out == MAX_SPANS


def ports(wire: Wire) -> tuple[Tracker, int, int]:
    tracker = tell(wire, want_all=False).tracker
    (endpoint,) = tracker.table.endpoints.values()
    (caller,) = callers_of(endpoint)
    return tracker, caller.connections, caller.most_in_use


def test_ports_in_time_wait_count_as_in_use() -> None:
    wire = Wire()
    for number in range(COUNTS_PORTS + 100):
        ask(wire, number * 200, 40_000 + number, CURL)
    _, connections, most = ports(wire)
    assert connections == COUNTS_PORTS + 100
    assert most == 101


def test_ports_are_free_again_after_a_minute() -> None:
    wire = Wire()
    for number in range(COUNTS_PORTS + 100):
        ask(wire, number * 6_000, 40_000 + number, CURL)
    _, _, most = ports(wire)
    assert 10 <= most <= 13


def test_first_syns_that_nobody_answered() -> None:
    wire = Wire()
    ask(wire, 0, 40_000, CURL)
    late = link(wire, 40_001)
    late.c(100, "S", 0, mss=1460)
    late.c(1_100, "S", 0, mss=1460)
    late.s(1_101, "SA", 0, 1, mss=1460)
    late.c(1_102, "A", 1, 1)
    ask(wire, 2_000, 40_002, CURL)
    link(wire, 40_003).c(2_100, "S", 0, mss=1460)
    refuse(wire, 2_200, 40_004)
    ask(wire, 4_000, 40_005, CURL)
    link(wire, 40_006).c(4_500, "S", 0, mss=1460)
    tracker = tell(wire, want_all=False).tracker
    (endpoint,) = tracker.table.endpoints.values()
    (caller,) = callers_of(endpoint)
    assert (caller.came_up, caller.dropped, caller.drop_episodes) == (3, 2, 2)
    assert caller.first_dropped == START + 100 * MS
    assert caller.last_dropped == START + 2_100 * MS
