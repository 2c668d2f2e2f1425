from __future__ import annotations

import pytest

from pcapdiag.diagnose.judgement import Judgement
from tests.diagnose.playbook import EXCHANGE, GET, HANDSHAKE, OK, SHORT, C, Line, S, judged, sides


def test_a_bare_reset_in_mid_answer() -> None:
    lines = (C("PSH,ACK", GET), S("PSH,ACK", SHORT), C("ACK"), S("RST", after=20))
    verdict = judged(*HANDSHAKE, *lines)
    assert verdict.code == "tcp.state_lost"
    assert verdict.phase == "in_response"
    assert max(sides(verdict).values()) < 0.8


def test_a_bare_reset_of_the_initiators_side_in_mid_answer() -> None:
    lines = (C("PSH,ACK", GET), S("PSH,ACK", SHORT), C("ACK"), S("PSH,ACK", b"x" * 90), C("RST"))
    verdict = judged(*HANDSHAKE, *lines)
    assert verdict.code == "tcp.state_lost"
    assert verdict.ended_by == "initiator"


def waiting(reset: Line) -> Judgement:
    """A request that was acknowledged, and a RST of the one who sent it, seen from the server."""
    handshake = (C("SYN", ttl=61), S("SYN,ACK"), C("ACK", ttl=61, after=8))
    return judged(*handshake, C("PSH,ACK", GET, ttl=61), S("ACK"), reset)


def test_the_host_of_who_waits_answers_by_a_bare_reset_where_its_socket_was_ended() -> None:
    verdict = waiting(C("RST", after=8, win=0, ttl=61))
    assert (verdict.code, verdict.confidence) == ("tcp.state_lost", 0.7)
    assert [each.code for each in verdict.alternatives] == [
        "tcp.injected_reset",
        "tcp.initiator_abort",
    ]
    assert max(sides(verdict).values()) < 0.8


@pytest.mark.parametrize("reset", [
    C("RST,ACK", after=8, win=500, ttl=61), C("RST", after=8, win=0, ttl=58),
    C("RST", after=1, win=0, ttl=61), C("RST", after=8, win=77, ttl=61),
], ids=["live socket", "from nearer", "too soon", "with a window"])  # fmt: skip
def test_any_other_reset_of_who_waits_is_no_answer_of_its_host(reset: Line) -> None:
    assert waiting(reset).code == "tcp.initiator_abort"


def test_a_live_sockets_reset_is_not_lost_state() -> None:
    lines = (C("PSH,ACK", GET), S("PSH,ACK", SHORT), C("ACK"), S("RST,ACK", win=500))
    assert judged(*HANDSHAKE, *lines).code == "tcp.reset_in_response"


def test_after_quiet_it_is_stale() -> None:
    lines = (C("PSH,ACK", GET, after=30_000, lost=True), S("RST"))
    assert judged(*HANDSHAKE, *EXCHANGE, *lines).code == "tcp.stale_connection"


def test_a_reset_to_late_bytes_after_the_initiators_close_is_fine() -> None:
    late = (C("FIN,ACK"), S("PSH,ACK", b"bye", after=40), C("RST"))
    assert judged(
        *HANDSHAKE, C("PSH,ACK", b"\x01"), S("PSH,ACK", b"\x02"), C("ACK"), *late
    ).code in {
        "ok",
        "tcp.initiator_abort",
    }


def test_a_whole_answer_met_by_the_bare_reset_of_a_host_that_forgot() -> None:
    lines = (C("PSH,ACK", GET), S("ACK"), S("PSH,ACK", OK, after=90), C("RST"))
    verdict = judged(*HANDSHAKE, *lines)
    assert verdict.code == "tcp.state_lost"
    assert verdict.alternatives[0].code == "tcp.initiator_abort"


def test_a_reset_from_behind_a_fin_that_was_not_captured_is_the_late_answers_end() -> None:
    used = (C("PSH,ACK", b"\x01"), S("PSH,ACK", b"\x02" * 90), C("ACK"))
    late = (S("PSH,ACK", b"\x02" * 24, ack=1_000_003, after=40), C("RST", seq=1_000_003))
    assert not judged(*HANDSHAKE, *used, *late).failed


def test_a_first_request_that_nothing_ever_acknowledged_was_no_use_of_the_connection() -> None:
    asked = (*HANDSHAKE, C("PSH,ACK", GET, lost=True), S("RST", after=20))
    assert judged(*asked).code == "tcp.reset_before_response"
    second = (*EXCHANGE, C("PSH,ACK", GET, lost=True, after=20), S("RST", after=20))
    assert judged(*HANDSHAKE, *second).code == "tcp.state_lost"


def test_bytes_long_ago_are_no_mid_use() -> None:
    for pause, code in ((2500, "tcp.state_lost"), (3500, "tcp.reset_in_response")):
        lines = (C("PSH,ACK", GET), S("PSH,ACK", SHORT), C("ACK"), C("ACK", after=pause), S("RST"))
        assert judged(*HANDSHAKE, *lines).code == code
