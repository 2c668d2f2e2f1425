"""Resets before which the capture, or what is kept of it, lacks packets."""

from __future__ import annotations

from pcapdiag.flow.story import FIRST_PACKETS
from pcapdiag.model.packet import ACK, PSH
from tests.diagnose.attribution.exchange import MS, Exchange, names, seen, sender


def test_a_reset_behind_which_a_download_went_on_for_long() -> None:
    """Of what came just before it nothing is kept: numbers that seem wrong then prove nothing."""
    exchange = Exchange().handshake().request()
    for _ in range(40):
        exchange.wait(MS).send("server", PSH | ACK, 1448)
        exchange.wait(MS // 10).send("client", ACK)
    reset = exchange.live_reset("client")
    for _ in range(30):
        exchange.wait(MS // 10).send("server", PSH | ACK, 1448)
        exchange.reply_reset("client")
    exchange.extra["packets"] = tuple(exchange.packets[:FIRST_PACKETS] + exchange.packets[-40:])
    suspected = {"ip_id_off", "ack_impossible"}
    assert suspected <= names(sender(exchange, reset))
    exchange.extra["packets_left_out"] = len(exchange.packets) - 56
    result = sender(exchange, reset)
    assert (result.side, result.confidence >= 0.9) == ("initiator", True)
    assert not names(result) & suspected


def test_a_reset_is_judged_though_there_was_no_room_for_what_came_before_it() -> None:
    exchange = Exchange().handshake().request()
    reset = exchange.live_reset("server")
    exchange.extra["packets"] = (reset,)
    exchange.extra["packets_left_out"] = len(exchange.packets) - 1
    assert sender(exchange, reset).side == "responder"


def test_what_the_capture_lost_before_a_reset_shows_in_its_echo() -> None:
    """The numbers are ahead of all that was captured, and so is the peer's clock that it echoes."""
    exchange = Exchange().handshake().request().wait(40 * MS)
    kept = len(exchange.packets)
    exchange.response(9000).send("client", PSH | ACK, 60)
    exchange.server.ip_id += 20
    del exchange.packets[kept:]
    for ahead, side in ((exchange.client.tsval(exchange.now), "unknown"), (97_000, "path")):
        result = sender(exchange, exchange.live_reset(tsecr=ahead))
        assert (result.side, "timestamp_echo_off" in names(result)) == (side, side == "path")


def test_it_is_known_what_was_kept_however_little_room_there_was() -> None:
    exchange = Exchange().handshake().request()
    reset = exchange.live_reset("server")
    packets = tuple(exchange.packets)
    for kept in range(1, len(packets)):
        exchange.extra["packets"] = packets[-kept:]
        exchange.extra["packets_left_out"] = len(packets) - kept
        assert seen(exchange, reset).keeps_all_since(reset.time), "among the first ones"
        assert sender(exchange, reset).side == "responder"
    exchange.extra["packets"] = packets[:-1]
    exchange.extra["packets_left_out"] = 1
    assert not seen(exchange, reset).keeps_all_since(reset.time)
