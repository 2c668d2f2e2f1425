"""What a connection is told of its ends' other connections."""

from __future__ import annotations

from typing import TypedDict

import pytest

from pcapdiag.flow.legs import KEPT, MAX_AROUND
from pcapdiag.model.story import LegMoment, Story
from tests.flow.wire import MS, SLL2, START, End, Link, Told, Wire, tell

CLIENT, UPSTREAM = "10.0.1.1", "10.0.3.1"
FRONT, BACK = "10.0.2.1", "10.0.2.1"
HELLO = b"\x16\x03\x01\x00\x05\x01hello"
Seen = list[tuple[str, int, float, bool]]


def link(wire: Wire, source: str, target: str, port: int = 40000, cooked: int = -1) -> Link:
    client = End(source, port, 0x1000, b"\2\0\0\0\0\1")
    return Link(wire, client, End(target, 80, 0x9000, b"\2\0\0\0\0\2"), cooked=cooked)


def seen(moments: tuple[LegMoment, ...]) -> Seen:
    return [(m.kind, m.stream, (m.time - START) / MS, m.opened) for m in moments]


def proxied(wire: Wire, front: str = FRONT, back: str = BACK) -> tuple[Link, Link]:
    """A client asks at 10 ms, the proxy opens to its upstream at 12 ms and asks there at 14 ms."""
    down = link(wire, CLIENT, front)
    down.handshake(0, rtt=1)
    down.c(10, "PA", 1, 1, b"question")
    up = link(wire, back, UPSTREAM, 50000)
    up.handshake(12, rtt=1)
    up.c(14, "PA", 1, 1, b"question")
    return down, up


def test_a_client_that_leaves_shows_on_the_upstream_leg() -> None:
    wire = Wire()
    down, up = proxied(wire)
    down.c(500, "FA", 9, 1)
    up.c(501, "FA", 9, 1)
    story = tell(wire).stream(1)
    assert seen(story.legs_before) == [("left", 0, 500, False)]
    assert story.legs_before[0].since == START
    assert story.legs_behind == ()


def test_the_proxys_own_answer_shows_on_the_upstream_leg() -> None:
    wire = Wire()
    down, up = proxied(wire)
    up.c(1000, "FA", 9, 1)
    down.s(1001, "PA", 1, 9, b"504")
    assert seen(tell(wire).stream(1).legs_before) == [("answered", 0, 1001, False)]


def test_the_upstream_shows_on_the_clients_leg() -> None:
    wire = Wire()
    down, up = proxied(wire)
    up.s(20, "RA", 1, 9)
    down.s(21, "FA", 1, 9)
    assert seen(tell(wire).stream(0).legs_behind) == [
        ("opened", 1, 12, True),
        ("closed", 1, 20, True),
    ]


def test_what_came_before_the_question_is_not_told() -> None:
    wire = Wire()
    other = link(wire, "10.0.1.2", FRONT)
    other.handshake(0, rtt=1)
    other.c(2, "FA", 1, 1)
    _, up = proxied(wire)
    up.c(501, "FA", 9, 1)
    assert tell(wire).stream(2).legs_before == ()


def test_what_came_long_after_the_close_is_not_told() -> None:
    wire = Wire()
    down, up = proxied(wire)
    up.c(501, "FA", 9, 1)
    down.s(700, "PA", 1, 9, b"answer")
    assert tell(wire).stream(1).legs_before == ()


@pytest.mark.parametrize(("cooked", "told"), [(4, True), (-1, False)])
def test_two_addresses_are_one_host_where_the_capture_sends_with_both(
    cooked: int, told: bool
) -> None:
    wire = Wire()
    down = link(wire, CLIENT, "10.0.2.1", cooked=0 if cooked >= 0 else -1)
    down.c(0, "S", 0)
    down.cooked = cooked
    down.s(0.1, "SA", 0, 1)
    up = link(wire, "10.9.9.9", UPSTREAM, 50000, cooked=cooked)
    up.c(1, "S", 0)
    down.s(1001, "RA", 1, 1)
    story = tell(wire, link=SLL2 if cooked >= 0 else 1).stream(1)
    assert seen(story.legs_before) == ([("closed", 0, 1001, False)] if told else [])


def test_a_busy_host_tells_nothing() -> None:
    wire = Wire()
    down, up = proxied(wire)
    for n in range(MAX_AROUND):
        other = link(wire, "10.0.1.2", FRONT, 41000 + n)
        other.c(20 + n, "S", 0)
    down.c(500, "FA", 9, 1)
    up.c(501, "FA", 9, 1)
    assert tell(wire).stream(1).legs_before == ()


def test_old_moments_are_forgotten() -> None:
    wire = Wire()
    down, up = proxied(wire)
    down.s(100, "PA", 1, 9, b"504")
    for n in range(KEPT):
        link(wire, "10.7.0.1", "10.7.0.2", 1000 + n).c(200 + n, "S", 0)
    up.c(5000, "A", 9, 1)
    assert tell(wire).stream(1).legs_before == ()


class Race(TypedDict, total=False):
    """Arguments of ``race``."""

    ahead: float
    mac: bytes
    ttl: int
    port: int


def race(
    wire: Wire, *, ahead: float = 250, mac: bytes = b"\2\0\0\0\0\1", ttl: int = 64, port: int = 443
) -> Story:
    """A SYN over IPv6 that nobody answers, and a connection over IPv4 ``ahead`` ms later."""
    v6 = Link(
        wire, End("2001:db8::1", 40000, 1, b"\2\0\0\0\0\1", ttl), End("2001:db8::2", 443, 1, b"\2")
    )
    v6.server.mac = b"\2\0\0\0\0\2"
    v6.c(0, "S", 0)
    server = End("10.0.0.2", port, 0x9000, b"\2\0\0\0\0\2")
    Link(wire, End("10.0.0.1", 40001, 1, mac, ttl), server).handshake(ahead, rtt=20)
    return tell(wire).stream(0)


def test_the_family_that_lost_the_race_knows_the_winner() -> None:
    assert race(Wire()).lost_to == 1


def test_the_second_attempt_loses_where_the_first_comes_up_after_all() -> None:
    wire = Wire()
    mac, server_mac = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
    first = Link(
        wire, End("2001:db8::1", 40000, 1, mac), End("2001:db8::2", 443, 0x9000, server_mac)
    )
    second = Link(wire, End("10.0.0.1", 40001, 1, mac), End("10.0.0.2", 443, 0x9000, server_mac))
    first.c(0, "S", 0)
    second.c(250, "S", 0)
    first.s(300, "SA", 0, 1)
    first.c(301, "A", 1, 1)
    second.s(600, "SA", 0, 1)
    second.c(601, "R", 1)
    assert tell(wire).stream(1).lost_to == 0


@pytest.mark.parametrize(
    "change",
    [{"ahead": 1010}, {"mac": b"\2\0\0\0\0\7"}, {"ttl": 63}, {"port": 8443}],
    ids=["a retry", "another host", "behind a router: whose MAC", "another service"],
)
def test_what_is_no_race(change: Race) -> None:
    assert race(Wire(), **change).lost_to is None


def test_resets_before_the_handshake_are_counted() -> None:
    wire = Wire()
    one = Link(wire)
    one.c(0, "S", 0)
    one.s(1, "RA", 0, 0x1001, absolute=True)
    one.c(1000, "S", 0)
    one.s(1001, "SA", 0, 1)
    one.c(1002, "A", 1, 1)
    one.s(1500, "RA", 1, 1)
    story = tell(wire).only
    assert (story.early_resets, len(story.resets)) == (1, 2)


@pytest.mark.parametrize(("isn", "translated"), [(0x1000, 1), (0x2000, 0)])
def test_the_same_syn_to_another_address_shows_a_nat(isn: int, translated: int) -> None:
    wire = Wire()
    link(wire, CLIENT, "10.0.2.1").c(0, "S", 0)
    inside = link(wire, CLIENT, UPSTREAM)
    inside.client.isn = isn
    inside.c(0.02, "S", 0)
    hosts = tell(wire).tracker.table.hosts.values()
    assert [host.translated for host in hosts if host.low == 0x0A000201] == [translated]


class Inside(TypedDict, total=False):
    """Arguments of ``behind_nat``."""

    isn: int
    ip_id: int
    late: float


def behind_nat(wire: Wire, *, isn: int = 0x1000, ip_id: int = 1, late: float = 0.02) -> Story:
    """A SYN to a service address, and one to an endpoint ``late`` ms later: its story."""
    link(wire, CLIENT, "10.0.2.1").c(0, "S", 0)
    inside = link(wire, CLIENT, UPSTREAM)
    inside.client.isn, inside.client.next_id = isn, ip_id
    inside.c(late, "S", 0)
    return tell(wire).stream(1)


def test_a_nat_shows_one_connection_twice() -> None:
    wire = Wire()
    assert behind_nat(wire).same_as == 0
    assert tell(wire).stream(0).same_as is None


@pytest.mark.parametrize(
    "change",
    [{"isn": 0x2000}, {"ip_id": 2}, {"late": 6}],
    ids=["another number", "a scanner's next SYN", "too late"],
)
def test_what_is_no_other_side_of_a_nat(change: Inside) -> None:
    assert behind_nat(Wire(), **change).same_as is None


def test_over_ipv6_the_timestamp_tells_the_other_side_of_a_nat() -> None:
    for stamps, twin in (((7, 0), 0), ((8, 0), None)):
        wire = Wire()
        for target, stamp in (("2001:db8::2", (7, 0)), ("2001:db8::3", stamps)):
            one = link(wire, "2001:db8::1", target)
            one.c(0 if target.endswith("2") else 0.02, "S", 0, stamps=stamp)
        assert tell(wire).stream(1).same_as == twin


def test_behind_two_nats_the_first_side_is_named() -> None:
    wire = Wire()
    for at, target in enumerate(("10.0.2.1", "10.0.2.2", UPSTREAM)):
        link(wire, CLIENT, target).c(at / 100, "S", 0)
    assert tell(wire).stream(2).same_as == 0


def redirected(wire: Wire, *, ack: int = 1, port: int = 9000, caller: int = 40000) -> Link:
    """A call that a rule sends to 127.0.0.1:15001, answered with the address that was called."""
    call = Link(
        wire,
        End(CLIENT, 40000, 0x1000, b"\2\0\0\0\0\1"),
        End("127.0.0.1", 15001, 0x9000, b"\2\0\0\0\0\1"),
    )
    call.c(0, "S", 0)
    answer = Link(
        wire,
        End(CLIENT, caller, 0x1000, b"\2\0\0\0\0\1"),
        End(UPSTREAM, port, 0x9000, b"\2\0\0\0\0\2"),
    )
    answer.s(0.02, "SA", 0, ack)
    call.c(0.04, "A", 1, 1)
    call.c(1, "PA", 1, 1, b"question")
    answer.s(2, "PA", 1, 9, b"answer")
    return call


def test_the_answers_of_a_redirected_call_are_put_to_it() -> None:
    wire = Wire()
    redirected(wire)
    link(wire, CLIENT, UPSTREAM, 41000).c(5, "S", 0)
    told = tell(wire)
    story = told.stream(0)
    assert (story.responder.address, story.responder.port) == ("127.0.0.1", 15001)
    assert story.handshake_done
    assert (story.turn.request_head, story.turn.response_head) == (b"question", b"answer")
    assert story.answers_stream == 1
    assert {one.stream for one in told.stories} == {0, 2}


@pytest.mark.parametrize("seq", [0, 1], ids=["of a closed port", "of another connection"])
def test_the_refusal_of_a_redirected_call_is_put_to_it(seq: int) -> None:
    wire = Wire()
    here = End(CLIENT, 40000, 0x1000, b"\2\0\0\0\0\1")
    Link(wire, here, End("127.0.0.1", 15001, 0, b"\2\0\0\0\0\1")).c(0, "S", 0)
    Link(wire, here, End(UPSTREAM, 9000, 0, b"\2\0\0\0\0\2")).s(0.02, "RA", seq, 1)
    told = tell(wire)
    assert told.stream(0).responder.rst_count == (1 if seq == 0 else 0)
    assert told.stream(0).answers_stream == (1 if seq == 0 else None)


@pytest.mark.parametrize(
    "change", [{"ack": 2}, {"caller": 40001}], ids=["another number", "another port"]
)
def test_what_answers_no_redirected_call(change: dict[str, int]) -> None:
    wire = Wire()
    redirected(wire, **change)
    assert {one.stream for one in tell(wire).stories} == {0, 1}


def held(*, first: str, off: int = 0) -> Told:
    """A redirected call from before the capture; ``first`` is what is seen first of it."""
    wire = Wire()
    here = End(CLIENT, 40000, 0x1000, b"\2\0\0\0\0\1")
    call = Link(wire, here, End("127.0.0.1", 15001, 0x9000, b"\2\0\0\0\0\1"))
    answer = Link(wire, here, End(UPSTREAM, 9000, 0x9000 + off, b"\2\0\0\0\0\2"))
    if first == "answer":
        answer.s(0, "A", 500, 700)
    call.c(1, "PA", 700, 500, b"question")
    answer.s(2, "PA", 500, 708, b"answer")
    call.c(3, "A", 708, 506)
    return tell(wire)


@pytest.mark.parametrize(("first", "stream"), [("call", 0), ("answer", 1)])
def test_a_redirected_call_from_before_the_capture_has_its_answers(first: str, stream: int) -> None:
    story = held(first=first).stream(stream)
    assert story.responder.address == "127.0.0.1"
    assert (story.turn.request_head, story.turn.response_head) == (b"question", b"answer")
    assert story.answers_stream == 1 - stream


@pytest.mark.parametrize("first", ["call", "answer"])
def test_numbers_far_off_are_of_another_connection(first: str) -> None:
    told = held(first=first, off=1 << 22)
    assert [story.answers_stream for story in told.stories] == [None, None]


MAC = b"\2\0\0\0\0\2"


class Beside(TypedDict, total=False):
    """Arguments of ``opened_beside``."""

    port: int
    left: float
    answered: float
    rtt: float


def opened_beside(port: int = 80, left: float = 9, answered: float = 8, rtt: float = 1) -> Story:
    """A client opens two connections; the other one is answered; it leaves the first."""
    wire = Wire()
    one = link(wire, CLIENT, UPSTREAM)
    client = End(CLIENT, 40001, 0x2000, b"\2\0\0\0\0\1")
    other = Link(wire, client, End(UPSTREAM, port, 0x8000, MAC))
    one.handshake(0, rtt=rtt)
    other.handshake(2, rtt=rtt)
    one.c(4 + rtt, "PA", 1, 1, b"hello")
    other.c(4 + rtt, "PA", 1, 1, b"hello")
    for time in sorted((left, answered)):
        if time == left:
            one.c(left, "FA", 6, 1)
        else:
            other.s(answered, "PA", 1, 6, b"hello")
    return tell(wire).stream(0)


def test_a_spare_connection_knows_the_one_that_was_used() -> None:
    assert opened_beside().spare_to == 1
    far = {"left": 210, "answered": 200}
    assert [opened_beside(rtt=rtt, **far).spare_to for rtt in (120, 90)] == [1, None]


def handshakes_beside(second: float, left: float = 9, port: int = 80) -> Story:
    """Both get a first answer; it leaves one at ``left`` ms, the other is answered once more."""
    wire = Wire()
    one = link(wire, CLIENT, UPSTREAM)
    client = End(CLIENT, 40001, 0x2000, b"\2\0\0\0\0\1")
    other = Link(wire, client, End(UPSTREAM, port, 0x8000, MAC))
    one.handshake(0, rtt=1)
    other.handshake(2, rtt=1)
    for each in (one, other):
        each.c(5, "PA", 1, 1, HELLO)
    for each in (one, other):
        each.s(8, "PA", 1, 1 + len(HELLO), HELLO)
    asked = min(left, second) - 0.5
    behind = 1 + len(HELLO)
    other.c(asked, "PA", behind, behind, b"more")
    for time in sorted((left, second)):
        if time == left:
            one.c(left, "FA", behind, behind)
        else:
            other.s(second, "PA", behind, behind + 4, b"more")
    return tell(wire).stream(0)


@pytest.mark.parametrize("second", [8.7, 30], ids=["before", "after"])
def test_one_that_was_answered_is_spare_where_the_other_got_further(second: float) -> None:
    assert handshakes_beside(second).spare_to == 1


@pytest.mark.parametrize("change", [{"second": 400}, {"second": 30, "port": 81}])
def test_the_other_one_got_no_further_or_is_elsewhere(change: dict[str, int]) -> None:
    assert handshakes_beside(**change).spare_to is None


@pytest.mark.parametrize("change", [{"port": 81}, {"left": 300}, {"left": 9, "answered": 10}])
def test_what_is_no_spare_connection(change: Beside) -> None:
    assert opened_beside(**change).spare_to is None
