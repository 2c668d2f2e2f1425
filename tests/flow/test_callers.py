"""What hosts ask of endpoints, over all their connections."""

from __future__ import annotations

from pcapdiag.flow.callers import (
    COUNTS_WAITING,
    MAX_STEPS,
    MAX_STEPS_IN_ALL,
    Level,
)
from pcapdiag.flow.fleet import asks_of, callers_of, open_at, spans_of
from pcapdiag.flow.spans import MAX_SPANS
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.fleet import CAME_UP, NO_ANSWER, REFUSED, SILENT, AskFacts, CallerFacts
from tests.flow.wire import MS, SECOND, START, End, Link, Wire, tell

KUBE = b"GET /readyz HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1.31\r\n\r\n"
HAPROXY = b"OPTIONS / HTTP/1.0\r\n\r\n"
CURL = b"GET /cart HTTP/1.1\r\nuser-agent: curl/8.0\r\n\r\n"
CURL_HEALTH = b"GET /api/health HTTP/1.1\r\nuser-agent: curl/8.0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
DOWN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def link(wire: Wire, port: int, isn: int = 0) -> Link:
    client = End("10.0.1.5", port, isn or 0x1000 * port, b"\2\0\0\0\0\1")
    return Link(wire, client, End("10.0.2.7", 8080, 0x9000 * port, b"\2\0\0\0\0\2"))


def ask(wire: Wire, at: float, port: int, request: bytes, answer: bytes = OK, isn: int = 0) -> None:
    one = link(wire, port, isn)
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


def test_the_same_path_again_is_told_from_another_one() -> None:
    wire = Wire()
    for number, path in enumerate((b"/api/health", b"/api/health?at=2", b"/api/healthy")):
        ask(wire, number * 100, 40_000 + number, CURL_HEALTH.replace(b"/api/health", path))
    assert (asks(wire)["path"].count, asks(wire)["path"].same) == (3, 1)


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


def test_single_syns_without_an_answer_part_those_that_came_up_before_and_after() -> None:
    wire = Wire()
    for number in range(2):
        ask(wire, number * 100, 40_000 + number, CURL)
    for number in range(3):
        link(wire, 42_000 + number).c(1_000 + number * 300, "S", 0, mss=1460)
    ask(wire, 3_000, 43_000, CURL)
    (endpoint,) = tell(wire).tracker.table.endpoints.values()
    assert [(span.outcome, span.count) for span in spans_of(endpoint)] == [
        (CAME_UP, 2), (SILENT, 3), (CAME_UP, 1),
    ]  # fmt: skip


def test_what_was_answered_while_nothing_new_was_taken() -> None:
    wire = Wire()
    kept = link(wire, 40_000)
    kept.handshake(0)
    for number in range(6):
        at, sent, got = 100 + number * 700, 1 + 18 * number, 1 + 27 * number
        kept.c(at, "PA", sent, got, b"GET / HTTP/1.1\r\n\r\n")
        kept.s(at + 20, "PA", got, sent + 18, b"HTTP/1.1 204 No Content\r\n\r\n")
    for number in range(3):
        link(wire, 42_000 + number).c(1_000 + number * 300, "S", 0, mss=1460)
    ask(wire, 5_000, 43_000, CURL)
    (endpoint,) = tell(wire).tracker.table.endpoints.values()
    before, silent, after = spans_of(endpoint)
    served = before.served
    assert served.count == 5, "not those within half a second"
    assert ((served.first - START) // MS, (served.last - START) // MS) == (820, 3_620)
    assert served.gap == 700 * MS
    assert silent.served.count == after.served.count == 0


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


def held(wire: Wire, at: float, port: int, seconds: float, first: str = "c") -> None:
    """Write a connection that is open for so long, and which end closes it first."""
    one = link(wire, port)
    one.handshake(at, rtt=1)
    one.c(at + 2, "PA", 1, 1, CURL)
    ask_end, end = 1 + len(CURL), at + 1_000 * seconds
    one.s(at + 3, "PA", 1, ask_end, OK)
    if first == "c":
        one.c(end, "FA", ask_end, 1 + len(OK))
        one.s(end + 1, "FA", 1 + len(OK), ask_end + 1)
        one.c(end + 2, "A", ask_end + 1, 2 + len(OK))
    elif first == "s":
        one.s(end, "FA", 1 + len(OK), ask_end)
        one.c(end + 1, "FA", ask_end, 2 + len(OK))
        one.s(end + 2, "A", 2 + len(OK), ask_end + 1)


def caller_of(wire: Wire) -> CallerFacts:
    (endpoint,) = tell(wire, want_all=False).tracker.table.endpoints.values()
    (caller,) = callers_of(endpoint)
    return caller


def test_ports_in_time_wait_count_as_in_use() -> None:
    wire = Wire()
    for number in range(COUNTS_WAITING + 100):
        ask(wire, number * 200, 40_000 + number, CURL)
    caller = caller_of(wire)
    assert caller.connections == COUNTS_WAITING + 100
    assert 95 <= caller.most_in_use <= 101
    assert (caller.lowest_port, caller.highest_port) == (40_000, 40_163)


def test_ports_are_free_again_after_a_minute() -> None:
    wire = Wire()
    for number in range(COUNTS_WAITING + 100):
        ask(wire, number * 6_000, 40_000 + number, CURL)
    assert 10 <= caller_of(wire).most_in_use <= 11


def test_the_servers_time_wait_takes_no_port_of_the_caller() -> None:
    wire = Wire()
    for number in range(COUNTS_WAITING + 200):
        held(wire, number * 10, 40_000 + number, 0.005, first="s")
    assert caller_of(wire).most_in_use <= 1


def test_a_port_that_is_used_again_counts_once() -> None:
    wire = Wire()
    for number in range(COUNTS_WAITING + 200):
        ask(wire, number * 200, 40_000 + number % 10, CURL, isn=1_000_000 + 5_000_000 * number)
    caller = caller_of(wire)
    assert caller.reused == COUNTS_WAITING + 190
    assert 9 <= caller.most_in_use <= 11


def test_connections_open_at_once() -> None:
    wire = Wire()
    for number in range(30):
        held(wire, number * 100, 40_000 + number, 6)
    held(wire, 20_000, 41_000, 1_000, first="nobody")
    tracker = tell(wire, want_all=False).tracker
    (endpoint,) = tracker.table.endpoints.values()
    (caller,) = callers_of(endpoint)
    assert caller.most_open == 30
    assert 3 <= (caller.most_at - START) / SECOND <= 6
    (counted,) = endpoint.callers.values()
    levels = [open_at(counted, START + at * SECOND) for at in (-5, 4, 12, 30)]
    assert levels == [0, 30, 0, 1]


def test_what_stays_open_is_open_until_the_end() -> None:
    wire = Wire()
    for number in range(20):
        held(wire, number * 15_000, 40_000 + number, 1_000, first="nobody")
    assert caller_of(wire).most_open == 20


def test_many_steps_are_bounded_and_what_is_left_stays_right() -> None:
    level, steps = Level(), 0
    for number in range(20 * MAX_STEPS):
        steps += level.add(number * 3 * SECOND, (number * 3 + 90) * SECOND, 1)
    assert len(level.changes) == steps <= MAX_STEPS
    total, totals = 0, []
    for moment in sorted(level.changes):
        total += level.changes[moment]
        totals.append(total)
    assert 29 <= max(totals) <= 30
    assert total == 0


def test_steps_are_bounded_in_all() -> None:
    def fill(tracker: Tracker) -> None:
        tracker.callers.steps = MAX_STEPS_IN_ALL - 10

    wire = Wire()
    for number in range(30):
        held(wire, number * 3_000, 40_000 + number, 2)
    tracker = tell(wire, want_all=False, prepare=fill).tracker
    assert tracker.callers.steps <= MAX_STEPS_IN_ALL + 2
    assert tracker.callers.uncounted > 10


def test_a_range_of_ports_that_is_nearly_used_up() -> None:
    """Short connections at a high rate, which the client closes: as many ports wait."""
    wire = Wire()
    for number in range(1_200):
        ask(wire, number * 10, 32_768 + 2 * number, CURL)
    caller = caller_of(wire)
    assert 1_100 <= caller.most_in_use <= 1_200 - COUNTS_WAITING + 1


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


def test_a_port_is_in_use_where_an_old_connection_answers_and_not_where_a_syn_proxy_tries() -> None:
    def cured(answer: str) -> int:
        wire = Wire()
        one = link(wire, 40_000)
        one.c(0, "S", 0, mss=1460)
        one.s(1, answer, 700, 70_000)
        one.c(1.1, "R", 70_000)
        one.handshake(1000)
        tracker = tell(wire, want_all=False).tracker
        (endpoint,) = tracker.table.endpoints.values()
        (caller,) = callers_of(endpoint)
        return caller.cured

    assert cured("A") == 1
    assert cured("SA") == 0
