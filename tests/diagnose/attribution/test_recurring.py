"""The same sign over many connections: values, quiet times, names, pairs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import attribute_reset, recurring
from pcapdiag.diagnose.attribution.signal import Signal
from pcapdiag.model.application import Application
from pcapdiag.model.context import (
    Context,
    EndpointFacts,
    HostFacts,
    IdleEnds,
    Range,
    ResetMarks,
    TlsServerFacts,
)
from pcapdiag.model.packet import ACK, PSH, RST, SYN, PacketFact
from pcapdiag.model.story import Story
from pcapdiag.model.tls import ClientHello, TlsFacts
from tests.diagnose.attribution.exchange import (
    CLIENT,
    MS,
    SECOND,
    SERVER,
    START,
    Exchange,
    seen,
    talk,
    told,
)

pytestmark = pytest.mark.once

T = 350 * SECOND


def endpoint(facts: EndpointFacts) -> Context:
    return Context(endpoints={(SERVER, 8443): facts}, final=True)


def around(**known: object) -> Context:
    return endpoint(replace(EndpointFacts(SERVER, 8443), **known))


def marks(of: ResetMarks) -> Context:
    return Context(hosts={SERVER: HostFacts(SERVER, marks_of_resets=of)}, final=True)


# Header values


def test_one_window_in_many_resets() -> None:
    exchange = talk()
    reset = exchange.reply_reset(window=8201)
    found = recurring.window_shared(seen(exchange, reset, marks(ResetMarks(windows={8201: 3}))))
    assert told(found) == ("window_shared", "path")
    refused = Exchange()
    refused.send("client", SYN, ack=0)
    reset = refused.wait(MS).reply_reset(window=65_535)
    alike = marks(ResetMarks(windows={65_535: 3}))
    assert recurring.window_shared(seen(refused, reset, alike)) is None
    two = marks(ResetMarks(windows={8201: 2}))
    assert recurring.window_shared(seen(exchange, reset, two)) is None


def test_a_window_that_the_flow_has_too_is_no_sign() -> None:
    exchange = talk()
    reset = exchange.live_reset()
    many = marks(ResetMarks(windows={reset.window: 9}, ip_ids={reset.ip_id: 9}))
    assert recurring.window_shared(seen(exchange, reset, many)) is None


def test_one_ip_id_in_many_resets() -> None:
    exchange = talk()
    reset = exchange.reply_reset(ip_id=4660)
    found = recurring.ip_id_shared(seen(exchange, reset, marks(ResetMarks(ip_ids={4660: 3}))))
    assert told(found) == ("ip_id_shared", "path")
    assert recurring.ip_id_shared(seen(exchange, reset)) is None


# Quiet times


def late_request() -> tuple[Exchange, PacketFact]:
    """A request after 350 s that is met by a bare RST."""
    exchange = talk().wait(T)
    exchange.send("client", PSH | ACK, 100)
    exchange.wait(exchange.rtt)
    return exchange, exchange.reply_reset()


def expiry(context: Context, exchange: Exchange, reset: PacketFact) -> Signal | None:
    return recurring.idle_expiry(seen(exchange, reset, context))


def test_all_that_were_idle_so_long_were_reset() -> None:
    exchange, reset = late_request()
    idle = IdleEnds(late=Range(212, T, 900 * SECOND))
    context = around(idle=idle, idle_turns=40, longest_idle=310 * SECOND)
    found = expiry(context, exchange, reset)
    assert told(found) == ("idle_expiry", "path")
    assert found is not None
    assert found.detail == (
        "212 of 212 connections idle for 350.0 s or more were reset at the next packet; 40 idle "
        "for less (up to 310.0 s) were not: a timer, of the path or of the far end"
    )


def test_one_that_outlived_it_ends_the_rule() -> None:
    exchange, reset = late_request()
    idle = IdleEnds(late=Range(3, T, T))
    assert expiry(around(idle=idle, idle_turns=9, longest_idle=T), exchange, reset) is None


def test_without_shorter_ones_or_with_two_resets_nothing_is_proved() -> None:
    exchange, reset = late_request()
    assert expiry(around(idle=IdleEnds(late=Range(3, T, T))), exchange, reset) is None
    two = around(idle=IdleEnds(late=Range(2, T, T)), idle_turns=9, longest_idle=SECOND)
    assert expiry(two, exchange, reset) is None


def test_a_timer_strikes_to_the_second() -> None:
    exchange = talk().wait(T)
    reset = exchange.forge("server", RST | ACK)
    sharp = IdleEnds(at_expiry=Range(3, T - 20 * MS, T + 22 * MS))
    known = {"idle_turns": 5, "longest_idle": 300 * SECOND}
    assert told(expiry(around(idle=sharp, **known), exchange, reset)) == ("idle_expiry", "path")
    spread = IdleEnds(at_expiry=Range(3, T, T + 100 * SECOND))
    assert expiry(around(idle=spread, **known), exchange, reset) is None


def test_an_idle_time_that_others_outlived() -> None:
    exchange, reset = late_request()
    survived = around(longest_idle=400 * SECOND, idle_turns=1)
    found = recurring.idle_survived(seen(exchange, reset, survived))
    assert told(found) == ("idle_survived", "responder")
    shorter = around(longest_idle=340 * SECOND, idle_turns=1)
    assert recurring.idle_survived(seen(exchange, reset, shorter)) is None


def test_expiry_does_not_name_anybody_by_itself() -> None:
    exchange, reset = late_request()
    context = around(idle=IdleEnds(late=Range(212, T, T)), idle_turns=40, longest_idle=310 * SECOND)
    assert attribute_reset(exchange.story(), reset, context).side == "unknown"


def lost_late() -> Story:
    """A request after 350 s that is sent three times and never answered."""
    exchange = talk().wait(T)
    start = exchange.client.seq
    for pause in (1, 2, 4):
        exchange.send("client", PSH | ACK, 100, seq=start)
        exchange.wait(pause * SECOND)
    exchange.client.seq = start + 100
    return exchange.story()


def test_idle_connections_that_die_in_silence_were_forgotten_on_the_way() -> None:
    idle = IdleEnds(lost=Range(3, T, 500 * SECOND))
    story = lost_late()
    found = recurring.idle_silence(story, around(idle=idle, idle_turns=4, longest_idle=9 * SECOND))
    assert told(found) == ("idle_silence", "path")
    assert found is not None
    assert "3 of 3 connections idle for 350.0 s or more were dead" in found.detail
    longer = around(idle=idle, idle_turns=4, longest_idle=T + SECOND)
    assert recurring.idle_silence(story, longer) is None
    assert recurring.idle_silence(talk().story(), around(idle=idle, idle_turns=4)) is None


# Names


def hello_reset() -> tuple[Exchange, PacketFact]:
    exchange = Exchange().handshake()
    hello = exchange.wait(MS).send("client", PSH | ACK, 517)
    facts = TlsFacts(
        client_hello=ClientHello(hello.frame, hello.time, 0x0303, sni="blocked.example")
    )
    exchange.extra["application"] = Application(tls=facts)
    exchange.wait(exchange.rtt)
    return exchange, exchange.reply_reset()


def names(accepted: dict[str, int], refused: dict[str, int]) -> Context:
    return around(tls=TlsServerFacts(names_accepted=accepted, names_refused=refused))


def test_a_name_that_never_passes_where_others_do() -> None:
    exchange, reset = hello_reset()
    known = names({"shop.example": 7}, {"blocked.example": 4})
    found = recurring.name_filtered(seen(exchange, reset, known))
    assert told(found) == ("name_filtered", "path")
    assert found is not None
    assert "4 of 4 ClientHellos for blocked.example" in found.detail


@pytest.mark.parametrize(
    ("accepted", "refused"),
    [({}, {"blocked.example": 4}), ({"blocked.example": 1, "b": 1}, {"blocked.example": 4})],
)
def test_a_name_proves_nothing_alone_or_where_it_passed(
    accepted: dict[str, int], refused: dict[str, int]
) -> None:
    exchange, reset = hello_reset()
    assert recurring.name_filtered(seen(exchange, reset, names(accepted, refused))) is None


# Pairs


def test_a_pair_that_is_blocked_while_the_port_serves_others() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset()
    times = Range(2, START + SECOND, START + 9 * SECOND)
    served = around(blocked={CLIENT: times}, last_established=START + 5 * SECOND)
    found = recurring.pair_blocked(seen(exchange, reset, served))
    assert told(found) == ("pair_blocked", "path")
    down = around(blocked={CLIENT: times}, last_established=START)
    assert recurring.pair_blocked(seen(exchange, reset, down)) is None
