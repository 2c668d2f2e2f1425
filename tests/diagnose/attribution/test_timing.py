"""How soon a RST came, and whether anything had prompted it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import timing
from pcapdiag.diagnose.attribution.resets import weigh_reset
from pcapdiag.flow.story import FIRST_PACKETS
from pcapdiag.model.packet import ACK, PSH, SYN
from tests.diagnose.attribution.exchange import (
    MS,
    SECOND,
    SERVER,
    Exchange,
    known_host,
    seen,
    talk,
    told,
)


def test_an_answer_that_came_too_fast() -> None:
    exchange = talk().wait(SECOND)
    exchange.send("client", PSH | ACK, 50)
    reset = exchange.wait(2 * MS).reply_reset()
    found = timing.answer_time(seen(exchange, reset))
    assert told(found) == ("too_fast", "path")
    assert found is not None
    assert "never took less than 10 ms" in found.detail


@pytest.mark.parametrize(("rtt", "tick", "name"), [
    (4 * MS, 1, "too_fast"), (4 * MS, MS, None), (10 * MS, MS, "too_fast")
])  # fmt: skip
def test_a_coarse_clock_cuts_off_what_it_cannot_show(rtt: int, tick: int, name: str | None) -> None:
    exchange = Exchange(rtt=rtt).handshake().request().response().wait(SECOND)
    exchange.send("client", PSH | ACK, 50)
    exchange.wait(2 * MS).reply_reset()
    exchange.packets = [replace(p, time=p.time // tick * tick) for p in exchange.packets]
    found = timing.answer_time(seen(exchange, exchange.packets[-1]))
    assert (found.name if found and found.says == "path" else None) == name


def test_acknowledging_what_cannot_have_arrived_yet() -> None:
    exchange = talk().wait(SECOND)
    exchange.send("client", PSH | ACK, 50)
    reset = exchange.wait(2 * MS).live_reset()
    assert told(timing.answer_time(seen(exchange, reset))) == ("too_fast_ack", "path")


def test_a_handshake_alone_may_have_been_slow() -> None:
    exchange = Exchange().handshake()
    exchange.wait(MS).send("client", PSH | ACK, 50)
    reset = exchange.wait(2 * MS).live_reset()
    assert told(timing.answer_time(seen(exchange, reset))) == ("too_fast", "path")


def test_several_handshakes_were_not_all_slow() -> None:
    for answered, name in ((2, "too_fast"), (3, "too_fast_ack")):
        exchange = Exchange().handshake()
        exchange.wait(MS).send("client", PSH | ACK, 50)
        reset = exchange.wait(2 * MS).reply_reset()
        known = known_host(SERVER, min_rtt=9 * MS)
        known.host(SERVER).answered = answered
        assert told(timing.answer_time(seen(exchange, reset, known))) == (name, "path")


def test_a_bare_reset_may_answer_an_older_segment_with_the_same_acknowledgment() -> None:
    exchange = talk().wait(SECOND)
    exchange.send("client", PSH | ACK, 50)
    reset = exchange.wait(2 * MS).reply_reset()
    known = known_host(SERVER, min_rtt=9 * MS)
    known.host(SERVER).answered = 9
    assert told(timing.answer_time(seen(exchange, reset, known))) == ("too_fast", "path")


def test_a_nearer_answer_of_the_host_elsewhere_is_the_least_that_it_takes() -> None:
    exchange = talk().wait(SECOND)
    exchange.send("client", PSH | ACK, 50)
    reset = exchange.wait(2 * MS).reply_reset()
    found = timing.answer_time(seen(exchange, reset, known_host(SERVER, min_rtt=3 * MS)))
    assert found is None or found.says == "responder"


def test_an_answer_at_the_usual_round_trip() -> None:
    exchange = talk()
    exchange.send("client", PSH | ACK, 50)
    reset = exchange.wait(11 * MS).reply_reset()
    assert told(timing.answer_time(seen(exchange, reset))) == ("usual_rtt", "responder")


def test_a_device_beside_the_end_is_as_fast() -> None:
    """A RST from a hop nearer, as fast as the end: its firewall's would be (measured)."""

    def weight(ttl: int) -> float:
        exchange = talk()
        exchange.send("client", PSH | ACK, 50)
        reset = exchange.wait(11 * MS).reply_reset(ttl=ttl)
        signals = weigh_reset(seen(exchange, reset))
        return next(s.weight for s in signals if s.name == "usual_rtt")

    assert weight(62) == 0 < weight(61)


def test_an_earlier_segment_may_have_been_answered() -> None:
    exchange = talk()
    exchange.send("client", PSH | ACK, 50)
    exchange.wait(9 * MS).send("client", PSH | ACK, 50)
    reset = exchange.wait(2 * MS).reply_reset()
    found = timing.answer_time(seen(exchange, reset))
    assert found is None or found.name != "too_fast"


def test_answer_time_is_absent_without_a_round_trip() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset()
    assert timing.answer_time(seen(exchange, reset)) is None
    known = known_host(SERVER, min_rtt=MS)
    found = timing.answer_time(seen(exchange, reset, known))
    assert told(found) == ("usual_rtt_short", "responder")


def test_a_bare_reset_that_answers_nothing() -> None:
    exchange = talk().wait(240 * SECOND)
    reset = exchange.reply_reset()
    assert told(timing.unprompted(seen(exchange, reset))) == ("unprompted_bare", "path")
    live = exchange.live_reset()
    assert timing.unprompted(seen(exchange, live)) is None


def test_a_bare_reset_to_a_probe_was_prompted() -> None:
    exchange = talk().wait(240 * SECOND)
    exchange.send("client", ACK)
    reset = exchange.wait(10 * MS).reply_reset()
    assert timing.unprompted(seen(exchange, reset)) is None


def test_a_known_timer_is_a_weak_hint() -> None:
    exchange = talk().wait(350 * SECOND).request(answered=False)
    found = timing.idle_timer(seen(exchange, exchange.reply_reset()))
    assert told(found) == ("idle_timer", "path")
    assert found is not None
    assert found.weight < 0.5
    assert "proves nothing" in found.detail
    other = talk().wait(200 * SECOND).request(answered=False)
    assert timing.idle_timer(seen(other, other.reply_reset())) is None


def test_an_end_that_had_answered_already_shows_no_round_trip() -> None:
    exchange = talk()
    exchange.send("client", PSH | ACK, 50)
    exchange.wait(10 * MS).send("server", ACK)
    reset = exchange.wait(MS).live_reset()
    assert timing.answer_time(seen(exchange, reset)) is None


def test_what_a_reset_answers_may_have_been_left_out() -> None:
    """The last packets that are kept of a long upload may reach back less than a round trip."""
    exchange = talk().wait(SECOND)
    last = exchange.packets[-1]
    while len(exchange.packets) < FIRST_PACKETS:
        exchange.packets.append(replace(last, frame=len(exchange.packets) + 1))
    for _ in range(5):
        exchange.wait(MS).send("client", PSH | ACK, 1448)
    reset = exchange.wait(MS).reply_reset()
    assert told(timing.answer_time(seen(exchange, reset))) == ("too_fast", "path")
    exchange.extra["packets_left_out"] = 9
    assert timing.answer_time(seen(exchange, reset)) is None
