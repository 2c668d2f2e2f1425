from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge, refine
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.tcp.injected_reset import PLAIN_RESETS
from pcapdiag.model.packet import ACK
from pcapdiag.model.report import Attribution, Candidate, Side
from pcapdiag.model.story import Story
from tests.diagnose.playbook import EXCHANGE, GET, HANDSHAKE, SHORT, C, S, around, play

FORGED = (C("PSH,ACK", GET), S("RST,ACK", ttl=128), S("PSH,ACK", SHORT), C("RST"))


def refined(story: Story, side: Side, confidence: float) -> tuple[Judgement, Judgement]:
    context = around(story)
    first = judge(story, context)
    who = replace_attribution(side, confidence)
    return first, refine(first, who, story, context)


def replace_attribution(side: Side, confidence: float) -> Attribution:
    return Attribution(side=side, confidence=confidence)


def test_a_reset_that_the_path_sent() -> None:
    first, second = refined(play(*HANDSHAKE, *FORGED), "path", 0.93)
    assert first.code == "tcp.reset_before_response"
    assert second.code == "tcp.injected_reset"
    assert second.ended_by == "path"
    assert second.frames == first.frames
    assert second.alternatives[0].code == first.code


def test_not_where_the_path_is_only_likely() -> None:
    first, second = refined(play(*HANDSHAKE, *FORGED), "path", 0.7)
    assert second == first


def test_not_where_an_end_sent_it() -> None:
    first, second = refined(play(*HANDSHAKE, *FORGED), "responder", 0.99)
    assert second == first


def test_a_nat_that_forgot_the_connection_keeps_its_code() -> None:
    late = (C("PSH,ACK", GET, after=350_000, lost=True), S("RST", ttl=63))
    first, second = refined(play(*HANDSHAKE, *EXCHANGE, *late), "path", 0.97)
    assert first.code == "tcp.stale_connection"
    assert second == first


def test_lost_state_is_no_injection_unless_the_sender_goes_on() -> None:
    mid = (C("PSH,ACK", GET), S("PSH,ACK", SHORT), C("ACK"), S("RST"))
    first, second = refined(play(*HANDSHAKE, *mid), "path", 0.95)
    assert (first.code, second.code) == ("tcp.state_lost", "tcp.state_lost")
    going_on = play(*HANDSHAKE, *mid, S("PSH,ACK", b"more"), C("RST"))
    assert refined(going_on, "path", 0.95)[1].code == "tcp.injected_reset"


def test_a_forged_refusal_stays_a_refusal() -> None:
    story = play(C("SYN"), S("RST,ACK"))
    first, second = refined(story, "path", 0.95)
    assert second == replace(first)


def test_where_nobody_can_be_named_it_is_an_alternative() -> None:
    story = play(*HANDSHAKE, *FORGED)
    first = judge(story, around(story))
    maybe = [Candidate(side="path", party="middlebox", confidence=0.4)]
    second = refine(first, Attribution(candidates=maybe), story, around(story))
    assert second.code == first.code
    assert second.alternatives[0].code == "tcp.injected_reset"
    assert second.confidence < 0.6


def test_lost_state_is_told_by_a_bare_reset_alone() -> None:
    """A RST,ACK has its number from a socket: whoever copied it needs no sender that goes on."""
    mid = (C("PSH,ACK", GET), S("PSH,ACK", SHORT), C("ACK"), S("RST"))
    story = play(*HANDSHAKE, *mid)
    first = judge(story, around(story))
    assert first.code == "tcp.state_lost"
    assert first.reset is not None
    acked = replace(first, reset=replace(first.reset, flags=first.reset.flags | ACK))
    who = replace_attribution("path", 0.95)
    assert refine(acked, who, story, around(story)).code == "tcp.injected_reset"


def test_a_plain_reset_needs_no_sender_that_goes_on() -> None:
    alone = play(*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), S("RST"))
    first, second = refined(alone, "path", 0.93)
    assert first.code in PLAIN_RESETS
    assert second.code == "tcp.injected_reset"
