"""What the alleged sender of a FIN does behind it: a socket that sent one is at its end."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.attribution import afterwards
from pcapdiag.model.packet import ACK, FIN, PSH, SYN, PacketFact
from tests.diagnose.attribution.exchange import MS, SECOND, Exchange, seen, talk, told


def forged() -> tuple[Exchange, PacketFact]:
    """A FIN in the server's name, of which the server knows nothing."""
    exchange = talk()
    return exchange, exchange.forge("server", FIN | ACK, ip_id=0, tsval=None)


def test_new_data_behind_the_fin() -> None:
    exchange, fin = forged()
    exchange.wait(SECOND).send("server", PSH | ACK, 400)
    assert told(afterwards.beyond_fin(seen(exchange, fin))) == ("data_behind_fin", "path")


def test_what_had_been_sent_before_is_no_new_data() -> None:
    exchange, fin = forged()
    exchange.wait(SECOND).send("server", ACK)
    again = exchange.server.seq - 500
    exchange.send("server", PSH | ACK, 500, seq=again)
    assert afterwards.beyond_fin(seen(exchange, fin)) is None


def test_only_a_fin_is_asked() -> None:
    exchange = talk()
    reset = exchange.reply_reset()
    exchange.wait(SECOND).send("server", PSH | ACK, 400)
    assert afterwards.beyond_fin(seen(exchange, reset)) is None
    assert afterwards.open_after_fin(seen(exchange, reset)) is None


@pytest.mark.parametrize(
    ("pause", "age", "doubtful"), [(1, 0, True), (1, 1, False), (400, 0, False)]
)
def test_data_right_behind_may_have_been_overtaken(pause: int, age: int, doubtful: bool) -> None:
    exchange = talk()
    fin = exchange.forge("server", FIN | ACK, tsval=None, ip_id=exchange.server.ip_id * age)
    exchange.wait(pause * MS // 10).send("server", PSH | ACK, 400)
    found = afterwards.beyond_fin(seen(exchange, fin))
    assert found is not None
    sure = afterwards.beyond_fin(seen(*_late()))
    assert sure is not None
    assert (found.weight < sure.weight) is doubtful


def _late() -> tuple[Exchange, PacketFact]:
    exchange, fin = forged()
    exchange.wait(SECOND).send("server", PSH | ACK, 400)
    return exchange, fin


def test_an_ack_with_numbers_from_before_the_fin() -> None:
    exchange, fin = forged()
    exchange.wait(SECOND).send("client", PSH | ACK, 100)
    exchange.wait(10 * MS).send("server", ACK)
    assert told(afterwards.open_after_fin(seen(exchange, fin))) == ("acks_after", "path")


def test_a_probe_that_goes_one_back_repeats_what_is_known() -> None:
    exchange, fin = forged()
    exchange.wait(SECOND).send("server", ACK, seq=exchange.server.seq - 1)
    assert afterwards.open_after_fin(seen(exchange, fin)) is None


def test_an_ack_of_less_than_the_fin_acknowledged() -> None:
    exchange = talk()
    exchange.send("client", PSH | ACK, 100)
    before = exchange.client.seq - 100
    fin = exchange.forge("server", FIN | ACK, ip_id=0, tsval=None)
    exchange.wait(SECOND).send("server", PSH | ACK, 50, seq=fin.end_seq, ack=before)
    assert told(afterwards.open_after_fin(seen(exchange, fin))) == ("acks_after", "path")


def test_a_sender_that_knows_of_its_fin() -> None:
    exchange = talk()
    fin = exchange.send("server", FIN | ACK)
    exchange.wait(SECOND).send("client", PSH | ACK, 100)
    exchange.send("server", ACK)
    assert afterwards.open_after_fin(seen(exchange, fin)) is None
    exchange.send("server", SYN, ack=0)
    assert afterwards.open_after_fin(seen(exchange, fin)) is None


def test_an_ack_at_once_may_have_been_under_way() -> None:
    exchange, fin = forged()
    exchange.send("client", PSH | ACK, 100)
    exchange.wait(MS // 10).send("server", ACK)
    assert afterwards.open_after_fin(seen(exchange, fin)) is None


@pytest.mark.parametrize(("flags", "length", "ahead"), [(ACK, 0, 500), (PSH | ACK, 1, 0)])
def test_a_number_behind_the_fin_without_data_and_data_up_to_it(
    flags: int, length: int, ahead: int
) -> None:
    exchange, fin = forged()
    exchange.wait(SECOND).send("server", flags, length, seq=exchange.server.seq + ahead)
    assert afterwards.beyond_fin(seen(exchange, fin)) is None


@pytest.mark.parametrize(("flags", "length"), [(PSH | ACK, 500), (FIN | ACK, 0)])
def test_what_is_sent_again_behind_the_fin_has_old_numbers(flags: int, length: int) -> None:
    exchange, fin = forged()
    exchange.wait(SECOND).send("client", PSH | ACK, 100)
    exchange.send("server", flags, length, seq=exchange.server.seq - length)
    assert afterwards.open_after_fin(seen(exchange, fin)) is None


@pytest.mark.parametrize("length", [400, 0])
def test_what_the_fin_overtook_is_older(length: int) -> None:
    """Its timestamp says so, however late it comes."""
    exchange = talk()
    exchange.send("client", PSH | ACK, 100)
    seq, made = exchange.server.seq, exchange.server.tsval(exchange.now)
    exchange.wait(2 * SECOND)
    fin = exchange.forge("server", FIN | ACK, seq=seq)
    exchange.wait(SECOND)
    exchange.send("client", PSH | ACK, 100)
    exchange.send("server", PSH | ACK, length, seq=seq, tsval=made)
    for found in (afterwards.beyond_fin, afterwards.open_after_fin):
        assert found(seen(exchange, fin)) is None
