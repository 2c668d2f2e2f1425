"""Whole connections as they were measured: who sent the RST, who is to blame."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.model.packet import ACK, FIN, PSH, RST, SYN, PacketFact
from tests.diagnose.attribution.exchange import (
    CLIENT,
    MS,
    NOTHING,
    SECOND,
    SERVER,
    Changes,
    Exchange,
    known_host,
    names,
    sender,
    talk,
)

EVEN = (SideHint("responder", 0.55, "either"), SideHint("path", 0.45, "either"))


def judged(code: str, reset: PacketFact | None, who: tuple[SideHint, ...] = ()) -> Judgement:
    return Judgement(code, True, None, 0.9, reset=reset, candidates=who)


# The end itself


def test_linger_zero() -> None:
    exchange = Exchange().handshake().request()
    result = sender(exchange, exchange.live_reset())
    assert (result.side, result.address) == ("responder", SERVER)
    assert result.confidence >= 0.95
    assert {"live_socket", "ip_id_continuous"} <= names(result)


def test_beside_the_end_a_bridge_could_write_what_has_no_timestamp() -> None:
    exchange = Exchange(rtt=MS // 10)
    exchange.client.ttl, exchange.server.ttl = 61, 64
    exchange.handshake().request().response()
    bare = sender(exchange, exchange.reply_reset())
    assert "captured_near_sender" in names(bare)
    assert (bare.side, bare.confidence) == ("responder", 0.95)
    live = sender(exchange, exchange.live_reset())
    assert (live.side, live.confidence) == ("responder", 0.99)


def test_close_with_unread_data_after_the_peers_fin() -> None:
    exchange = talk()
    exchange.send("client", PSH | ACK, 900)
    exchange.send("client", FIN | ACK)
    exchange.wait(exchange.rtt)
    assert sender(exchange, exchange.live_reset()).side == "responder"


def test_a_killed_socket_with_a_full_buffer_resets_with_window_zero() -> None:
    exchange = Exchange().handshake().request()
    result = sender(exchange, exchange.live_reset(window=0))
    assert result.side == "responder"
    assert result.confidence >= 0.9


def test_a_killed_process_with_connections_in_its_queue() -> None:
    exchange = Exchange().handshake().wait(30 * MS)
    result = sender(exchange, exchange.live_reset())
    assert result.side == "responder"
    assert result.confidence >= 0.9


def test_without_timestamps_a_cut_may_be_imitated() -> None:
    """Named, and never surely: who saw one packet can write it all. With a clock it is harder."""
    exchange = Exchange()
    exchange.server.timestamps = exchange.client.timestamps = False
    exchange.handshake().request()
    reset = exchange.live_reset()
    result = sender(exchange, reset)
    assert (result.side, result.confidence) == ("responder", 0.88)
    verdict = judged("tcp.reset_before_response", reset)
    assert attribute(exchange.story(), verdict, NOTHING).confidence == 0.88


def test_a_cut_without_timestamps_is_sure_where_the_host_was_captured() -> None:
    exchange = Exchange()
    exchange.server.timestamps = exchange.client.timestamps = False
    exchange.client.direction, exchange.server.direction = 0, 4
    exchange.handshake().request()
    assert sender(exchange, exchange.live_reset()).confidence == 0.99


def test_a_client_that_aborts() -> None:
    exchange = talk()
    result = sender(exchange, exchange.live_reset("client"))
    assert (result.side, result.address) == ("initiator", CLIENT)


def test_a_client_that_had_given_up_connecting() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    exchange.wait(4 * SECOND).send("server", SYN | ACK, ip_id=0)
    result = sender(exchange, exchange.reply_reset("client"))
    assert result.side == "initiator"


def test_the_keep_alive_race() -> None:
    exchange = talk().wait(60 * SECOND)
    fin = exchange.send("server", FIN | ACK)
    exchange.send("client", PSH | ACK, 100, ack=fin.seq)
    exchange.wait(exchange.rtt)
    reset = exchange.reply_reset(seq=fin.end_seq)
    assert sender(exchange, reset).side == "responder"
    closed = (SideHint("responder", 0.93, "it closed first"), SideHint("path", 0.05, "rest"))
    result = attribute(exchange.story(), judged("tcp.stale_connection", reset, closed), NOTHING)
    assert result.side == "responder"


def test_closed_port_with_other_connections_to_compare() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(exchange.rtt).reply_reset()
    known = known_host(SERVER, ttls={61: 60}, min_rtt=exchange.rtt)
    result = sender(exchange, reset, known)
    assert result.side == "responder"
    assert result.confidence >= 0.95


def test_closed_port_and_nothing_else_in_the_capture() -> None:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(exchange.rtt).reply_reset()
    result = sender(exchange, reset)
    assert result.side == "responder"
    assert result.confidence < 0.9


def test_the_hosts_own_firewall_is_the_host() -> None:
    """REJECT in INPUT has the host's TTL; TOS 0 alone does not make it a device between."""
    exchange = Exchange()
    exchange.client.tos = 0x48
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(exchange.rtt).reply_reset(tos=0)
    result = sender(exchange, reset, known_host(SERVER, ttls={61: 60}))
    assert result.side == "responder"
    assert "tos_zero" in names(result)


# A device between


def test_reject_in_forward_refuses_from_a_hop_before() -> None:
    exchange = Exchange(rtt=20 * MS)
    exchange.send("client", SYN, ack=0)
    reset = exchange.wait(2 * MS).reply_reset(ttl=64)
    known = known_host(SERVER, ttls={61: 60}, min_rtt=20 * MS)
    result = sender(exchange, reset, known)
    assert result.side == "path"
    assert {"ttl_on_link", "too_fast"} <= names(result)


def test_reject_put_in_mid_connection() -> None:
    """The client is reset, the server knows nothing and goes on sending."""
    exchange = Exchange().handshake().request()
    exchange.send("client", PSH | ACK, 100)
    reset = exchange.wait(MS).reply_reset(ttl=63)
    exchange.wait(10 * MS).send("server", PSH | ACK, 300)
    exchange.reply_reset("client")
    result = sender(exchange, reset)
    assert result.side == "path"
    assert result.confidence >= 0.9
    assert sender(exchange, exchange.packets[-1]).side == "initiator"


def test_injector_that_copies_the_trigger() -> None:
    exchange = Exchange().handshake().request(answered=False)
    trigger = exchange.packets[-1]
    exchange.server.window = 300
    reset = exchange.forge(
        "server", RST, seq=trigger.ack, ip_id=trigger.ip_id, window=502, ttl=58, tsval=None
    )
    exchange.wait(3 * MS).send("server", PSH | ACK, 400)
    exchange.reply_reset("client")
    result = sender(exchange, reset)
    assert result.side == "path"
    assert result.confidence >= 0.95
    assert {"data_after", "ttl_differs", "header_copied_twice"} & names(result)


def test_injector_that_resets_both_ends() -> None:
    exchange = Exchange().handshake().request(answered=False)
    forged: Changes = {"ttl": 128, "ip_id": 0, "df": False, "window": 8192, "tsval": None}
    reset = exchange.forge("server", RST | ACK, **forged)
    exchange.wait(MS).forge("client", RST | ACK, **forged)
    result = sender(exchange, reset)
    assert result.side == "path"
    assert result.confidence >= 0.95


def test_injector_that_guesses_the_next_numbers() -> None:
    exchange = Exchange().handshake().request()
    start = exchange.server.seq
    resets = [
        exchange.forge("server", RST | ACK, seq=start + off, ttl=60, ip_id=n, tsval=None)
        for n, off in enumerate((0, 1460, 4380), start=1)
    ]
    exchange.wait(2 * MS).send("server", PSH | ACK, 400)
    for reset in resets:
        assert sender(exchange, reset).side == "path"


def test_an_expired_entry_answers_with_the_devices_ttl() -> None:
    exchange = talk().wait(902 * SECOND)
    exchange.send("client", PSH | ACK, 100)
    reset = exchange.wait(MS // 2).reply_reset(ttl=63)
    exchange.server.ttl = 57
    exchange.packets = [
        p if p.from_initiator or p.is_rst else _with_ttl(p, 57) for p in exchange.packets
    ]
    result = attribute(exchange.story(), judged("tcp.stale_connection", reset, EVEN), NOTHING)
    assert result.side == "path"
    assert result.confidence >= 0.9
    assert result.address is None


def test_dnat_that_lost_its_entry_in_mid_use() -> None:
    exchange = talk()
    exchange.send("client", PSH | ACK, 100)
    reset = exchange.wait(MS).reply_reset(ttl=64)
    result = attribute(exchange.story(), judged("tcp.state_lost", reset, EVEN), NOTHING)
    assert result.side == "path"


def test_a_router_that_also_sent_an_icmp_error_is_named() -> None:
    exchange = Exchange(rtt=20 * MS).handshake().request().response()
    exchange.error("192.0.2.1", ttl=63)
    exchange.wait(SECOND).send("client", PSH | ACK, 100)
    result = sender(exchange, exchange.wait(MS).reply_reset(ttl=63))
    assert (result.side, result.address) == ("path", "192.0.2.1")


def test_a_device_that_writes_as_the_server_would_is_not_taken_for_it_with_certainty() -> None:
    """Idle, no timestamps: TTL, next IP ID, window and numbers are all there is, and all copied."""
    exchange = Exchange()
    exchange.client.timestamps = exchange.server.timestamps = False
    exchange.handshake().request().response().wait(3 * SECOND)
    who = (SideHint("responder", 0.6, "its timeout"), SideHint("path", 0.4, "a device's"))
    reset = exchange.live_reset()
    result = attribute(exchange.story(), judged("tcp.idle_reset", reset, who), NOTHING)
    assert result.confidence < 0.9


def test_a_timestamp_on_the_servers_own_clock_makes_sure() -> None:
    exchange = talk().wait(3 * SECOND)
    who = (SideHint("responder", 0.6, "its timeout"), SideHint("path", 0.4, "a device's"))
    reset = exchange.live_reset()
    result = attribute(exchange.story(), judged("tcp.idle_reset", reset, who), NOTHING)
    assert result.side == "responder"
    assert result.confidence >= 0.95


def test_one_family_alone_never_makes_the_path_certain() -> None:
    exchange = Exchange().handshake().request()
    result = sender(exchange, exchange.reply_reset(mac=0x0BAD))
    assert result.confidence <= 0.85


# Where an expert refuses to name a culprit (measured)


def test_a_bare_reset_after_idle_with_matching_ttl_names_nobody() -> None:
    exchange = talk().wait(400 * SECOND)
    exchange.send("client", PSH | ACK, 100)
    reset = exchange.wait(exchange.rtt).reply_reset()
    story = exchange.story()
    result = attribute(story, judged("tcp.stale_connection", reset, EVEN), NOTHING)
    assert result.side == "unknown"
    assert result.address is None
    assert result.confidence < 0.8
    assert {c.side for c in result.candidates} == {"responder", "path"}
    assert f"settle it with a capture on {SERVER} at" in result.evidence[0].detail


def test_an_idle_time_that_is_a_products_default_names_nobody() -> None:
    exchange = talk().wait(350 * SECOND)
    exchange.send("client", PSH | ACK, 100)
    reset = exchange.wait(exchange.rtt).reply_reset()
    story = exchange.story()
    result = attribute(story, judged("tcp.stale_connection", reset, EVEN), NOTHING)
    assert result.side == "unknown"
    assert "idle_timer" in names(result)


def test_a_lost_socket_in_mid_use_with_matching_ttl_names_nobody() -> None:
    exchange = talk()
    exchange.send("client", PSH | ACK, 100)
    reset = exchange.wait(exchange.rtt).reply_reset()
    result = attribute(exchange.story(), judged("tcp.state_lost", reset, EVEN), NOTHING)
    assert result.side == "unknown"


def test_a_moved_address_is_the_responders() -> None:
    exchange = Exchange()
    exchange.server.ttl = 64
    exchange.handshake().request().response()
    exchange.send("client", PSH | ACK, 100)
    exchange.extra["neighbour_arp"] = (12,)
    reset = exchange.wait(exchange.rtt).reply_reset(mac=0x0C0C)
    result = attribute(exchange.story(), judged("tcp.state_lost", reset, EVEN), NOTHING)
    assert result.side == "responder"


# And where one may be sure


@pytest.mark.parametrize("reset_form", ["live", "reply"])
def test_a_reset_leaving_the_captured_host(reset_form: str) -> None:
    exchange = Exchange()
    exchange.client.direction, exchange.server.direction = 0, 4
    exchange.handshake().request().wait(MS)
    live = reset_form == "live"
    reset = exchange.live_reset() if live else exchange.reply_reset()
    result = sender(exchange, reset)
    assert result.side == "responder"
    assert result.confidence == 0.99


def test_a_rule_in_the_initiators_own_output_chain() -> None:
    exchange = Exchange()
    exchange.client.direction, exchange.server.direction = 4, 0
    exchange.handshake().request().wait(MS)
    reset = exchange.reply_reset(direction=4)
    assert sender(exchange, reset).side == "initiator"


def test_a_success_is_attributed_to_nobody() -> None:
    exchange = talk()
    result = attribute(exchange.story(), Judgement("ok", False, None, 1.0), NOTHING)
    assert (result.side, result.confidence, result.evidence) == ("unknown", 0.0, [])


def test_the_weights_add_up_to_the_confidence() -> None:
    exchange = Exchange().handshake().request().wait(20 * MS)
    result = sender(exchange, exchange.reply_reset())
    signed = sum(e.weight if e.says == "responder" else -e.weight for e in result.evidence)
    assert result.confidence == pytest.approx(1 / (1 + 10**-signed), abs=0.01)


def _with_ttl(packet: PacketFact, ttl: int) -> PacketFact:
    return replace(packet, ttl=ttl)
