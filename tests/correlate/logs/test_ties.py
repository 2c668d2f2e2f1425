"""Lines find their connections whatever the log's clock says, and no line finds another's."""

from __future__ import annotations

import msgspec
import pytest

from pcapdiag.correlate.logs.ties import LogTies, tie_log
from pcapdiag.correlate.logs.wire import WireConnection, WireRequest
from pcapdiag.model.logs import LogEntry
from tests.correlate.logs.world import (
    LISTENER,
    MS,
    PROXY,
    SECOND,
    SERVER,
    Format,
    World,
    legs,
    wrong,
)

pytestmark = pytest.mark.once

HOUR = 3600 * SECOND
START = 1_700_000_000 * SECOND
FORMATS: tuple[Format, ...] = ("ports", "default", "error", "haproxy")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("behind", [0, 3 * MS, -37 * SECOND - 123 * MS])
def test_all_lines_are_tied_on_both_legs(form: Format, behind: int) -> None:
    world = World(50)
    ties = world.tie(world.log(form, behind=behind))
    assert len(ties.ties) == 50
    assert wrong(ties) == 0
    assert all(legs(ties, line) == {"downstream", "upstream"} for line in range(50))
    assert ties.clock is not None
    assert abs(ties.clock.offset - behind) <= ties.clock.error
    assert ties.by_more_than_time


@pytest.mark.parametrize("form", ["error", "haproxy"])
@pytest.mark.parametrize("behind", [-2 * HOUR, 5 * HOUR + 1800 * SECOND + 40 * MS])
def test_a_local_times_zone_is_found(form: Format, behind: int) -> None:
    world = World(50)
    ties = world.tie(world.log(form, behind=behind))
    assert len(ties.ties) == 50
    assert wrong(ties) == 0
    assert ties.clock is not None
    assert abs(ties.clock.offset - behind) <= ties.clock.error


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("count", [1, 3, 50])
def test_another_proxys_log_is_tied_to_nothing(form: Format, count: int) -> None:
    """Same requests, same upstream, same minute; other moments and ports."""
    ties = World(50).tie(World(count, seed=7).log(form))
    assert ties.ties == {}
    assert ties.clock is None


@pytest.mark.parametrize("form", FORMATS)
def test_one_line_is_enough_where_clocks_agree(form: Format) -> None:
    world = World(1)
    ties = world.tie(world.log(form))
    assert legs(ties, 0) == {"downstream", "upstream"}


def test_one_line_with_another_clock_needs_a_port() -> None:
    world = World(1)
    assert world.tie(world.log("ports", behind=37 * SECOND)).ties
    assert not world.tie(world.log("default", behind=37 * SECOND)).ties


@pytest.mark.parametrize("form", FORMATS)
def test_a_day_of_lines_and_a_minute_of_capture(form: Format) -> None:
    day = World(2_000, seconds=86_400, targets=100)
    lines = day.log(form)
    day.first += 40_000 * SECOND
    day.last = day.first + 480 * SECOND
    day.wires = [one for one in day.wires if day.first <= one.start and one.end <= day.last]
    ties = day.tie(lines)
    inside = {one.key[1] // 2 for one in day.wires}
    assert set(ties.ties) == inside
    for line, found in ties.ties.items():
        assert {day.wires[tie.wire].key[1] // 2 for tie in found} == {line}


@pytest.mark.parametrize("form", FORMATS)
def test_hundreds_alike_in_one_second_are_tied_one_to_one(form: Format) -> None:
    world = World(300, seconds=1, targets=1, joined=False)
    ties = world.tie(world.log(form))
    for leg in ("downstream", "upstream"):
        found = [t.wire for of in ties.ties.values() for t in of if t.leg == leg and not t.exact]
        assert len(found) == len(set(found))
    assert len(ties.ties) + len(ties.ambiguous) == 300
    assert len(ties.ties) > 270


def test_failures_of_many_kinds_are_not_tied_in_order() -> None:
    """Where lines and connections of one moment differ, nothing says which is whose."""
    world = World(40, seconds=1, targets=1, joined=False)
    for number, one in enumerate(world.wires):
        if number % 4 == 1:
            world.wires[number] = type(one)(
                one.key, one.initiators, one.responders, one.start, one.end,
                "tls.handshake_closed", True, "tls_handshake", "responder", decided=one.decided,
            )  # fmt: skip
    lines = world.log("error")
    for entry in lines:
        entry.method = entry.target = None
    ties = world.tie(lines)
    assert wrong(ties) == 0


def test_a_port_used_twice_is_told_by_time() -> None:
    world = World(20)
    for number in range(2, 40, 2):
        one = world.wires[number]
        world.wires[number] = type(one)(
            one.key, world.wires[0].initiators, one.responders, one.start, one.end, one.code,
            True, one.phase, one.ended_by, one.side, one.decided, True, one.requests, one.causes,
        )  # fmt: skip
    world.ports = [world.ports[0]] * 20
    ties = world.tie(world.log("ports"))
    assert len(ties.ties) == 20
    assert wrong(ties) == 0


def test_the_last_of_several_tries_has_the_lines_words() -> None:
    world = World(1)
    line = world.log("default")[0]
    first, last = ("10.0.2.7", 9001), SERVER
    client, call = world.wires
    earlier = type(call)(
        ("", 2), call.initiators, (first,), call.start - MS // 2, call.start - MS // 4,
        "tcp.connection_refused", True, "connect", "responder", decided=call.start - MS // 4,
        came_up=False,
    )  # fmt: skip
    world.wires = [client, call, earlier]
    line.upstreams = [first, last]
    ties = world.tie([line])
    attempts = {world.wires[t.wire].responders[0]: t.attempt for t in ties.ties[0]}
    assert attempts == {LISTENER: 0, last: 0, first: -1}


def test_addresses_alone_tie_where_failures_are_few() -> None:
    world = World(5, joined=False)
    lines = world.log("default")
    for entry in lines:
        entry.method = entry.target = entry.status = None
    ties = world.tie(lines)
    assert [legs(ties, line) for line in range(5)] == [{"upstream"}] * 5
    assert wrong(ties) == 0
    assert not ties.by_more_than_time


@pytest.mark.parametrize("form", FORMATS)
def test_a_tied_line_is_not_ambiguous_as_well(form: Format) -> None:
    world = World(60, seconds=0.4, targets=1, joined=False)
    ties = world.tie(world.log(form))
    assert not ties.ambiguous & ties.ties.keys()


def test_lines_without_a_method_name_a_request_by_its_target() -> None:
    world = World(1)
    wire, call = world.wires
    asked = [wire.requests[0].asked + n * SECOND for n in range(9)]
    many = tuple(
        msgspec.structs.replace(
            wire.requests[0], index=n, asked=at, decided=at + MS, target=f"/shop.Cart/{n}"
        )
        for n, at in enumerate(asked)
    )
    world.wires = [msgspec.structs.replace(wire, requests=many, end=asked[-1] + SECOND), call]
    line = world.log("ports")[0]
    lines = [
        msgspec.structs.replace(
            line, method=None, target=one.target, time=one.asked, duration=MS, upstream_local=None
        )
        for one in many
    ]
    ties = world.tie(lines)
    assert [found[0].exchange for _, found in sorted(ties.ties.items())] == list(range(9))


@pytest.mark.parametrize("asked", [None, "/part"], ids=["nothing", "part of it"])
def test_a_request_that_no_one_could_read_is_tied_by_its_port(asked: str | None) -> None:
    """HAProxy's <BADREQ>: a client that sent no whole request, and got a 408."""
    request = WireRequest(index=0, method=asked and "GET", target=asked, status=408)
    wire = WireConnection(
        key=("", 0),
        initiators=(("10.0.0.1", 40_000),),
        responders=(("10.0.0.2", 80),),
        start=START,
        end=START + 2 * SECOND,
        code="ok",
        failed=False,
        requests=(request,),
    )
    entry = LogEntry(
        product="haproxy", kind="access", file="a.log", line=1, time=START, resolution=MS,
        begin=True, duration=2 * SECOND, failed=True, client=("10.0.0.1", 40_000), status=408,
        flags=["cR"],
    )  # fmt: skip
    (tie,) = tie_log([entry], [wire], START, START + 2 * SECOND).ties[0]
    assert (tie.wire, tie.exchange, tie.exact) == (0, 0, True)
    garbage = msgspec.structs.replace(entry, product="nginx", target="\\x16\\x03\\x01")
    assert bool(tie_log([garbage], [wire], START, START + 2 * SECOND).ties) == (asked is None)


def handshake(number: int, at: int, code: str, side: str = "responder") -> WireConnection:
    return WireConnection(
        key=("", number),
        initiators=(("10.0.0.9", 40_000 + number),),
        responders=((PROXY, 8443),),
        start=at - 3 * MS,
        end=at + MS,
        code=code,
        failed=True,
        phase="tls_handshake",
        ended_by=side,
        side=side,
        decided=at,
    )


def nginx_says(at: int, what: str = "while SSL handshaking", client: str = "10.0.0.9") -> LogEntry:
    return LogEntry(
        product="nginx",
        kind="error",
        file="error.log",
        line=1,
        time=at // SECOND * SECOND,
        resolution=SECOND,
        begin=False,
        failed=True,
        client=(client, 0),
        client_is_direct=False,
        listener=("0.0.0.0", 8443),
        message=f"SSL_do_handshake() failed (SSL: error:0A000102) {what}",
    )


def tied(wires: list[WireConnection], *lines: LogEntry) -> LogTies:
    return tie_log(lines, wires, START, START + 60 * SECOND)


def test_a_clients_handshake_is_tied_by_address_and_time_where_only_one_fits() -> None:
    early, late = START + 2 * SECOND, START + 9 * SECOND
    wires = [handshake(0, early, "tls.version_mismatch"), handshake(1, late, "tls.alert")]
    ties = tied(wires, nginx_says(early), nginx_says(late))
    assert {line: [tie.wire for tie in of] for line, of in ties.ties.items()} == {0: [0], 1: [1]}
    assert ties.ties[0][0].leg == "downstream"
    assert not ties.ties[0][0].exact


def test_two_that_failed_differently_in_one_second_share_no_line() -> None:
    at = START + 2 * SECOND
    wires = [
        handshake(0, at + 300 * MS, "tls.version_mismatch"),
        handshake(1, at + 700 * MS, "tls.certificate_untrusted", "initiator"),
    ]
    ties = tied(wires, nginx_says(at))
    assert ties.ties == {}
    assert ties.ambiguous == {0}


@pytest.mark.parametrize(
    "line",
    [
        nginx_says(START + 2 * SECOND, "while SSL handshaking to upstream"),
        nginx_says(START + 2 * SECOND, client="10.0.0.8"),
        nginx_says(START + 9 * SECOND),
        msgspec.structs.replace(nginx_says(START + 2 * SECOND), listener=("0.0.0.0", 9443)),
    ],
    ids=["upstream", "another client", "another time", "another port"],
)
def test_what_is_of_another_handshake_is_not_tied(line: LogEntry) -> None:
    at = START + 2 * SECOND + 500 * MS
    others = [START + n * SECOND for n in (30, 40, 50)]
    wires = [handshake(0, at, "tls.version_mismatch")]
    wires += [handshake(n, other, "tls.alert") for n, other in enumerate(others, 1)]
    ties = tied(wires, line, *map(nginx_says, others))
    assert {line: found[0].wire for line, found in ties.ties.items()} == {1: 1, 2: 2, 3: 3}


@pytest.mark.parametrize(
    ("caller", "called", "after"),
    [
        ("10.0.2.1", "10.0.3.9", 1),
        ("10.0.2.1", "10.0.3.9", -1),
        ("10.0.7.7", "10.0.8.8", 1),
    ],
    ids=["a copy for a mirror", "one that was made first", "what the upstream asked in turn"],
)
def test_a_call_with_the_lines_request_id_is_not_its_clients(
    caller: str, called: str, after: int
) -> None:
    world = World(1)
    client, call = world.wires
    (asked,) = client.requests
    own = msgspec.structs.replace(asked, asked=asked.asked + 2 * MS, request_id="r-1")
    other = msgspec.structs.replace(own, asked=own.asked + after * MS, status=None)
    world.wires = [
        client,
        msgspec.structs.replace(call, requests=(own,)),
        msgspec.structs.replace(
            call,
            key=("", 9),
            initiators=((caller, 40_000),),
            responders=((called, 80),),
            requests=(other,),
        ),
    ]
    (line,) = world.log("default")
    line.request_id = "r-1"
    tied = world.tie([line]).ties[0]
    assert sorted((one.wire, one.leg) for one in tied) == [(0, "downstream"), (1, "upstream")]
