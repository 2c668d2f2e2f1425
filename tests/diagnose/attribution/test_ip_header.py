"""IP ID, DF, TOS and flow label of a RST."""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.attribution import ip_header, ip_id
from pcapdiag.model.packet import ACK, PSH, RST, SYN
from tests.diagnose.attribution.exchange import MS, Exchange, seen, talk, told


def test_ip_id_goes_on_with_the_flow() -> None:
    exchange = talk()
    assert told(ip_id.continuity(seen(exchange, exchange.live_reset()))) == (
        "ip_id_continuous",
        "responder",
    )


def test_ip_id_is_ahead_by_what_was_sent() -> None:
    exchange = Exchange().handshake().request()
    exchange.send("server", PSH | ACK, 12_360)
    exchange.server.ip_id += 8
    assert told(ip_id.continuity(seen(exchange, exchange.live_reset()))) == (
        "ip_id_continuous",
        "responder",
    )


def test_ip_id_off_the_flows_count() -> None:
    exchange = talk().request().response()
    reset = exchange.live_reset(ip_id=40_000)
    assert told(ip_id.continuity(seen(exchange, reset))) == ("ip_id_off", "path")


def test_ip_ids_of_a_hosts_answers_count_on() -> None:
    """gVisor counts in each of its answers to late segments, Linux in none (measured)."""
    exchange = talk().request().response()
    for _ in range(8):
        exchange.send("client", ACK)
        reset = exchange.send("server", RST)
    assert told(ip_id.continuity(seen(exchange, reset))) == ("ip_id_continuous", "responder")


def test_a_count_that_jumps_is_shared_where_df_is_clear() -> None:
    """Such hosts have one counter for several connections: libslirp, lwIP, gVisor (measured)."""

    def weight(*, df: bool) -> float:
        exchange = talk().request().response()
        exchange.packets = [replace(p, df=df) for p in exchange.packets]
        reset = exchange.live_reset(ip_id=40_000, df=df)
        found = ip_id.continuity(seen(exchange, reset))
        assert told(found) == ("ip_id_off", "path")
        return found.weight if found else 0.0

    assert weight(df=False) == 0 < weight(df=True)


def test_ip_ids_from_long_before_prove_nothing() -> None:
    """What came just before the RST is not kept; the host has restarted, and counts from 0."""
    exchange = Exchange().handshake().request()
    for _ in range(40):
        exchange.wait(MS).send("client", PSH | ACK, 1448)
    first = exchange.forge("server", RST | ACK, ip_id=exchange.server.ip_id + 1)
    again = exchange.forge("server", RST | ACK, ip_id=exchange.server.ip_id + 2)
    assert told(ip_id.continuity(seen(exchange, again))) == ("ip_id_continuous", "responder")
    exchange.extra["packets_left_out"] = 300
    assert ip_id.continuity(seen(exchange, first)) is None
    assert ip_id.continuity(seen(exchange, again)) is None


def test_ip_id_that_the_host_uses_again() -> None:
    exchange = talk()
    reset = exchange.forge("server", RST | ACK, ip_id=exchange.server.ip_id + 1)
    exchange.send("server", PSH | ACK, 100)
    assert told(ip_id.continuity(seen(exchange, reset))) == ("ip_id_taken", "path")


def test_ip_id_zero_says_nothing() -> None:
    exchange = talk()
    assert ip_id.continuity(seen(exchange, exchange.reply_reset())) is None
    assert ip_id.copied(seen(exchange, exchange.reply_reset())) is None


def test_ip_id_copied_from_the_trigger() -> None:
    exchange = talk().request(answered=False)
    trigger = exchange.packets[-1]
    one = exchange.forge("server", RST, ip_id=trigger.ip_id, window=0)
    assert told(ip_id.copied(seen(exchange, one))) == ("header_copied", "path")
    exchange.packets.pop()
    exchange.server.window = 300
    both = exchange.forge("server", RST, ip_id=trigger.ip_id, window=trigger.window)
    exchange.packets = [p for p in exchange.packets if p.from_initiator or p.window != 502]
    assert told(ip_id.copied(seen(exchange, both))) == ("header_copied_twice", "path")


def test_df_clear_where_the_host_always_sets_it() -> None:
    exchange = talk()
    assert told(ip_header.dont_fragment(seen(exchange, exchange.live_reset(df=False)))) == (
        "df_clear",
        "path",
    )
    assert ip_header.dont_fragment(seen(exchange, exchange.live_reset())) is None


def test_df_clear_is_nothing_where_the_host_clears_it_too() -> None:
    exchange = talk()
    exchange.send("server", ACK, df=False)
    assert ip_header.dont_fragment(seen(exchange, exchange.live_reset(df=False))) is None


def marked() -> Exchange:
    exchange = Exchange()
    exchange.client.tos = 0x48
    exchange.send("client", SYN, ack=0)
    return exchange.wait(MS)


def test_tos_is_reflected_by_kernels_and_zero_from_filters() -> None:
    exchange = marked()
    kernel = exchange.reply_reset()
    assert told(ip_header.type_of_service(seen(exchange, kernel))) == ("tos_reflected", "responder")
    rule = exchange.reply_reset(tos=0)
    assert told(ip_header.type_of_service(seen(exchange, rule))) == ("tos_zero", "path")


def test_tos_is_absent_without_a_mark_on_the_trigger() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(MS).reply_reset()
    assert ip_header.type_of_service(seen(exchange, reset)) is None


def labelled() -> Exchange:
    exchange = Exchange(version=6)
    exchange.server.flow_label = 0xABCDE
    return exchange.handshake().request().response().wait(MS)


def test_flow_label_of_the_flow_or_zero() -> None:
    exchange = labelled()
    same = ip_header.flow_label(seen(exchange, exchange.live_reset()))
    assert told(same) == ("flow_label_same", "responder")
    zero = ip_header.flow_label(seen(exchange, exchange.live_reset(flow_label=0)))
    assert told(zero) == ("flow_label_zero", "path")


def test_flow_label_of_a_reply_is_pseudo_random_and_says_nothing() -> None:
    exchange = labelled()
    assert ip_header.flow_label(seen(exchange, exchange.reply_reset())) is None
    assert ip_header.flow_label(seen(talk(), talk().live_reset())) is None


def test_ecn_bits_that_the_connection_does_not_use() -> None:
    exchange = talk()
    odd = exchange.live_reset(tos=0x02)
    assert told(ip_header.congestion_bits(seen(exchange, odd))) == ("ecn_odd", "path")
    exchange = talk()
    exchange.client.tos = 0x02
    exchange.send("client", PSH | ACK, 100)
    reflected = exchange.reply_reset()
    assert ip_header.congestion_bits(seen(exchange, reflected)) is None
