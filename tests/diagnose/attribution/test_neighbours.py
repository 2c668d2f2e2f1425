"""A RST from an address of which nothing else is seen, against its neighbours."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.attribution import neighbours
from pcapdiag.model.context import Context, HostFacts, NeighbourFacts, NetworkFacts
from pcapdiag.model.packet import SYN
from tests.diagnose.attribution.exchange import MS, SERVER, Exchange, seen, talk, told

NETWORK = "10.0.2.0/24"
ROUTER = 0x0B01


def refused(ttl: int, after: int = 10 * MS) -> Exchange:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    exchange.wait(after).reply_reset(ttl=ttl)
    return exchange


def around(facts: NetworkFacts, **more: object) -> Context:
    return Context(networks={NETWORK: facts}, final=True, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ttl", "facts", "expected"),
    [
        (61, NetworkFacts({3: 1}), ("ttl_like_neighbours", "responder")),
        (252, NetworkFacts({3: 1}), ("ttl_like_neighbours", "responder")),
        (63, NetworkFacts({3: 2}), ("ttl_before_neighbours", "path")),
        (63, NetworkFacts({3: 1}), None),
        (64, NetworkFacts({0: 4}), None),
        (59, NetworkFacts({3: 2}), None),
        (63, NetworkFacts({3: 2, 1: 1}), None),
        (63, NetworkFacts({3: 2}, mixed=1), None),
        (61, NetworkFacts(), None),
    ],
)
def test_distance(ttl: int, facts: NetworkFacts, expected: tuple[str, str] | None) -> None:
    exchange = refused(ttl)
    view = seen(exchange, exchange.packets[-1], around(facts))
    assert told(neighbours.distance(view)) == expected


def test_neighbours_are_not_asked_where_the_address_itself_is_known() -> None:
    exchange = talk()
    reset = exchange.reply_reset(ttl=63)
    assert neighbours.distance(seen(exchange, reset, around(NetworkFacts({3: 9})))) is None
    exchange = refused(63)
    known = around(NetworkFacts({3: 9}), hosts={SERVER: HostFacts(SERVER, ttls={63: 3})})
    assert neighbours.distance(seen(exchange, exchange.packets[-1], known)) is None


@pytest.mark.parametrize(
    ("ttl", "beside", "expected"),
    [
        (64, NeighbourFacts(own=0, forwarded=2), ("made_at_gateway", "path")),
        (63, NeighbourFacts(own=0, forwarded=2), None),
        (64, NeighbourFacts(own=1, forwarded=2), None),
        (64, NeighbourFacts(own=0, forwarded=1), None),
    ],
)
def test_made_by_the_first_router(
    ttl: int, beside: NeighbourFacts, expected: tuple[str, str] | None
) -> None:
    exchange = refused(ttl)
    context = Context(neighbours={ROUTER: beside}, final=True)
    found = neighbours.distance(seen(exchange, exchange.packets[-1], context))
    assert told(found) == expected


def test_a_router_of_the_clients_own_network_refuses_for_itself() -> None:
    exchange = Exchange()
    exchange.server.address = "10.0.1.1"
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset(ttl=64)
    context = Context(neighbours={ROUTER: NeighbourFacts(forwarded=5)}, final=True)
    assert neighbours.distance(seen(exchange, reset, context)) is None


@pytest.mark.parametrize(
    ("after", "rtts", "expected"),
    [
        (1 * MS, [8 * MS, 9 * MS], ("too_fast_for_neighbours", "path")),
        (7 * MS, [8 * MS, 9 * MS], None),
        (1 * MS, [8 * MS], None),
        (MS // 100, [MS // 2, MS // 2], None),
    ],
)
def test_answer_time(after: int, rtts: list[int], expected: tuple[str, str] | None) -> None:
    exchange = refused(61, after)
    context = around(NetworkFacts(min_rtts=rtts))
    found = neighbours.answer_time(seen(exchange, exchange.packets[-1], context))
    assert told(found) == expected
