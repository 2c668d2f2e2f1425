"""Multipath TCP: what a subflow lacks may have gone over another one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.multipath import is_multipath
from pcapdiag.diagnose.work import Work, work
from pcapdiag.model.story import Story
from tests.diagnose.playbook import (
    GET,
    HANDSHAKE,
    OK,
    SHORT,
    C,
    Line,
    S,
    again,
    around,
    judged,
    play,
)

JOINED = (C("SYN", multipath=True), S("SYN,ACK", multipath=True), C("ACK", multipath=True))
ANSWER = (C("PSH,ACK", GET), S("ACK"), S("PSH,ACK", SHORT))
LEFT = (C("ACK"), C("FIN,ACK", after=700), S("FIN,ACK"), C("ACK"))


def test_an_answer_with_a_hole_is_no_failure_of_a_subflow() -> None:
    verdict = judged(*JOINED, *ANSWER, *LEFT)
    assert not verdict.failed
    assert "Multipath TCP" in " ".join(verdict.notes)


def test_without_its_options_it_is_one() -> None:
    assert judged(*HANDSHAKE, *ANSWER, *LEFT).failed


def test_of_a_connection_that_was_open_before_the_data_say_it() -> None:
    assert is_multipath(play(C("PSH,ACK", GET, multipath=True), S("ACK")))


def test_who_offered_it_and_was_not_understood_goes_on_without() -> None:
    """RFC 8684 section 3.7: a server that does not know the option answers without it."""
    offered = (C("SYN", multipath=True), S("SYN,ACK"), C("ACK"))
    assert not is_multipath(play(*offered, *ANSWER))
    assert judged(*offered, *ANSWER, *LEFT).failed


def test_a_reset_before_any_answer_still_counts() -> None:
    lines = (C("PSH,ACK", GET, multipath=True), S("ACK"), S("RST,ACK", win=500))
    assert judged(*JOINED, *lines).code == "tcp.reset_before_response"
    closed = (C("PSH,ACK", GET), S("ACK"), S("FIN,ACK", after=90))
    assert work(play(*JOINED, *closed)) is Work.UNKNOWN


@pytest.mark.parametrize("end", [S("RST,ACK", after=5_000, win=500), S("FIN,ACK", after=5_000)])
def test_a_subflow_in_reserve_is_closed_with_the_others(end: Line) -> None:
    """RFC 8684 section 3.3.8: a backup path is not used while another one works."""
    assert not judged(*JOINED, end).failed
    assert judged(*HANDSHAKE, end).failed
    assert judged(*JOINED, replace(end, after=1)).failed


@pytest.mark.parametrize(
    "lines",
    [
        (C("SYN", multipath=True), S("RST,ACK", win=0)),
        (C("SYN", multipath=True), *again(C("SYN", multipath=True), 1000, 1000, 1000, 4000)),
        (*JOINED, S("RST", win=0, multipath=True), C("RST,ACK", win=500)),
        (*JOINED, S("FIN,ACK"), C("FIN,ACK"), S("ACK")),
    ],
    ids=["refused", "unanswered", "reset behind the handshake", "closed"],
)
def test_a_subflow_that_could_not_join_the_others_fails_nothing(lines: tuple[Line, ...]) -> None:
    """RFC 8684 section 3.2: MP_JOIN asks for one more where another one works."""
    story = play(*lines)
    assert judge(story, around(story)).failed
    first, *rest = story.packets
    story.packets = (replace(first, join=True), *rest)
    verdict = judge(story, around(story))
    assert (verdict.code, verdict.failed) == ("ok", False)
    assert "goes on over the others" in " ".join(verdict.notes)


def test_a_subflow_that_was_used_is_judged_by_its_bytes() -> None:
    story = play(*JOINED, C("PSH,ACK", GET), S("ACK"), S("RST,ACK", win=500))
    first, *rest = story.packets
    story.packets = (replace(first, join=True), *rest)
    assert judge(story, around(story)).code == "tcp.reset_before_response"


def fast_closed(*lines: Line) -> Story:
    """The last packet but one is an ACK with MP_FASTCLOSE."""
    story = play(*lines)
    *before, closing, answer = story.packets
    story.packets = (*before, replace(closing, fast_close=True), answer)
    return story


@pytest.mark.parametrize("after", [40, 30_000])
def test_a_fast_close_is_its_senders_and_the_reset_that_answers_it_is_an_effect(
    after: float,
) -> None:
    """RFC 8684 section 3.5: an ACK with MP_FASTCLOSE, to which the other end answers by RST."""
    asked = (C("PSH,ACK", GET), S("ACK"))
    closed = (C("ACK", after=after, multipath=True), S("RST", win=0))
    story = fast_closed(*JOINED, *asked, *closed)
    end = ending(story)
    assert end is not None
    assert (end.by_initiator, end.word, end.reset) == (True, "MP_FASTCLOSE", None)
    assert judge(story, around(story)).code == "ok"


def test_a_fast_close_of_a_stream_that_had_its_answer() -> None:
    served = (C("PSH,ACK", GET), S("PSH,ACK", OK), C("ACK"))
    closed = (C("ACK", after=9000, multipath=True), S("RST", win=0))
    story = fast_closed(*JOINED, *served, *closed)
    assert judge(story, around(story)).code == "ok"
