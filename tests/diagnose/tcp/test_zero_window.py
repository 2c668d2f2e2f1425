from __future__ import annotations

from pcapdiag.diagnose.judge import judge
from tests.diagnose.playbook import (
    GET,
    HANDSHAKE,
    OK,
    SHORT,
    C,
    S,
    around,
    judged,
    play,
    sides,
)

ASKED = (*HANDSHAKE, C("PSH,ACK", GET), S("PSH,ACK", SHORT))
SHUT = C("ACK", win=0)
PROBED = (S("ACK", b"x", probe=True, after=400), SHUT)


def test_a_receiver_that_never_reads_again() -> None:
    verdict = judged(*ASKED, SHUT, *PROBED * 3, S("RST,ACK", win=500, after=5000))
    assert verdict.code == "tcp.zero_window"
    assert verdict.frames == (6, 13)
    assert sides(verdict)["initiator"] > 0.9
    assert verdict.ended_by == "responder"


def test_still_shut_when_the_file_ends() -> None:
    assert judged(*ASKED, SHUT, *PROBED * 20).code == "tcp.zero_window"
    assert judged(*ASKED, SHUT, *PROBED, left=0.5).code != "tcp.zero_window"


def test_a_window_that_opened_again_is_fine() -> None:
    rest = (C("ACK", win=500), S("PSH,ACK", b"x" * 495), C("ACK"), S("FIN,ACK"), C("FIN,ACK"))
    verdict = judged(*ASKED, SHUT, *PROBED * 3, *rest)
    assert verdict.code == "ok"
    assert "opened again" in " ".join(verdict.notes)


def test_the_zero_window_of_a_reset_means_nothing() -> None:
    assert judged(*ASKED, C("ACK"), C("RST", after=2000)).code != "tcp.zero_window"


def test_a_shut_window_at_the_end_of_the_file_is_less_sure_than_one_that_ended_it() -> None:
    ended = judged(*ASKED, SHUT, *PROBED * 3, S("RST,ACK", win=500, after=5000))
    assert judged(*ASKED, SHUT, *PROBED * 20).confidence < ended.confidence


def test_the_reset_of_who_shut_its_window_opens_it_to_nobody() -> None:
    verdict = judged(*ASKED, SHUT, *PROBED * 3, C("RST,ACK", win=500, after=5000))
    assert verdict.code == "tcp.zero_window"
    assert verdict.ended_by == "initiator"


def test_only_the_last_time_that_the_window_was_shut_counts() -> None:
    opened = (C("ACK", win=500), S("PSH,ACK", SHORT, after=3000))
    verdict = judged(*ASKED, SHUT, *opened, SHUT, *PROBED * 3, S("RST,ACK", win=500, after=5000))
    assert verdict.code == "tcp.zero_window"
    assert verdict.frames == (9, 16)


def test_a_fin_with_a_window_does_not_open_it() -> None:
    left = C("FIN,ACK", win=500)
    verdict = judged(*ASKED, SHUT, *PROBED * 3, left, S("RST,ACK", win=500, after=5000))
    assert verdict.code == "tcp.zero_window"
    assert verdict.frames[0] == 6


def test_a_full_buffer_hurts_nobody_who_has_no_more_to_send() -> None:
    answered = (*HANDSHAKE, C("PSH,ACK", GET), S("PSH,ACK", OK), SHUT)
    assert judged(*answered, left=60).code == "ok"
    assert judged(*answered, C("FIN,ACK", win=0, after=3000), S("FIN,ACK")).code == "ok"


def test_a_probe_without_a_byte_shows_that_there_is_more() -> None:
    probes = (S("ACK", probe=True, after=400), SHUT) * 3
    verdict = judged(*ASKED, SHUT, *probes, C("RST,ACK", after=5000))
    assert verdict.code == "tcp.zero_window"
    assert verdict.facts["probes"] == "The sender probed 3 times."


def test_only_the_probes_of_the_shut_window_are_counted() -> None:
    quiet = (*HANDSHAKE, S("ACK", probe=True, after=9000), C("ACK"), *ASKED[len(HANDSHAKE) :])
    verdict = judged(*quiet, SHUT, *PROBED, C("RST,ACK", after=5000))
    assert verdict.facts["probes"] == "The sender probed 1 time."
    story = play(*quiet, SHUT, *PROBED, C("RST,ACK", after=5000), packets_left_out=900)
    cut = judge(story, around(story))
    assert cut.facts["probes"] == "The sender probed at least 1 time."
