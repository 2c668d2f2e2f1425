from __future__ import annotations

from string import printable

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pcapdiag.diagnose.judge import cured, judge
from pcapdiag.diagnose.registry import kind_of, kinds
from pcapdiag.diagnose.tcp.connection_timeout import given_up
from pcapdiag.diagnose.text import fill
from tests.diagnose.playbook import (
    EXCHANGE,
    GET,
    HANDSHAKE,
    OK,
    SECOND,
    SHORT,
    C,
    Line,
    S,
    around,
    icmp,
    play,
)

REFUSED = play(C("SYN"), S("RST,ACK"))


def retried(seconds: float, *lines: Line) -> str:
    retry = play(*lines)
    retry.start = REFUSED.end + int(seconds * SECOND)
    return cured(judge(REFUSED, around(REFUSED)), REFUSED, retry).code


def test_a_refused_try_is_cured_by_the_next_one_on_its_ports() -> None:
    assert retried(0.5, *HANDSHAKE, *EXCHANGE) == "ok"


def test_not_by_one_much_later_or_by_one_that_failed_too() -> None:
    assert retried(60, *HANDSHAKE, *EXCHANGE) == "tcp.connection_refused"
    assert retried(0.5, C("SYN"), S("RST,ACK")) == "tcp.connection_refused"


def test_a_cured_judgement_has_its_texts() -> None:
    retry = replace(play(*HANDSHAKE), start=REFUSED.end + SECOND, first_frame=9)
    judgement = cured(judge(REFUSED, around(REFUSED)), REFUSED, retry)
    texts = fill(kind_of("ok"), judgement, REFUSED)
    assert "frame 9" in texts.explanation
    assert not judgement.failed


def test_another_leg_may_know_that_the_initiator_gave_up() -> None:
    story = play(C("SYN"))
    assert judge(story, around(story, 0.3)).code == "capture.partial"
    known = given_up(story, around(story, 0.3), gave_up=True, confidence=0.9)
    assert known.code == "tcp.connection_timeout"
    assert fill(kind_of(known.code), known, story).title


FLAGS = ("SYN", "SYN,ACK", "ACK", "PSH,ACK", "FIN,ACK", "RST", "RST,ACK", "FIN")
PAYLOADS = (
    b"",
    b"",
    GET,
    OK,
    SHORT,
    b"\x16\x03\x01\x00",
    b"PRI * HTTP/2.0\r\n\r\n",
    b"\x17\x03\x03",
)
LINES = st.builds(
    Line,
    who=st.sampled_from("CS"),
    flags=st.sampled_from(FLAGS),
    data=st.sampled_from(PAYLOADS) | st.text(printable, max_size=9).map(str.encode),
    after=st.sampled_from([0.0, 0.2, 250.0, 1000.0, 15_000.0, 400_000.0]),
    lost=st.booleans(),
    probe=st.booleans(),
    win=st.sampled_from([None, 0, 500]),
    seq=st.sampled_from([None, None, 0, 2**32 - 1]),
    ack=st.sampled_from([None, None, 0, 2**31]),
)
ERRORS = st.builds(icmp, st.sampled_from([3, 11, 5]), st.integers(0, 15), st.just("10.0.0.1"))


@settings(max_examples=300)
@given(
    st.lists(LINES, min_size=1, max_size=14),
    st.lists(ERRORS, max_size=1),
    st.floats(0, 90),
    st.booleans(),
)
def test_any_ladder_gets_one_verdict_with_texts(
    lines: list[Line], errors: list[Line], left: float, kept: bool
) -> None:
    if any(line.who == "C" for line in lines):
        lines = [*lines, *errors]
    story = play(*lines)
    if not kept:
        # A tracker whose memory for packets is used up keeps none of the later connections.
        story = replace(story, packets=(), resets=(), syn_frames=(), syn_ack_frames=())
        story = replace(story, syn_times=(), syn_ack_times=())
    judgement = judge(story, around(story, left))
    assert judgement.code in kinds()
    assert judgement.failed == kind_of(judgement.code).failed
    assert 0 < judgement.confidence < 1
    assert sum(other.confidence for other in judgement.alternatives) + judgement.confidence <= 1.001
    assert sum(hint.probability for hint in judgement.candidates) <= 1.001
    assert list(judgement.frames) == sorted(set(judgement.frames))
    assert "{" not in fill(kind_of(judgement.code), judgement, story).explanation
