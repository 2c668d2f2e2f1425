"""What the ends do after a RST."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import afterwards
from pcapdiag.flow.story import FIRST_PACKETS
from pcapdiag.model.packet import ACK, FIN, PSH, RST, SYN
from tests.diagnose.attribution.exchange import MS, SECOND, Exchange, seen, talk, told


def test_data_after_its_own_reset() -> None:
    exchange = talk()
    reset = exchange.forge("server", RST, ttl=58)
    exchange.wait(5 * MS).send("server", PSH | ACK, 400)
    found = afterwards.goes_on(seen(exchange, reset))
    assert told(found) == ("data_after", "path")
    assert found is not None
    assert found.weight == 2.0


def test_acks_after_its_own_reset() -> None:
    exchange = talk()
    reset = exchange.forge("server", RST, ttl=58)
    exchange.send("client", PSH | ACK, 100)
    exchange.wait(5 * MS).send("server", ACK)
    assert told(afterwards.goes_on(seen(exchange, reset))) == ("acks_after", "path")


def test_a_reset_that_overtook_data_is_genuine() -> None:
    exchange = talk()
    late = exchange.send("server", PSH | ACK, 400)
    reset = exchange.live_reset()
    at = exchange.packets.index(late)
    exchange.packets[at], exchange.packets[at + 1] = reset, late
    assert afterwards.goes_on(seen(exchange, reset)) is None


def test_data_older_than_an_earlier_reset_says_nothing_about_a_later_one() -> None:
    """The RST overtook data; the host answers the peer's ACK by another RST before it arrives."""
    exchange = talk()
    late = exchange.send("server", PSH | ACK, 400)
    exchange.live_reset()
    reply = exchange.forge("server", RST, seq=late.seq, ip_id=0, tsval=None)
    exchange.packets.remove(late)
    exchange.wait(5 * MS)
    exchange.packets.append(replace(late, time=exchange.now, frame=len(exchange.packets) + 2))
    assert afterwards.goes_on(seen(exchange, reply)) is None


@pytest.mark.parametrize(("late", "proves"), [(2 * MS, False), (9 * MS, True)])
def test_a_reset_may_overtake_a_fin_by_as_much_as_other_packets_were_overtaken(
    late: int, proves: bool
) -> None:
    """A closed socket answers late data by a bare RST with the number of its FIN (measured)."""
    exchange = talk()
    older = exchange.send("server", ACK)
    exchange.wait(2 * MS).send("server", ACK)
    exchange.packets.remove(older)
    exchange.wait(3 * MS)
    exchange.packets.append(replace(older, time=exchange.now))
    exchange.wait(20 * MS)
    reset = exchange.reply_reset()
    exchange.wait(late).send("server", FIN | ACK)
    assert (afterwards.goes_on(seen(exchange, reset)) is not None) is proves


def test_data_right_behind_counts_less_when_nothing_tells_its_age() -> None:
    exchange = talk()
    reset = exchange.reply_reset()
    exchange.wait(MS // 10).send("server", PSH | ACK, 400)
    found = afterwards.goes_on(seen(exchange, reset))
    assert found is not None
    assert found.weight == pytest.approx(math.log10(20))


def test_a_later_ip_id_shows_that_data_right_behind_is_newer() -> None:
    exchange = talk()
    reset = exchange.forge("server", RST, ip_id=exchange.server.ip_id + 1, tsval=None)
    exchange.wait(MS // 10).send("server", PSH | ACK, 400)
    found = afterwards.goes_on(seen(exchange, reset))
    assert found is not None
    assert found.weight == 2.0


def test_a_refused_syn_may_be_tried_again() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset()
    exchange.wait(500 * MS).send("client", SYN, seq=1000, ack=0)
    exchange.wait(MS).send("server", SYN | ACK)
    assert afterwards.goes_on(seen(exchange, reset)) is None


def test_a_syn_ack_right_after_the_refusal() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset(ttl=63)
    exchange.wait(9 * MS).send("server", SYN | ACK)
    assert told(afterwards.goes_on(seen(exchange, reset))) == ("data_after", "path")


def test_both_ends_reset_at_once() -> None:
    exchange = talk()
    reset = exchange.forge("server", RST | ACK, tsval=None)
    exchange.wait(MS).forge("client", RST | ACK, tsval=None)
    assert told(afterwards.both_ends(seen(exchange, reset))) == ("reset_both", "path")


def test_a_reply_to_late_data_is_not_both_at_once() -> None:
    exchange = talk()
    reset = exchange.forge("server", RST | ACK, tsval=None)
    late = exchange.send("server", PSH | ACK, 100)
    exchange.wait(MS // 10).forge("client", RST, seq=late.ack, tsval=None)
    assert afterwards.both_ends(seen(exchange, reset)) is None


def test_a_host_that_answers_what_was_on_its_way_is_not_both_at_once() -> None:
    """After a forged RST the ends reset each other's late segments for a round trip."""
    exchange = talk().wait(SECOND)
    asked = exchange.send("client", PSH | ACK, 100)
    exchange.wait(9 * MS).forge("client", RST, tsval=None)
    reset = exchange.wait(MS).forge("server", RST, seq=asked.ack, tsval=None)
    assert afterwards.both_ends(seen(exchange, reset)) is None


def test_two_programs_without_timestamps_may_end_at_once() -> None:
    def weight(*, window: int) -> float:
        exchange = Exchange()
        exchange.server.timestamps = exchange.client.timestamps = False
        exchange.handshake().request().response().wait(SECOND)
        exchange.live_reset("client", window=window)
        reset = exchange.wait(2 * MS).live_reset(window=window)
        found = afterwards.both_ends(seen(exchange, reset))
        assert told(found) == ("reset_both", "path")
        return found.weight if found else 0.0

    assert weight(window=502) < weight(window=0)


def test_both_at_once_is_absent_with_live_sockets_or_a_close() -> None:
    exchange = talk()
    reset = exchange.live_reset()
    exchange.live_reset("client")
    assert afterwards.both_ends(seen(exchange, reset)) is None
    closing = talk()
    closing.send("server", FIN | ACK)
    reset = closing.forge("server", RST | ACK, tsval=None)
    closing.forge("client", RST | ACK, tsval=None)
    assert afterwards.both_ends(seen(closing, reset)) is None


def test_a_reset_beside_the_ends_own() -> None:
    exchange = talk()
    forged = exchange.forge("server", RST | ACK, ttl=125, ip_id=0, tsval=None, window=0)
    own = exchange.wait(5 * MS).live_reset()
    assert told(afterwards.own_reset(seen(exchange, forged))) == ("own_reset", "path")
    assert afterwards.own_reset(seen(exchange, own)) is None


def test_a_host_that_reset_and_then_answers_late_segments() -> None:
    exchange = talk()
    exchange.live_reset()
    exchange.send("client", PSH | ACK, 100)
    late = exchange.reply_reset()
    assert afterwards.own_reset(seen(exchange, late)) is None


def test_answers_to_late_segments_are_not_a_live_sockets() -> None:
    exchange = talk()
    first = exchange.reply_reset()
    exchange.send("client", PSH | ACK, 100)
    exchange.reply_reset()
    assert afterwards.own_reset(seen(exchange, first)) is None


@pytest.mark.parametrize(("late", "proves"), [(2 * MS, False), (9 * MS, True)])
def test_acknowledgments_that_go_back_tell_how_far_packets_overtake_each_other(
    late: int, proves: bool
) -> None:
    exchange = Exchange()
    exchange.client.timestamps = exchange.server.timestamps = False
    exchange.handshake().request().response()
    older = exchange.send("server", ACK, ip_id=0)
    exchange.send("client", PSH | ACK, 100)
    exchange.wait(2 * MS).send("server", ACK, ip_id=0)
    exchange.packets.remove(older)
    exchange.wait(3 * MS)
    exchange.packets.append(replace(older, time=exchange.now))
    exchange.wait(20 * MS)
    bare = exchange.reply_reset()
    exchange.wait(late).live_reset()
    assert (afterwards.own_reset(seen(exchange, bare)) is not None) is proves


def test_what_a_bare_reset_answers_may_have_been_left_out() -> None:
    exchange = talk()
    first, last = exchange.packets[:], exchange.packets[-1]
    while len(exchange.packets) < FIRST_PACKETS:
        exchange.packets.append(replace(last, frame=len(exchange.packets) + 1))
    exchange.wait(20 * MS)
    reset = exchange.forge("client", RST, tsval=None)
    exchange.wait(MS).forge("server", RST, tsval=None)
    assert told(afterwards.both_ends(seen(exchange, reset))) == ("reset_both", "path")
    exchange.extra["packets_left_out"] = 9
    assert len(first) < FIRST_PACKETS
    assert afterwards.both_ends(seen(exchange, reset)) is None
