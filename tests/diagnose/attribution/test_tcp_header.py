"""Which generator made a RST: flags, window, options, timestamps."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.attribution import tcp_header
from pcapdiag.diagnose.attribution.stack import stack
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


def test_a_live_sockets_reset_has_its_window_and_timestamps() -> None:
    exchange = talk()
    assert told(tcp_header.live_socket(seen(exchange, exchange.live_reset()))) == (
        "live_socket",
        "responder",
    )


def test_without_timestamps_a_live_socket_shows_less() -> None:
    exchange = Exchange()
    exchange.server.timestamps = exchange.client.timestamps = False
    exchange.handshake().request().response()
    found = tcp_header.live_socket(seen(exchange, exchange.live_reset()))
    assert told(found) == ("live_socket_plain", "responder")


@pytest.mark.parametrize("changes", [{"window": 0}, {"seq": 1}, {"window": 60_000}])
def test_what_a_live_socket_would_not_send(changes: Changes) -> None:
    exchange = talk()
    assert tcp_header.live_socket(seen(exchange, exchange.live_reset(**changes))) is None


def test_a_bare_abort_has_the_flows_last_window() -> None:
    copied, own = talk(), talk()
    view = seen(copied, copied.reply_reset(window=copied.client.window))
    assert told(tcp_header.odd_window(view)) == ("window_odd", "path")
    own.client.window = 64
    own.send("client", ACK)
    view = seen(own, own.reply_reset(window=own.server.window))
    assert told(tcp_header.live_socket(view)) == ("live_socket_plain", "responder")
    assert tcp_header.odd_window(view) is None


def test_reset_ack_with_window_zero_accuses_nobody() -> None:
    exchange = talk()
    view = seen(exchange, exchange.live_reset(window=0))
    tests = (
        tcp_header.live_socket,
        tcp_header.odd_window,
        tcp_header.odd_refusal,
        tcp_header.timestamps_missing,
        tcp_header.reply_form,
    )
    assert [test(view) for test in tests] == [None] * 5


def test_a_timestamp_off_the_senders_clock() -> None:
    exchange = talk()
    last = exchange.server.tsval(exchange.now) or 0
    off = exchange.live_reset(tsval=last + 1_000_000)
    assert told(tcp_header.timestamp_clock(seen(exchange, off))) == ("timestamp_off", "path")
    back = exchange.live_reset(tsval=last - 500)
    assert told(tcp_header.timestamp_clock(seen(exchange, back))) == ("timestamp_off", "path")


def test_a_timestamp_on_the_clocks_line() -> None:
    exchange = talk().wait(60 * SECOND).request().response().wait(SECOND)
    assert tcp_header.timestamp_clock(seen(exchange, exchange.live_reset())) is None


def test_a_syn_that_had_to_wait_does_not_set_the_clocks_rate() -> None:
    """It waits for the neighbour's address, and is sent with the next one, a second later."""
    exchange = Exchange()
    exchange.server.clock -= 1000
    exchange.handshake()
    exchange.server.clock += 1000
    exchange.request().response().wait(5 * SECOND).request().response().wait(20 * SECOND)
    assert tcp_header.timestamp_clock(seen(exchange, exchange.live_reset())) is None


def test_packets_captured_in_one_batch_have_no_times_of_their_own() -> None:
    exchange = talk()
    last = exchange.server.tsval(exchange.now) or 0
    reset = exchange.live_reset(tsval=last + 300)
    assert tcp_header.timestamp_clock(seen(exchange, reset)) is None


def test_missing_timestamps_accuse_little_and_linux_more() -> None:
    exchange = talk()
    reset = exchange.live_reset(tsval=None)
    found = tcp_header.timestamps_missing(seen(exchange, reset))
    assert told(found) == ("timestamps_missing_linux", "path")
    apple = Exchange().handshake().request().response()
    apple.packets = [p for p in apple.packets if not (p.is_syn_ack and not p.from_initiator)]
    found = tcp_header.timestamps_missing(seen(apple, apple.live_reset(tsval=None)))
    assert told(found) == ("timestamps_missing", "path")


@pytest.mark.parametrize(
    ("ttls", "zeros", "name"),
    [
        ({61: 12}, 0, "timestamps_missing_linux"),
        ({61: 12}, 12, "timestamps_missing"),
        ({61: 3}, 0, "timestamps_missing"),
        ({61: 12, 125: 9}, 0, "timestamps_missing"),
    ],
)
def test_other_connections_show_that_the_host_is_linux(
    ttls: dict[int, int], zeros: int, name: str
) -> None:
    exchange = Exchange().handshake().wait(20 * MS)
    known = known_host(SERVER, ttls=ttls)
    known.host(SERVER).ip_ids_zero = zeros
    found = tcp_header.timestamps_missing(seen(exchange, exchange.live_reset(tsval=None), known))
    assert told(found) == (name, "path")


def test_a_reset_without_window_misses_timestamps_where_it_starts_as_linux_does() -> None:
    exchange = talk()
    found = tcp_header.timestamps_missing(seen(exchange, exchange.live_reset(window=0, tsval=None)))
    assert told(found) == ("timestamps_missing_linux", "path")
    exchange = talk()
    answer = exchange.live_reset(window=0, tsval=None, seq=0)
    assert tcp_header.timestamps_missing(seen(exchange, answer)) is None
    exchange = Exchange()
    exchange.server.ttl = 125
    exchange.handshake().request().response()
    windows = exchange.live_reset(window=0, tsval=None)
    assert tcp_header.timestamps_missing(seen(exchange, windows)) is None
    exchange = Exchange().handshake()
    unknown = exchange.live_reset(window=0, tsval=None)
    found = tcp_header.timestamps_missing(seen(exchange, unknown))
    assert told(found) == ("timestamps_missing", "path")


def test_a_reply_without_timestamps_is_normal() -> None:
    exchange = talk()
    view = seen(exchange, exchange.reply_reset())
    assert tcp_header.timestamps_missing(view) is None
    found = tcp_header.reply_form(view)
    assert found is not None
    assert found.weight == 0


def test_a_bare_reset_with_a_window_is_odd() -> None:
    exchange = talk()
    reset = exchange.reply_reset(window=8192)
    assert told(tcp_header.odd_window(seen(exchange, reset))) == ("window_odd", "path")
    assert tcp_header.odd_window(seen(exchange, exchange.reply_reset())) is None


def test_a_refusal_that_no_closed_port_sends() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    good = exchange.wait(MS).reply_reset()
    assert tcp_header.odd_refusal(seen(exchange, good)) is None
    small = exchange.reply_reset(window=65_535)  # So do lwIP and libslirp (measured).
    assert tcp_header.odd_refusal(seen(exchange, small)) is None
    odd = exchange.reply_reset(seq=77)
    assert told(tcp_header.odd_refusal(seen(exchange, odd))) == ("refusal_odd", "path")
    bare = exchange.forge("server", RST, seq=0, window=14_600)
    assert told(tcp_header.odd_refusal(seen(exchange, bare))) == ("refusal_bare", "path")


def test_a_vendors_window_is_named_on_several_connections_only() -> None:
    exchange = talk()
    reset = exchange.reply_reset(window=9300)
    often = known_host(SERVER, reset_windows={9300: 5})
    assert told(tcp_header.vendor_window(seen(exchange, reset, often))) == (
        "vendor_code",
        "responder",
    )
    assert tcp_header.vendor_window(seen(exchange, reset)) is None
    ordinary = exchange.reply_reset(window=9999)
    assert tcp_header.vendor_window(seen(exchange, ordinary, often)) is None


def test_text_in_a_reset() -> None:
    exchange = talk()
    reset = exchange.send("server", RST | ACK, 20, ttl=40)
    exchange.extra["reset_payload"] = b"[F5RST(peer)]\x00"
    found = tcp_header.text(seen(exchange, reset))
    assert told(found) == ("reset_text", "path")
    assert found is not None
    assert '"[F5RST(peer)]."' in found.detail
    assert tcp_header.text(seen(talk(), talk().live_reset())) is None


def test_an_echo_of_what_the_peer_never_sent() -> None:
    exchange = talk()
    last = exchange.client.tsval(exchange.now) or 0
    odd = exchange.live_reset(tsecr=last + 90_000)
    assert told(tcp_header.timestamp_echo(seen(exchange, odd))) == ("timestamp_echo_off", "path")
    exchange = talk()
    assert tcp_header.timestamp_echo(seen(exchange, exchange.live_reset())) is None


def test_timestamps_in_the_reply_of_a_linux_host() -> None:
    exchange = talk()
    reset = exchange.reply_reset(tsval=90_050, option_bytes=12)
    found = tcp_header.bare_timestamps(seen(exchange, reset))
    assert told(found) == ("timestamps_bare", "path")
    plain = exchange.reply_reset()
    assert tcp_header.bare_timestamps(seen(exchange, plain)) is None


def test_apple_leaves_its_timestamps_out() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    exchange.wait(exchange.rtt)
    for flags, length in ((SYN | ACK, 0), (ACK, 0), (PSH | ACK, 500), (PSH | ACK, 500)):
        exchange.send("server", flags, length, ip_id=0)
    reset = exchange.live_reset(tsval=None, option_bytes=0, ip_id=0)
    found = tcp_header.timestamps_missing(seen(exchange, reset))
    assert told(found) == ("timestamps_missing_apple", "path")
    assert found is not None
    assert found.weight == 0


def test_stacks_are_told_where_little_doubt_is_left() -> None:
    def named(exchange: Exchange) -> str:
        return stack(seen(exchange, exchange.reply_reset()))

    assert named(talk()) == "linux"
    windows = Exchange()
    windows.server.ttl = 125
    assert named(windows.handshake().request()) == "windows"
    few = Exchange()
    few.send("client", SYN, ack=0)
    assert named(few) == "unknown"
    far = Exchange()
    far.server.ttl = 250
    assert named(far.handshake().request().response()) == "unknown"
