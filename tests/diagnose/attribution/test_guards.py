"""What must keep a signal silent although the rest of it is there."""

from __future__ import annotations

from typing import Unpack

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import ip_header, ip_id, recurring, sequence, tcp_header
from pcapdiag.diagnose.attribution.stack import stack
from pcapdiag.model.context import Context, HostFacts, ResetMarks
from pcapdiag.model.packet import ACK, PSH, RST, SYN
from tests.diagnose.attribution.exchange import (
    MS,
    SECOND,
    SERVER,
    Changes,
    Exchange,
    known_host,
    seen,
    talk,
    told,
)


def asked(tos: int = 0x48) -> Exchange:
    """A SYN with a mark, alone."""
    exchange = Exchange()
    exchange.client.tos = tos
    exchange.send("client", SYN, ack=0)
    return exchange.wait(MS)


def test_a_tos_of_its_own_is_no_filters() -> None:
    exchange = asked()
    other = exchange.reply_reset(tos=0x20)
    assert ip_header.type_of_service(seen(exchange, other)) is None
    exchange = talk()
    exchange.client.tos, exchange.server.tos = 0x48, 0x20
    exchange.request().response()
    zero = exchange.reply_reset(tos=0)
    assert ip_header.type_of_service(seen(exchange, zero)) is None


def test_a_live_sockets_tos_is_not_compared_with_what_it_answers() -> None:
    exchange = Exchange()
    exchange.client.tos = exchange.server.tos = 0x48
    exchange.handshake().request(answered=False)
    live = exchange.live_reset(tos=0)
    assert ip_header.type_of_service(seen(exchange, live)) is None
    shut = exchange.live_reset(tos=0, window=0)
    assert told(ip_header.type_of_service(seen(exchange, shut))) == ("tos_zero", "path")


def test_ecn_bits_of_an_end_that_uses_them() -> None:
    exchange = Exchange()
    exchange.server.tos = 0x02
    exchange.handshake().request().response()
    assert ip_header.congestion_bits(seen(exchange, exchange.live_reset())) is None
    alone = asked(0)
    assert ip_header.congestion_bits(seen(alone, alone.reply_reset(tos=0x02))) is None


def test_one_counter_for_all_explains_a_jump_after_a_pause_where_it_is_no_linux() -> None:
    for ttl, pause, doubtful in ((125, 2, True), (125, 0, False), (61, 2, False)):
        exchange = Exchange()
        exchange.server.ttl = ttl
        exchange.handshake().request().response().request().response().wait(pause * SECOND)
        found = ip_id.continuity(seen(exchange, exchange.live_reset(ip_id=40_000)))
        assert found is not None
        plain = ip_id.continuity(seen(exchange, exchange.live_reset(ip_id=41_000)))
        assert (found.name, plain and plain.name) == ("ip_id_off", "ip_id_off")
        assert (found.weight == 0) is doubtful


def test_an_echo_that_is_not_there_or_in_no_ack_says_nothing() -> None:
    exchange = talk()
    ahead = (exchange.client.tsval(exchange.now) or 0) + 90_000
    odd = exchange.live_reset(tsecr=ahead)
    assert tcp_header.timestamp_echo(seen(exchange, odd)) is not None
    for changes in ({"tsecr": None}, {"tsval": None, "tsecr": ahead}):
        assert tcp_header.timestamp_echo(seen(exchange, replace(odd, **changes))) is None
    bare = exchange.reply_reset(tsval=90_050, tsecr=ahead)
    assert tcp_header.timestamp_echo(seen(exchange, bare)) is None


def test_timestamps_in_the_reply_of_what_may_not_be_linux() -> None:
    exchange = Exchange()
    exchange.server.ttl = 125
    exchange.handshake().request().response()
    reset = exchange.reply_reset(tsval=90_050, option_bytes=12)
    assert tcp_header.bare_timestamps(seen(exchange, reset)) is None


@pytest.mark.parametrize("changes", [{"option_bytes": 12}, {"window": 9}, {"seq": 77}])
def test_a_reply_that_is_not_as_hosts_send_it(changes: Changes) -> None:
    exchange = talk()
    assert tcp_header.reply_form(seen(exchange, exchange.reply_reset())) is not None
    assert tcp_header.reply_form(seen(exchange, exchange.reply_reset(**changes))) is None


@pytest.mark.parametrize("changes", [{"seq": 77}, {"ack": 5}])
def test_each_number_of_a_refusal_counts(changes: Changes) -> None:
    exchange = asked(0)
    odd = exchange.reply_reset(**changes)
    assert told(tcp_header.odd_refusal(seen(exchange, odd))) == ("refusal_odd", "path")


def test_a_vendors_window_that_the_flow_has_itself_or_that_is_rare() -> None:
    exchange = talk()
    exchange.server.window = 9300
    exchange.request().response()
    often = known_host(SERVER, reset_windows={9300: 5})
    assert tcp_header.vendor_window(seen(exchange, exchange.live_reset(), often)) is None
    twice = known_host(SERVER, reset_windows={9300: 2})
    exchange = talk()
    assert tcp_header.vendor_window(seen(exchange, exchange.live_reset(window=9300), twice)) is None


def test_one_vendors_window_is_no_odd_one() -> None:
    exchange = talk()
    reset = exchange.reply_reset(window=9300)
    often = known_host(SERVER, reset_windows={9300: 5})
    assert tcp_header.odd_window(seen(exchange, reset)) is not None
    assert tcp_header.odd_window(seen(exchange, reset, often)) is None


def test_an_ip_id_that_the_flow_has_too_is_no_fixed_value() -> None:
    exchange = talk()
    reset = exchange.reply_reset(ip_id=exchange.server.ip_id)
    host = HostFacts(SERVER, marks_of_resets=ResetMarks(ip_ids={reset.ip_id: 9}))
    context = Context(hosts={SERVER: host}, final=True)
    assert recurring.ip_id_shared(seen(exchange, reset, context)) is None


def test_the_number_one_near_a_connections_own() -> None:
    exchange = talk()
    near = exchange.forge("server", RST, seq=1)
    assert sequence.fixed_number(seen(exchange, near)) is None
    exchange = Exchange()
    exchange.server.seq = 3_000_000_000
    exchange.handshake().request().response()
    far = exchange.forge("server", RST, seq=1)
    assert told(sequence.fixed_number(seen(exchange, far))) == ("seq_fixed", "path")
    exchange.send("client", ACK, ack=1)
    asked_for = exchange.forge("server", RST, seq=1)
    assert sequence.fixed_number(seen(exchange, asked_for)) is None


def test_a_stack_is_linux_only_by_all_of_its_habits() -> None:
    def named(exchange: Exchange) -> str:
        return stack(seen(exchange, exchange.reply_reset()))

    def answered(**changes: Unpack[Changes]) -> Exchange:
        exchange = Exchange()
        exchange.send("client", SYN, ack=0)
        exchange.send("server", SYN | ACK, **changes)
        exchange.send("client", ACK)
        return exchange.request().response()

    assert named(answered(ip_id=0)) == "linux"
    assert named(answered(ip_id=5)) == "unknown"
    assert named(answered(ip_id=0, df=False)) == "unknown"
    silent = Exchange()
    silent.send("client", SYN, ack=0)
    for flags in (SYN | ACK, ACK, ACK, ACK):
        silent.send("server", flags, ip_id=0)
    assert named(silent) == "unknown"
    silent.send("server", PSH | ACK, 100, ip_id=0)
    assert named(silent) == "apple or FreeBSD"
    silent.send("server", PSH | ACK, 100, ip_id=0, df=False)
    assert named(silent) == "unknown"
