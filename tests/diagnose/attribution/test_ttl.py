"""TTL of a RST against the other packets of its address."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import ttl
from pcapdiag.diagnose.attribution.ratios import RATIOS
from pcapdiag.diagnose.attribution.resets import weigh_reset
from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.packet import ACK, PSH, SYN, PacketFact
from tests.diagnose.attribution.exchange import MS, SERVER, Exchange, known_host, seen, talk, told


@pytest.mark.parametrize(
    ("reset_ttl", "expected"),
    [
        (61, ("ttl_same", "responder")),
        (62, ("ttl_near", "path")),
        (64, ("ttl_on_link", "path")),
        (57, ("ttl_differs", "path")),
        (125, ("ttl_other_system", "path")),
        (243, ("ttl_differs", "path")),
    ],
)
def test_ttl_against_the_flow(reset_ttl: int, expected: tuple[str, str]) -> None:
    exchange = talk()
    reset = exchange.live_reset(ttl=reset_ttl)
    assert told(ttl.distance(seen(exchange, reset))) == expected


def test_ttl_says_how_many_packets_it_was_compared_with() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset()
    found = ttl.distance(seen(exchange, reset, known_host(SERVER, ttls={61: 60})))
    assert found is not None
    assert found.detail == "RST has TTL 61 like 60 other packets of 10.0.2.7 on other connections"


def test_ttl_is_absent_with_nothing_to_compare() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset()
    assert ttl.distance(seen(exchange, reset)) is None


def test_ttl_counts_less_when_the_hosts_own_varies() -> None:
    exchange = Exchange().handshake()
    exchange.server.ttl = 55
    exchange.request().response()
    reset = exchange.live_reset(ttl=120)
    assert told(ttl.distance(seen(exchange, reset))) == ("ttl_varies", "path")


def test_ttl_counts_less_when_the_address_has_moved() -> None:
    exchange = Exchange()
    exchange.server.ttl = 57
    exchange.handshake().request().response()
    exchange.extra["neighbour_arp"] = (9,)
    reset = exchange.reply_reset(ttl=255)
    found = ttl.distance(seen(exchange, reset))
    assert found is not None
    assert found.weight == pytest.approx(math.log10(RATIOS["ttl_differs"].ratio / 5))


def test_ttl_like_a_router_that_sent_icmp() -> None:
    exchange = talk()
    exchange.error("192.0.2.1", ttl=63)
    reset = exchange.reply_reset(ttl=63)
    found = ttl.like_icmp(seen(exchange, reset))
    assert told(found) == ("ttl_like_icmp", "path")
    assert found is not None
    assert "192.0.2.1" in found.detail


def test_ttl_like_icmp_needs_another_ttl_than_the_hosts() -> None:
    exchange = talk()
    exchange.error("192.0.2.1", ttl=61)
    assert ttl.like_icmp(seen(exchange, exchange.reply_reset())) is None


def test_one_odd_ttl_in_many_resets_is_one_device() -> None:
    exchange = talk()
    reset = exchange.live_reset(ttl=62)
    many = known_host(SERVER, ttls={61: 400}, reset_ttls={62: 30})
    assert told(ttl.shared(seen(exchange, reset, many))) == ("ttl_shared", "path")
    once = known_host(SERVER, ttls={61: 400}, reset_ttls={62: 1})
    assert ttl.shared(seen(exchange, reset, once)) is None


def test_one_odd_ttl_in_many_refusals_may_be_the_addresss_owner() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(exchange.rtt).reply_reset(ttl=63)
    many = known_host(SERVER, ttls={61: 400}, reset_ttls={63: 30})
    early = replace(reset, time=reset.time - 2 * exchange.rtt)
    for refusal in (reset, early):  # a mirror port may bring it before the SYN
        found = ttl.shared(seen(exchange, refusal, many))
        assert told(found) == ("ttl_shared_refusing", "path")
    assert found is not None
    assert found.detail.endswith("one device, which may own the address")
    assert round(found.weight, 1) == 0.7


def test_no_device_between_is_farther_away_than_the_host() -> None:
    exchange = talk()
    reset = exchange.live_reset(ttl=49)
    many = known_host(SERVER, ttls={61: 400}, reset_ttls={49: 30})
    assert ttl.shared(seen(exchange, reset, many)) is None
    assert told(ttl.distance(seen(exchange, reset, many))) == ("ttl_differs", "path")


@pytest.mark.parametrize(
    ("reset_ttl", "expected"),
    [
        (57, ("ttl_behind_handshake", "responder")),
        (255, ("ttl_on_link", "path")),
        (252, ("ttl_near", "path")),
        (63, ("ttl_varies", "path")),
        (250, ("ttl_same_once", "responder")),
    ],
)
def test_where_only_syns_were_answered(reset_ttl: int, expected: tuple[str, str]) -> None:
    exchange = Exchange()
    exchange.server.ttl = 250
    exchange.handshake()
    exchange.wait(MS).send("client", PSH | ACK, 100)
    reset = exchange.reply_reset(ttl=reset_ttl)
    known = known_host(SERVER, ttls={250: 9}, reset_ttls={reset_ttl: 9})
    known.hosts[SERVER].answered = 9
    assert told(ttl.distance(seen(exchange, reset, known))) == expected
    known.hosts[SERVER].ttls[250] = 40
    assert told(ttl.distance(seen(exchange, reset, known))) != ("ttl_behind_handshake", "responder")


def test_refused_ports_of_an_address_that_forwards_others_are_no_device() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.reply_reset(ttl=58)
    known = known_host(SERVER, ttls={61: 400}, reset_ttls={58: 30})
    served = EndpointFacts(SERVER, exchange.server.port, established=3)
    known.endpoints[SERVER, exchange.server.port] = served
    assert ttl.shared(seen(exchange, reset, known)) is None


def test_one_other_initial_ttl_in_all_resets_is_a_way_of_the_host() -> None:
    exchange = talk()
    reset = exchange.live_reset(ttl=252)
    many = known_host(SERVER, ttls={61: 400}, reset_ttls={252: 30})
    assert ttl.shared(seen(exchange, reset, many)) is None
    found = ttl.distance(seen(exchange, reset, many))
    assert told(found) == ("ttl_of_resets", "responder")
    assert found is not None
    assert not found.weight


def test_other_initial_ttl_where_the_host_resets_with_its_own_too() -> None:
    exchange = talk()
    reset = exchange.live_reset(ttl=252)
    both = known_host(SERVER, ttls={61: 400}, reset_ttls={252: 30, 61: 4})
    assert told(ttl.distance(seen(exchange, reset, both))) == ("ttl_other_system", "path")


@pytest.mark.parametrize("own", [1, 2])
def test_ttl_that_a_program_set_is_no_distance(own: int) -> None:
    exchange = Exchange()
    exchange.server.ttl = own
    exchange.handshake().request().response()
    reset = exchange.reply_reset(ttl=64)
    assert told(ttl.distance(seen(exchange, reset))) == ("ttl_of_reply", "path")


@pytest.mark.parametrize("ttl_of_all", [0, 1])
def test_a_ttl_that_was_set_so_in_all_packets_tells_nothing(ttl_of_all: int) -> None:
    exchange = Exchange()
    exchange.server.ttl = ttl_of_all
    exchange.handshake().request().response()
    assert ttl.distance(seen(exchange, exchange.reply_reset())) is None


@pytest.mark.parametrize(
    ("elsewhere", "expected"),
    [
        ({249: 1}, ("ttl_same_once", "responder")),
        ({249: 4, 61: 9}, ("ttl_same_once", "responder")),
        ({249: 1, 61: 2}, ("ttl_same_once", "responder")),
        ({249: 1, 61: 9}, ("ttl_of_guard", "path")),
        ({249: 1, 251: 9}, ("ttl_near", "path")),
        ({249: 1, 58: 9}, ("ttl_same_once", "responder")),
    ],
)
def test_who_accepted_and_reset_from_elsewhere_than_all_the_rest(
    elsewhere: dict[int, int], expected: tuple[str, str]
) -> None:
    exchange = Exchange()
    exchange.server.ttl = 249
    exchange.handshake()
    known = known_host(SERVER, ttls=elsewhere)
    assert told(ttl.distance(seen(exchange, exchange.reply_reset(), known))) == expected


def test_ttl_of_the_same_address_on_other_connections_is_another_machine_of_it() -> None:
    exchange = talk()
    reset = exchange.reply_reset(ttl=57)
    known = known_host(SERVER, ttls={61: 40, 57: 30})
    found = ttl.distance(seen(exchange, reset, known))
    assert told(found) == ("ttl_elsewhere", "responder")
    assert found is not None
    assert not found.weight


def test_a_second_generator_has_its_own_habits() -> None:
    exchange = talk()
    odd = exchange.live_reset(ttl=252, df=False, ip_id=7)
    near = exchange.live_reset(ttl=64, df=False, ip_id=7)

    def weight(reset: PacketFact) -> float:
        signals = weigh_reset(seen(exchange, reset))
        return next(s.weight for s in signals if s.name == "df_clear")

    assert not weight(odd)
    assert weight(near)


def test_ttl_of_what_answered_the_syn_alone() -> None:
    exchange = Exchange()
    exchange.server.ttl = 250
    exchange.handshake()
    exchange.server.ttl = 57
    exchange.request().response().request().response()
    reset = exchange.live_reset(ttl=250)
    assert told(ttl.distance(seen(exchange, reset))) == ("ttl_of_handshake", "path")
    usual = exchange.live_reset(ttl=57)
    assert told(ttl.distance(seen(exchange, usual))) == ("ttl_same", "responder")


def test_ttl_of_the_handshake_alone_where_the_program_set_its_own() -> None:
    exchange = Exchange().handshake()
    exchange.server.ttl = 252
    exchange.request().response().request().response()
    reset = exchange.reply_reset(ttl=61)
    assert told(ttl.distance(seen(exchange, reset))) == ("ttl_same_once", "responder")


def test_ttl_of_the_handshake_that_is_no_clear_difference() -> None:
    exchange = Exchange().handshake()
    exchange.server.ttl = 60
    exchange.request().response().request().response()
    reset = exchange.live_reset(ttl=61)
    assert told(ttl.distance(seen(exchange, reset))) == ("ttl_same_once", "responder")


def test_a_ttl_of_one_is_an_end_that_does_not_want_to_be_heard() -> None:
    exchange = talk()
    found = ttl.distance(seen(exchange, exchange.live_reset(ttl=1)))
    assert told(found) == ("ttl_to_die", "responder")
    assert found is not None
    assert "HAProxy's silent-drop" in found.detail
