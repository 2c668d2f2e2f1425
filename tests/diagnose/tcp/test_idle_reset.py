from __future__ import annotations

from tests.diagnose.playbook import EXCHANGE, GET, HANDSHAKE, OK, C, S, judged, sides


def test_reset_after_quiet_with_nothing_under_way() -> None:
    verdict = judged(*HANDSHAKE, *EXCHANGE, S("RST,ACK", win=500, after=5000))
    assert verdict.code == "tcp.idle_reset"
    assert verdict.phase == "idle"
    assert verdict.frames == (4, 6, 8)
    assert max(sides(verdict).values()) < 0.8


def test_a_keep_alive_probe_answered_by_reset() -> None:
    verdict = judged(*HANDSHAKE, *EXCHANGE, C("ACK", probe=True, after=75_000), S("RST"))
    assert verdict.code == "tcp.idle_reset"


def test_right_after_the_answer_it_is_a_close() -> None:
    assert judged(*HANDSHAKE, *EXCHANGE, S("RST,ACK", win=500, after=500)).code == "ok"


def test_the_initiator_may_drop_its_idle_connection() -> None:
    assert judged(*HANDSHAKE, *EXCHANGE, C("RST,ACK", win=500, after=5000)).code == "ok"


def test_with_a_request_under_way_it_is_stale() -> None:
    lines = (C("PSH,ACK", GET, after=60_000, lost=True), S("RST"))
    assert judged(*HANDSHAKE, *EXCHANGE, *lines).code == "tcp.stale_connection"


def test_a_device_that_resets_both_ends_in_the_initiators_name() -> None:
    forged = C("RST,ACK", win=0, ttl=254, options=0, ip_id=0, after=5000)
    verdict = judged(*HANDSHAKE, *EXCHANGE, forged)
    assert verdict.code == "tcp.idle_reset"


def test_bytes_that_it_had_not_acknowledged_are_no_idle_time() -> None:
    lines = (C("PSH,ACK", GET), S("ACK"), S("PSH,ACK", OK, after=2, lost=True))
    assert judged(*HANDSHAKE, *lines, S("RST,ACK", win=500, after=5000)).code != "tcp.idle_reset"


def test_quiet_behind_a_fin_is_no_idle_reset() -> None:
    assert judged(*HANDSHAKE, *EXCHANGE, S("FIN,ACK", after=5000)).code == "ok"


def test_it_is_less_sure_where_nobody_can_read_whether_an_answer_was_due() -> None:
    read = judged(*HANDSHAKE, *EXCHANGE, S("RST,ACK", win=500, after=5000))
    said = (C("PSH,ACK", b"\x01"), S("PSH,ACK", b"\x02"), C("ACK"))
    unread = judged(*HANDSHAKE, *said, S("RST,ACK", win=500, after=5000))
    assert unread.code == read.code == "tcp.idle_reset"
    assert unread.confidence < read.confidence
