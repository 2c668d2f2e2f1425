"""MAC address, cooked direction and capture point of a RST."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.attribution import link
from pcapdiag.model.context import Context, HostFacts, NeighbourFacts
from pcapdiag.model.packet import ACK, SYN
from tests.diagnose.attribution.exchange import CLIENT, MS, SERVER, Exchange, seen, talk, told


def test_another_mac_is_another_device() -> None:
    exchange = talk()
    assert told(link.mac(seen(exchange, exchange.live_reset(mac=0x0BAD)))) == (
        "mac_differs",
        "path",
    )


def test_the_same_mac_and_no_mac_say_nothing() -> None:
    exchange = talk()
    assert link.mac(seen(exchange, exchange.live_reset())) is None
    assert link.mac(seen(exchange, exchange.live_reset(mac=0))) is None


def test_another_mac_that_asked_by_arp_is_the_new_owner() -> None:
    exchange = talk()
    exchange.extra["neighbour_arp"] = (9,)
    found = link.mac(seen(exchange, exchange.reply_reset(mac=0x0BAD, ttl=64)))
    assert told(found) == ("address_moved", "responder")
    assert found is not None
    assert 9 in found.frames


def test_who_asked_by_arp_before_it_spoke_is_no_new_owner() -> None:
    """Before its first SYN a host asks for its neighbour, and soon after it may be reset."""
    exchange = talk()
    exchange.extra["neighbour_arp"] = (1,)
    found = link.mac(seen(exchange, exchange.reply_reset(mac=0x0BAD, ttl=64)))
    assert told(found) == ("mac_differs", "path")


def test_another_router_hands_the_same_sender_s_packets_on() -> None:
    exchange = talk()
    reset = exchange.live_reset(mac=0x0BAD)
    alone = link.mac(seen(exchange, reset))
    router = Context(neighbours={0x0BAD: NeighbourFacts(forwarded=3)})
    shared = link.mac(seen(exchange, reset, router))
    assert alone is not None
    assert shared is not None
    assert shared.weight < alone.weight
    nearer = exchange.live_reset(mac=0x0BAD, ttl=63)
    found = link.mac(seen(exchange, nearer, router))
    assert found is not None
    assert found.weight == alone.weight


def test_a_gateway_that_asks_by_arp_is_no_new_owner() -> None:
    exchange = talk()
    exchange.extra["neighbour_arp"] = (9,)
    found = link.mac(seen(exchange, exchange.reply_reset(mac=0x0BAD, ttl=61)))
    assert told(found) == ("mac_differs", "path")


def test_a_mac_from_which_the_address_talks_elsewhere_is_its_own() -> None:
    exchange = talk()
    reset = exchange.live_reset(mac=0x0BAD)
    for packets, says in ((2, "mac_differs"), (3, "address_moved")):
        host = HostFacts(SERVER, macs={0x0BAD: packets})
        context = Context(hosts={SERVER: host})
        found = link.mac(seen(exchange, reset, context))
        assert found is not None
        assert found.name == says


def cooked(client: int, server: int) -> Exchange:
    exchange = Exchange()
    exchange.client.direction, exchange.server.direction = client, server
    return exchange.handshake().request().response().wait(MS)


def test_a_reset_leaving_the_captured_host_was_sent_by_it() -> None:
    exchange = cooked(client=0, server=4)
    found = link.direction(seen(exchange, exchange.live_reset()))
    assert told(found) == ("left_captured_host", "responder")
    assert found is not None
    assert found.weight == 3.0


def test_an_address_that_a_redirected_call_answers_for_is_not_the_captured_hosts() -> None:
    """In a pod its sidecar answers, on loopback, in the name of the service that was called."""
    answered = HostFacts(SERVER, sent_by_capture_host=3, received_by_capture_host=1)
    answered.reset_ttls = {63: 1}
    context = Context(hosts={SERVER: answered})
    for asker, expected in ((4, None), (0, ("came_from_outside", "path"))):
        exchange = Exchange()
        exchange.client.direction, exchange.server.direction = asker, 0
        exchange.send("client", SYN, ack=0)
        found = link.direction(seen(exchange, exchange.reply_reset(), context))
        assert told(found) == expected


def test_a_reset_that_a_router_passed_on_like_both_ends_packets_left_no_end() -> None:
    exchange = cooked(client=4, server=4)
    assert link.direction(seen(exchange, exchange.live_reset())) is None


@pytest.mark.parametrize(("came", "expected"), [(0, 3.0), (4, 3.0), (10, None)])
def test_a_nat_hands_on_what_came_in_under_another_port(came: int, expected: float | None) -> None:
    exchange = cooked(client=0, server=4)
    facts = HostFacts(SERVER, sent_by_capture_host=10, received_by_capture_host=came)
    known = Context(hosts={SERVER: facts})
    found = link.direction(seen(exchange, exchange.live_reset(), known))
    assert (found.weight if found else None) == expected


def test_on_loopback_there_is_no_path() -> None:
    """A sidecar calls its application from 127.0.0.6, at the pod's own address."""
    exchange = Exchange()
    exchange.client.address = "127.0.0.6"
    view = seen(exchange.handshake().request(), exchange.live_reset())
    assert told(link.direction(view)) == ("left_captured_host", "responder")
    assert link.captured_at_sender(view) is None


def test_a_reset_from_outside_in_the_captured_hosts_name_is_forged() -> None:
    exchange = cooked(client=0, server=4)
    reset = exchange.live_reset(direction=0)
    assert told(link.direction(seen(exchange, reset))) == ("came_from_outside", "path")


@pytest.mark.parametrize(("direction", "expected"), [(0, "came_from_outside"), (4, None)])
def test_an_address_that_the_captured_host_calls_is_not_its_own(
    direction: int, expected: str | None
) -> None:
    """Its other packets are on loopback: a redirected call's answers, whose call is not known."""
    exchange = Exchange()
    exchange.client.direction = direction
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset(direction=0)
    facts = HostFacts(SERVER, sent_by_capture_host=4, received_by_capture_host=1)
    facts.reset_ttls = {63: 1}
    found = link.direction(seen(exchange, reset, Context(hosts={SERVER: facts})))
    assert (found.name if found else None) == expected


def test_a_captured_router_that_never_received_the_reset_made_it() -> None:
    exchange = cooked(client=0, server=0)
    reset = exchange.live_reset(direction=4)
    assert told(link.direction(seen(exchange, reset))) == ("made_by_capturing_host", "path")


def test_a_captured_router_is_known_by_the_addresss_other_connections() -> None:
    exchange = Exchange()
    exchange.client.direction = 0
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset(direction=4)
    for lost_on_the_way_in, known in ((1, True), (4, True), (9, False)):
        facts = HostFacts(SERVER, sent_by_capture_host=lost_on_the_way_in)
        facts.received_by_capture_host, facts.reset_ttls = 20, {64: 1}
        found = link.direction(seen(exchange, reset, Context(hosts={SERVER: facts})))
        assert told(found) == (("made_by_capturing_host", "path") if known else None)
    assert link.direction(seen(exchange, reset)) is None


def test_the_other_end_is_meant_where_its_own_host_made_the_reset() -> None:
    exchange = cooked(client=4, server=0)
    reset = exchange.reply_reset(direction=4)
    assert told(link.direction(seen(exchange, reset))) == ("made_by_capturing_host", "initiator")


def test_direction_is_absent_on_ethernet_and_on_loopback() -> None:
    exchange = talk()
    assert link.direction(seen(exchange, exchange.live_reset())) is None
    loopback = cooked(client=0, server=0)
    assert link.direction(seen(loopback, loopback.live_reset())) is None


def test_capture_on_the_resetting_host_itself() -> None:
    exchange = talk()
    context = Context(capture_hosts=frozenset({SERVER}))
    found = link.captured_at_sender(seen(exchange, exchange.live_reset(), context))
    assert told(found) == ("captured_at_sender", "responder")
    strange = link.captured_at_sender(seen(exchange, exchange.live_reset(ttl=40), context))
    assert strange is None
    second = link.captured_at_sender(seen(exchange, exchange.live_reset(ttl=255), context))
    assert told(second) == ("captured_at_sender", "responder")


def test_a_link_that_takes_milliseconds_is_more_than_a_cable() -> None:
    weights = []
    for rtt in (MS, 8 * MS):
        exchange = Exchange(rtt=rtt)
        exchange.client.ttl, exchange.server.ttl = 61, 64
        exchange.handshake().request().response()
        found = link.captured_at_sender(seen(exchange, exchange.live_reset()))
        assert told(found) == ("captured_near_sender", "responder")
        assert found is not None
        weights.append(round(found.weight, 2))
        assert ("no mere cable" in found.detail) == (rtt > MS)
    assert weights == [1.3, 0.6]


def test_beside_the_end_another_initial_ttl_may_be_a_bridges() -> None:
    exchange = Exchange(rtt=MS // 10)
    exchange.client.ttl, exchange.server.ttl = 61, 64
    exchange.handshake().request().response()
    own, other = exchange.live_reset(), exchange.live_reset(ttl=255)
    assert told(link.captured_at_sender(seen(exchange, own))) == (
        "captured_near_sender",
        "responder",
    )
    assert link.captured_at_sender(seen(exchange, other)) is None


def test_capture_at_the_other_end_says_nothing() -> None:
    exchange = talk()
    context = Context(capture_hosts=frozenset({CLIENT}))
    assert link.captured_at_sender(seen(exchange, exchange.live_reset(), context)) is None


def test_a_reset_from_another_interface() -> None:
    exchange = talk()
    odd = exchange.live_reset(interface=2)
    assert told(link.interface(seen(exchange, odd))) == ("interface_differs", "path")
    assert link.interface(seen(exchange, exchange.live_reset())) is None


def test_another_interface_is_explained_where_the_address_has_moved() -> None:
    exchange = talk()
    odd = exchange.live_reset(interface=2, mac=0x0BAD)
    known = Context(hosts={SERVER: HostFacts(SERVER, macs={0x0B01: 9, 0x0BAD: 3})})
    assert told(link.interface(seen(exchange, odd))) == ("interface_differs", "path")
    assert link.interface(seen(exchange, odd, known)) is None


def test_an_address_that_comes_in_by_several_interfaces_shows_nothing() -> None:
    exchange = talk()
    exchange.send("server", ACK, interface=1)
    assert link.interface(seen(exchange, exchange.live_reset(interface=2))) is None
    early = Exchange().handshake()
    assert link.interface(seen(early, early.live_reset(interface=2))) is None


@pytest.mark.parametrize(
    ("own_copies", "others_copied", "interface", "found"),
    [(2, 20, 1, True), (3, 20, 1, False), (2, 9, 1, False), (2, 20, 0, False)],
)
def test_a_reset_that_only_came_out_of_a_device(
    own_copies: int, others_copied: int, interface: int, found: bool
) -> None:
    exchange = talk()
    reset = exchange.live_reset(interface=interface)
    view = seen(exchange, reset, Context(hosts={SERVER: HostFacts(SERVER)}))
    half, host = view.end, view.context.host(SERVER)
    half.rst_count, half.packets, half.duplicates = 1, 3, own_copies
    host.packets, host.duplicates = 23, own_copies + others_copied
    expected = ("came_out_only", "path") if found else None
    assert told(link.came_out_only(view)) == expected


def test_a_mac_counts_less_where_the_address_has_several_or_hardly_spoke() -> None:
    def weight(exchange: Exchange) -> float:
        found = link.mac(seen(exchange, exchange.live_reset(mac=0x0BAD)))
        assert told(found) == ("mac_differs", "path")
        return found.weight if found else 0.0

    steady, several, early = talk(), talk(), Exchange().handshake()
    several.send("server", ACK, mac=0x0B02)
    assert weight(several) < weight(steady)
    assert weight(early) < weight(steady)


def test_another_interface_is_explained_by_a_new_owners_arp() -> None:
    exchange = talk()
    exchange.extra["neighbour_arp"] = (9,)
    assert link.interface(seen(exchange, exchange.reply_reset(interface=2, ttl=64))) is None
    far = exchange.reply_reset(interface=2, ttl=61)
    assert told(link.interface(seen(exchange, far))) == ("interface_differs", "path")


def test_an_address_that_moved_away_talks_from_there_on_other_connections_only() -> None:
    exchange = talk()
    both = exchange.send("server", ACK, mac=0x0BAD)
    odd = exchange.live_reset(interface=2, mac=both.mac)
    known = Context(hosts={SERVER: HostFacts(SERVER, macs={0x0B01: 9, 0x0BAD: 3})})
    assert told(link.interface(seen(exchange, odd, known))) == ("interface_differs", "path")


def test_a_reset_beside_the_sender_from_another_mac_is_not_known_to_be_its_own() -> None:
    exchange = talk()
    context = Context(capture_hosts=frozenset({SERVER}))
    other = exchange.live_reset(mac=0x0BAD)
    assert link.captured_at_sender(seen(exchange, other, context)) is None
    none = exchange.live_reset(mac=0)
    found = link.captured_at_sender(seen(exchange, none, context))
    assert told(found) == ("captured_at_sender", "responder")


def test_a_router_hands_on_only_what_comes_from_behind_it() -> None:
    """A TTL that nobody lowered is of the router itself, or of a host beside it."""
    exchange = Exchange()
    exchange.server.ttl = 64
    exchange.handshake().request().response()
    reset = exchange.live_reset(mac=0x0BAD)
    router = Context(neighbours={0x0BAD: NeighbourFacts(forwarded=3)})
    alone, shared = link.mac(seen(exchange, reset)), link.mac(seen(exchange, reset, router))
    assert alone is not None
    assert shared is not None
    assert shared.weight == alone.weight
