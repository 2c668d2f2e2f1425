"""Where a capture was taken, by direction, checksums, TTL and round trip."""

from __future__ import annotations

from typing import Any

import pytest

from pcapdiag.diagnose.attribution.vantage import Place, capture_hosts, merge, vantage
from pcapdiag.model.context import Context, HostFacts
from tests.diagnose.attribution.exchange import CLIENT, MS, NOTHING, SERVER, Exchange


def hosts(*facts: HostFacts) -> Context:
    return Context(hosts={f.address: f for f in facts})


def test_what_a_cooked_capture_sends_is_the_capturing_host() -> None:
    context = hosts(
        HostFacts(CLIENT, packets=50, sent_by_capture_host=50),
        HostFacts(SERVER, packets=40, received_by_capture_host=40),
    )
    assert capture_hosts(context) == {CLIENT}


def test_a_router_that_passes_packets_on_is_not_their_host() -> None:
    context = hosts(
        HostFacts(CLIENT, packets=50, sent_by_capture_host=20, received_by_capture_host=30)
    )
    assert capture_hosts(context) == frozenset()


def test_what_a_router_captures_on_its_way_out_is_not_its_own() -> None:
    """tcpdump -i any -Q out: both ends' packets are marked as sent."""
    context = hosts(
        HostFacts(CLIENT, packets=50, sent_by_capture_host=50, passed_to=True),
        HostFacts(SERVER, packets=40, sent_by_capture_host=40, passed_to=True),
    )
    assert capture_hosts(context) == frozenset()


def test_checksums_left_to_the_card_are_the_capturing_hosts() -> None:
    context = hosts(HostFacts(CLIENT, packets=17, bad_checksums=17), HostFacts(SERVER, packets=15))
    assert capture_hosts(context) == {CLIENT}


@pytest.mark.parametrize(
    "signs", [{"received_by_capture_host": 17}, {"ttls": {63: 17}}], ids=["came in", "routed"]
)
def test_checksums_of_another_container_stay_unfinished(signs: dict[str, Any]) -> None:
    """Both share a machine: its card never was to finish them."""
    context = hosts(
        HostFacts(CLIENT, packets=17, bad_checksums=17, **signs),
        HostFacts(SERVER, packets=15, bad_checksums=11, ttls={64: 15}),
    )
    assert capture_hosts(context) == frozenset()


def test_bad_checksums_of_all_tell_nothing() -> None:
    """Between virtual interfaces they stay wrong at the receiver too."""
    context = hosts(
        HostFacts(CLIENT, packets=17, bad_checksums=17),
        HostFacts(SERVER, packets=15, bad_checksums=15),
    )
    assert capture_hosts(context) == frozenset()


def test_loopback_is_always_the_capturing_host() -> None:
    assert capture_hosts(hosts(HostFacts("127.0.0.1"), HostFacts("::1"))) == {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("client_ttl", "server_ttl", "place"),
    [
        (64, 61, "initiator"),
        (61, 64, "responder"),
        (63, 62, "path"),
        (128, 57, "initiator"),
    ],
)
def test_ttls_show_the_nearer_end(client_ttl: int, server_ttl: int, place: Place) -> None:
    exchange = Exchange()
    exchange.client.ttl, exchange.server.ttl = client_ttl, server_ttl
    found = vantage(exchange.handshake().story(), NOTHING)
    assert (found.place, found.sure) == (place, False)


def test_on_one_link_the_round_trip_shows_the_nearer_end() -> None:
    exchange = Exchange(rtt=10 * MS)
    exchange.server.ttl = 64
    assert vantage(exchange.handshake().story(), NOTHING).place == "initiator"
    near = Exchange(rtt=MS // 10)
    near.server.ttl = 64
    assert vantage(near.handshake().story(), NOTHING).place == "unknown"


def test_a_known_capture_host_is_sure() -> None:
    context = Context(capture_hosts=frozenset({SERVER}))
    found = vantage(Exchange().handshake().story(), context)
    assert (found.place, found.sure) == ("responder", True)


def test_both_ends_on_the_capturing_host_is_no_place() -> None:
    context = Context(capture_hosts=frozenset({SERVER, CLIENT}))
    assert vantage(Exchange().handshake().story(), context).place == "unknown"


def test_places_of_a_capture_are_merged() -> None:
    assert merge(["unknown", "initiator", "initiator"]) == "initiator"
    assert merge(["initiator", "path"]) == "mixed"
    assert merge([]) == "unknown"


def test_resets_alone_may_be_a_firewalls_in_the_name_of_another() -> None:
    refused = HostFacts(SERVER, packets=3, sent_by_capture_host=3, reset_ttls={64: 3})
    assert capture_hosts(hosts(refused)) == frozenset()
    spoken = HostFacts(SERVER, packets=4, sent_by_capture_host=4, reset_ttls={64: 3})
    assert capture_hosts(hosts(spoken)) == {SERVER}
