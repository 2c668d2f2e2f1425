from __future__ import annotations

from tests.diagnose.playbook import GET, HANDSHAKE, C, S, judged

LIVE = S("RST,ACK", win=500, after=40)


def test_reset_before_a_byte_was_sent() -> None:
    verdict = judged(*HANDSHAKE, LIVE)
    assert verdict.code == "tcp.reset_before_request"
    assert verdict.phase == "before_request"
    assert verdict.frames == (4,)


def test_a_greeting_counts_as_before_the_request() -> None:
    assert judged(*HANDSHAKE, S("PSH,ACK", b"220 hi\r\n"), C("ACK"), LIVE).code == (
        "tcp.reset_before_request"
    )


def test_after_long_quiet_an_idle_timeout_is_possible_too() -> None:
    verdict = judged(*HANDSHAKE, S("RST,ACK", win=500, after=60_000))
    assert verdict.code == "tcp.reset_before_request"
    assert verdict.alternatives[0].code == "tcp.idle_reset"


def test_who_is_greeted_and_says_nothing_may_have_run_into_a_limit() -> None:
    greeting, late = S("PSH,ACK", b"5.5.5-10.11\0"), S("RST,ACK", win=500, after=10_000)
    (note,) = judged(*HANDSHAKE, greeting, C("ACK"), late).notes
    assert "said nothing for 10 s" in note
    assert not judged(*HANDSHAKE, late).notes


def test_with_a_request_it_is_another_code() -> None:
    assert judged(*HANDSHAKE, C("PSH,ACK", GET), LIVE).code == "tcp.reset_before_response"


def test_reset_by_the_initiator_is_a_health_check() -> None:
    assert judged(*HANDSHAKE, C("RST,ACK", win=500)).code == "ok"
