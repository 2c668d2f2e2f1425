from __future__ import annotations

from tests.diagnose.playbook import EXCHANGE, HANDSHAKE, C, S, judged

CHALLENGE = S("ACK", seq=5000, ack=77)


def test_a_syn_met_by_the_ack_of_an_old_connection() -> None:
    verdict = judged(C("SYN"), CHALLENGE, C("RST", seq=77))
    assert verdict.code == "tcp.port_reuse"
    assert verdict.frames == (1, 2, 3)
    assert verdict.ended_by == "initiator"


def test_cured_by_the_next_syn_it_is_fine() -> None:
    cured = (C("SYN", after=20, again=True), *HANDSHAKE[1:], *EXCHANGE, C("FIN,ACK"), S("FIN,ACK"))
    verdict = judged(C("SYN"), CHALLENGE, C("RST", seq=77), *cured)
    assert verdict.code == "ok"
    assert "old connection" in verdict.notes[0]


def test_a_plain_refusal_is_no_port_reuse() -> None:
    assert judged(C("SYN"), S("RST,ACK")).code == "tcp.connection_refused"
