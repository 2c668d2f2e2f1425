from __future__ import annotations

from tests.diagnose.playbook import EXCHANGE, HANDSHAKE, C, S, judged, sides

PROBE = C("ACK", probe=True, after=10_000, lost=True)
USED = (*HANDSHAKE, *EXCHANGE)


def test_probes_unanswered_then_reset() -> None:
    verdict = judged(*USED, PROBE, PROBE, PROBE, C("RST,ACK", win=500, after=10_000))
    assert verdict.code == "tcp.keepalive_timeout"
    assert verdict.frames == (8, 10, 11)
    assert max(sides(verdict).values()) < 0.8


def test_probes_of_the_responder() -> None:
    probe = S("ACK", probe=True, after=10_000, lost=True)
    verdict = judged(*USED, probe, probe, probe, S("RST,ACK", win=500, after=10_000))
    assert verdict.code == "tcp.keepalive_timeout"


def test_what_comes_behind_the_probers_reset_is_late() -> None:
    probe = S("ACK", probe=True, after=1000, lost=True)
    given_up = (probe, probe, S("RST,ACK", win=500, after=1000))
    late = (C("PSH,ACK", b"GET /2 HTTP/1.1\r\n\r\n", after=2000), S("RST"))
    verdict = judged(*USED, *given_up, *late)
    assert verdict.code == "tcp.keepalive_timeout"
    assert max(sides(verdict).values()) < 0.8


def test_probes_unanswered_and_then_nothing() -> None:
    assert judged(*USED, PROBE, PROBE, PROBE, left=60).code == "tcp.keepalive_timeout"
    assert judged(*USED, PROBE, PROBE, PROBE, left=5).code == "ok"


def test_answered_probes_are_fine() -> None:
    answered = (PROBE, S("ACK"))
    assert judged(*USED, *answered * 4, left=60).code == "ok"


def test_a_reset_that_answers_one_probe_is_an_idle_reset() -> None:
    assert judged(*USED, PROBE, S("RST")).code == "tcp.idle_reset"


def test_two_probes_and_the_end_of_the_file_are_too_few() -> None:
    assert judged(*USED, PROBE, PROBE, left=60).code == "ok"
