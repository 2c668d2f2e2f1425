"""Exactness of a RST's numbers, and bursts."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import sequence
from pcapdiag.flow.story import FIRST_PACKETS
from pcapdiag.model.context import Context
from pcapdiag.model.packet import ACK, FIN, PSH, RST
from tests.diagnose.attribution.exchange import MS, seen, talk, told


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (0, ("seq_exact", "responder")),
        (1460, ("seq_ahead", "path")),
        (-300, ("seq_stale", "path")),
    ],
)
def test_exactness_of_the_sequence_number(offset: int, expected: tuple[str, str]) -> None:
    exchange = talk()
    exchange.wait(MS).send("server", PSH | ACK, 40)
    if offset < 0:
        exchange.send("client", ACK)
    reset = exchange.forge("server", RST | ACK, seq=exchange.server.seq + offset)
    assert told(sequence.exactness(seen(exchange, reset))) == expected


def test_a_stray_segments_number_is_no_guess() -> None:
    exchange = talk()
    exchange.wait(MS).send("server", FIN | ACK)
    exchange.send("client", ACK)
    late = exchange.send("client", PSH | ACK, 10, ack=exchange.packets[-4].ack)
    reset = exchange.forge("server", RST, seq=late.ack)
    assert sequence.exactness(seen(exchange, reset)) is None


def test_ahead_counts_less_where_the_capture_lost_packets() -> None:
    exchange = talk()
    reset = exchange.forge("server", RST | ACK, seq=exchange.server.seq + 500)
    found = sequence.exactness(seen(exchange, reset, Context(lost_by_capture=3)))
    assert found is not None
    assert found.weight == pytest.approx(math.log10(4))


@pytest.mark.parametrize(
    ("flags", "off", "closed", "ratio"),
    [
        (RST, 1, False, 4),
        (RST, 2, False, 20),
        (RST | ACK, 1, False, 20),
        (RST, 1, True, 20),
    ],
)
def test_one_ahead_is_the_number_behind_a_fin_that_was_not_captured(
    flags: int, off: int, closed: bool, ratio: int
) -> None:
    exchange = talk()
    if closed:
        exchange.send("server", FIN | ACK)
    reset = exchange.forge("server", flags, seq=exchange.server.seq + off)
    found = sequence.exactness(seen(exchange, reset))
    assert told(found) == ("seq_ahead", "path")
    assert found is not None
    assert found.weight == pytest.approx(math.log10(ratio))


def test_acknowledging_what_was_never_sent() -> None:
    exchange = talk()
    reset = exchange.live_reset(ack=exchange.client.seq + 4000)
    assert told(sequence.acknowledgment(seen(exchange, reset))) == ("ack_impossible", "path")
    assert sequence.acknowledgment(seen(exchange, exchange.live_reset())) is None
    assert sequence.acknowledgment(seen(exchange, exchange.reply_reset())) is None


def test_a_burst_of_guesses() -> None:
    exchange = talk()
    start = exchange.server.seq
    first, *_ = [exchange.forge("server", RST | ACK, seq=start + off) for off in (0, 1460, 4380)]
    found = sequence.burst(seen(exchange, first))
    assert told(found) == ("seq_spray", "path")
    assert found is not None
    assert "+0, +1,460, +4,380" in found.detail


def test_a_burst_of_answers_to_late_segments() -> None:
    exchange = talk()
    acks = (exchange.server.seq, exchange.server.seq + 700)
    for ack in acks:
        exchange.send("client", PSH | ACK, 10, ack=ack)
        last = exchange.forge("server", RST, seq=ack)
    assert told(sequence.burst(seen(exchange, last))) == ("seq_answers", "responder")


def test_an_abort_and_answers_to_late_acks_are_no_guesses() -> None:
    """Who aborts a download answers each ACK that was on its way (measured: Linux, gVisor)."""
    exchange = talk()
    late = [exchange.server.seq + off for off in (0, 1448, 2896)]
    exchange.send("server", PSH | ACK, 4344)
    abort = exchange.live_reset()
    for ack in late:
        exchange.send("client", ACK, ack=ack)
        last = exchange.forge("server", RST, seq=ack)
    assert sequence.burst(seen(exchange, abort)) is None
    assert sequence.burst(seen(exchange, last)) is None


def test_a_late_ack_that_is_not_kept_may_be_answered() -> None:
    exchange = talk()
    for _ in range(FIRST_PACKETS):
        exchange.response()
    start = exchange.server.seq
    exchange.send("server", PSH | ACK, 14_480)
    exchange.send("client", ACK)
    late = [exchange.forge("server", RST, seq=start + off) for off in (1448, 2896, 4344)]
    view = seen(exchange, late[0])
    assert told(sequence.exactness(view)) == ("seq_stale", "path")
    assert told(sequence.burst(view)) == ("seq_spray", "path")
    exchange.extra["packets_left_out"] = 9
    view = seen(exchange, late[0])
    assert sequence.exactness(view) is None
    assert sequence.burst(view) is None
    ahead = [exchange.forge("server", RST, seq=exchange.server.seq + off) for off in (9, 99)]
    assert told(sequence.burst(seen(exchange, ahead[0]))) == ("seq_spray", "path")


def test_one_reset_is_no_burst() -> None:
    exchange = talk()
    reset = exchange.live_reset()
    exchange.forge("server", RST | ACK)
    assert sequence.burst(seen(exchange, reset)) is None


def test_the_number_one_on_a_connection_far_from_it() -> None:
    exchange = talk()
    exchange.server.seq += 3_000_000
    exchange.send("server", PSH | ACK, 100)
    fixed = exchange.forge("server", RST | ACK, seq=1)
    assert told(sequence.fixed_number(seen(exchange, fixed))) == ("seq_fixed", "path")
    assert sequence.fixed_number(seen(exchange, exchange.live_reset())) is None


def test_the_number_one_where_the_connection_begins_there() -> None:
    exchange = talk()
    assert sequence.fixed_number(seen(exchange, exchange.forge("server", RST, seq=1))) is None


def test_guesses_at_what_was_received() -> None:
    exchange = talk()
    acked = exchange.client.seq
    first, *_ = [exchange.forge("server", RST | ACK, ack=acked + off) for off in (0, 1460, 4380)]
    found = sequence.acknowledgments(seen(exchange, first))
    assert told(found) == ("ack_spray", "path")
    assert found is not None
    assert "+0, +1,460, +4,380" in found.detail


def test_a_reset_to_each_late_segment_guesses_nothing() -> None:
    exchange = talk()
    resets = []
    for _ in range(2):
        late = exchange.send("client", PSH | ACK, 10)
        resets.append(exchange.forge("server", RST | ACK, ack=late.end_seq))
    assert sequence.acknowledgments(seen(exchange, resets[0])) is None


def test_a_reset_that_overtook_its_senders_data_is_not_ahead() -> None:
    exchange = talk()
    data = exchange.forge("server", PSH | ACK, ip_id=902, tsval=None)
    exchange.packets.pop()
    exchange.server.ip_id = 903
    reset = exchange.forge("server", RST | ACK, seq=data.seq + 619, ip_id=903)
    late = replace(data, length=619, frame=reset.frame + 1, time=reset.time + 80 * MS)
    exchange.packets.append(late)
    assert told(sequence.exactness(seen(exchange, reset))) == ("seq_exact", "responder")
    exchange.packets[-1] = replace(late, ip_id=904)
    found = sequence.exactness(seen(exchange, reset))
    assert told(found) == ("seq_ahead", "path")
    exchange.packets.pop()
    alone = sequence.exactness(seen(exchange, reset))
    assert found is not None
    assert alone is not None
    assert found.weight < alone.weight
