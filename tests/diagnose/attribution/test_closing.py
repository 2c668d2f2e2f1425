"""Who sent a FIN, an alert or an answer: the end it bears the name of, or a device between."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.model.ends import Actor
from pcapdiag.model.packet import ACK, FIN, PSH, PacketFact
from pcapdiag.model.report import Attribution
from tests.diagnose.attribution.exchange import (
    MS,
    NOTHING,
    SECOND,
    SERVER,
    Exchange,
    known_host,
    talk,
)

pytestmark = pytest.mark.once

CLOSED = (SideHint("responder", 0.9, "it closed"), SideHint("path", 0.06, "or not"))


def closed(
    exchange: Exchange, packet: PacketFact, code: str = "tcp.closed_before_response"
) -> Attribution:
    judgement = Judgement(
        code, True, None, 0.9, frames=(packet.frame,), ended_by="responder", candidates=CLOSED
    )
    return attribute(exchange.story(), judgement, NOTHING)


def weight(result: Attribution, name: str) -> float:
    return next((e.weight for e in result.evidence if e.signal == name), 0.0)


def says(result: Attribution) -> dict[str, Actor | str]:
    return {e.signal: e.says for e in result.evidence}


def test_a_fin_as_its_end_writes_it() -> None:
    exchange = talk()
    fin = exchange.send("server", FIN | ACK)
    result = closed(exchange, fin)
    assert result.side == "responder"
    assert 0.95 <= result.confidence <= 0.99
    assert {"ttl_same": "responder", "ip_id_continuous": "responder"}.items() <= says(
        result
    ).items()
    assert next(e.detail for e in result.evidence if e.signal == "ttl_same").startswith("FIN has")


def test_a_fin_from_nearer_than_its_end_names_nobody() -> None:
    exchange = talk()
    exchange.response()
    fin = exchange.forge("server", FIN | ACK, ttl=250, ip_id=0)
    result = closed(exchange, fin)
    assert says(result)["ttl_differs"] == "path"
    assert result.side == "unknown"
    assert {c.side for c in result.candidates} == {"responder", "path"}


def test_a_fin_behind_which_its_end_sends_on_is_forged() -> None:
    exchange = talk()
    exchange.response()
    fin = exchange.forge("server", FIN | ACK, ttl=250, ip_id=4000)
    exchange.wait(5 * MS).send("server", PSH | ACK, 300)
    result = closed(exchange, fin)
    assert result.side == "path"
    assert weight(result, "data_behind_fin") == 3.0


def test_a_fin_sent_again_is_no_new_data() -> None:
    exchange = talk()
    fin = exchange.send("server", FIN | ACK)
    exchange.wait(SECOND).send("server", FIN | ACK, seq=fin.seq)
    assert "data_behind_fin" not in says(closed(exchange, fin))


def test_a_fin_without_the_timestamps_of_the_connection() -> None:
    exchange = talk()
    fin = exchange.forge("server", FIN | ACK, tsval=None)
    exchange.wait(5 * MS).send("client", ACK)
    result = closed(exchange, fin)
    assert weight(result, "timestamps_dropped") == pytest.approx(1.3, abs=0.01)
    assert says(result)["timestamps_dropped"] == "path"


@pytest.mark.parametrize("who", ["client", "server"])
def test_timestamps_are_missed_only_where_both_ends_use_them(who: str) -> None:
    exchange = Exchange()
    getattr(exchange, who).timestamps = False
    exchange.handshake().request().response()
    fin = exchange.forge("server", FIN | ACK, tsval=None)
    assert "timestamps_dropped" not in says(closed(exchange, fin))


def test_an_end_that_leaves_timestamps_out_elsewhere_may_do_so_here() -> None:
    exchange = talk()
    exchange.send("server", ACK, tsval=None)
    fin = exchange.forge("server", FIN | ACK, tsval=None)
    assert "timestamps_dropped" not in says(closed(exchange, fin))


def test_an_end_that_acknowledges_less_than_its_fin_did_not_send_that() -> None:
    exchange = talk()
    fin = exchange.forge("server", FIN | ACK, ack=exchange.client.seq)
    exchange.wait(5 * MS).send("server", FIN | ACK, ack=exchange.client.seq - 40)
    result = closed(exchange, fin)
    assert weight(result, "acks_after") == pytest.approx(1.3, abs=0.01)
    detail = next(e.detail for e in result.evidence if e.signal == "acks_after")
    assert "acknowledged less 5.00 ms after its alleged FIN" in detail


def test_an_end_that_goes_on_from_before_its_fin_did_not_send_that() -> None:
    exchange = talk()
    fin = exchange.forge("server", FIN | ACK)
    exchange.wait(MS).send("client", PSH | ACK, 10)
    exchange.wait(5 * MS).send("server", ACK)
    assert weight(closed(exchange, fin), "acks_after") == pytest.approx(1.3, abs=0.01)


def test_probes_behind_a_fin_are_its_senders_own() -> None:
    exchange = talk()
    fin = exchange.send("server", FIN | ACK)
    exchange.wait(MS).send("client", ACK)
    exchange.wait(SECOND).send("server", ACK, seq=fin.seq)
    assert "acks_after" not in says(closed(exchange, fin))


def test_an_ack_that_the_fin_overtook_is_no_life_behind_it() -> None:
    exchange = talk()
    fin = exchange.send("server", FIN | ACK)
    made, late = (fin.tsval or 0) - 1, exchange.wait(5 * MS)
    late.forge("server", ACK, seq=fin.seq, ack=fin.ack - 40, ip_id=fin.ip_id - 1, tsval=made)
    assert "acks_after" not in says(closed(exchange, fin))


def test_a_fin_from_elsewhere_is_no_other_machine_of_the_address() -> None:
    exchange = talk()
    exchange.response()
    fin = exchange.forge("server", FIN | ACK, ttl=250, ip_id=0)
    judgement = Judgement(
        "tcp.closed_before_response",
        True,
        None,
        0.9,
        frames=(fin.frame,),
        ended_by="responder",
        candidates=CLOSED,
    )
    known = known_host(SERVER, ttls={61: 40, 250: 3})
    result = attribute(exchange.story(), judgement, known)
    assert says(result)["ttl_differs"] == "path"


def test_that_an_end_sent_it_does_not_say_which_end_is_to_blame() -> None:
    exchange = talk()
    fin = exchange.send("server", FIN | ACK)
    who = (SideHint("responder", 0.5, "slow"), SideHint("initiator", 0.45, "impatient"))
    judgement = Judgement(
        "tcp.response_timeout",
        True,
        None,
        0.9,
        frames=(fin.frame,),
        ended_by="responder",
        candidates=who,
    )
    result = attribute(exchange.story(), judgement, NOTHING)
    assert result.side == "unknown"
    odds = {c.side: c.confidence for c in result.candidates}
    assert odds["responder"] / odds["initiator"] == pytest.approx(0.5 / 0.45, rel=0.01)


def test_an_alert_is_weighed_too_and_other_data_is_not() -> None:
    exchange = talk()
    exchange.response()
    alert = exchange.forge("server", PSH | ACK, ttl=250, ip_id=4000)
    packet = exchange.packets[-1] = _with_data(alert)
    assert "ttl_differs" in says(closed(exchange, packet, "tls.alert"))
    assert "ttl_differs" not in says(closed(exchange, packet))


def _with_data(packet: PacketFact) -> PacketFact:
    return replace(packet, length=7)


def test_behind_a_syn_proxy_the_first_answer_comes_from_elsewhere() -> None:
    exchange = Exchange()
    exchange.server.ttl = 250
    exchange.handshake()
    exchange.server.ttl = 57
    exchange.wait(MS).send("client", PSH | ACK, 500)
    alert = exchange.wait(10 * MS).send("server", PSH | ACK, 7)
    result = closed(exchange, alert, "tls.alert")
    assert not {"ttl_varies", "ttl_differs"} & says(result).keys()
    assert result.side == "responder"


def stalled(ttl: int) -> Attribution:
    exchange = talk().response().request()
    exchange.packets[-1] = replace(exchange.packets[-1], ttl=ttl)
    who = (SideHint("responder", 0.9, "it never answered"), SideHint("path", 0.06, "or not"))
    judgement = Judgement("tcp.response_timeout", True, None, 0.9, candidates=who)
    return attribute(exchange.story(), judgement, NOTHING)


def test_who_acknowledged_and_stalled_is_checked_by_the_acknowledgment() -> None:
    result = stalled(ttl=61)
    assert says(result)["ttl_same"] == "responder"
    assert next(e.detail for e in result.evidence if e.signal == "ttl_same").startswith("ACK has")
    assert says(stalled(ttl=250))["ttl_differs"] == "path"
