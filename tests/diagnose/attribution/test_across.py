"""What other connections say about a refusal."""

from __future__ import annotations

from pcapdiag.diagnose.attribution import across
from pcapdiag.model.context import Context, EndpointFacts
from pcapdiag.model.packet import SYN
from tests.diagnose.attribution.exchange import MS, SECOND, SERVER, START, Exchange, seen, told


def works(at: int) -> Context:
    facts = EndpointFacts(SERVER, 8443, established=1, first_established=at)
    return Context(endpoints={(SERVER, 8443): facts})


def test_a_retry_that_works_at_once_is_no_rule() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset()
    soon = works(START + 20 * MS)
    assert told(across.works_at_once(seen(exchange, reset, soon))) == (
        "works_at_once",
        "responder",
    )
    late = works(START + 60 * SECOND)
    assert across.works_at_once(seen(exchange, reset, late)) is None
    assert across.works_at_once(seen(exchange, reset)) is None


def test_what_worked_just_before_tells_no_rule_from_a_dead_process() -> None:
    exchange = Exchange()
    exchange.wait(500 * MS).send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset()
    assert across.works_at_once(seen(exchange, reset, works(START + 20 * MS))) is None
