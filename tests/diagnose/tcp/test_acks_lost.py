"""An answer that stood still because nothing of the initiator arrived any more."""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.packet import RETRANSMISSION, SPURIOUS_RETRANSMISSION
from tests.diagnose.playbook import (
    GET,
    HANDSHAKE,
    SHORT,
    C,
    Line,
    S,
    around,
    play,
    sides,
)

ASKED = (*HANDSHAKE, C("PSH,ACK", GET), S("PSH,ACK", SHORT, after=2), C("ACK", after=0.1))
LEFT = C("RST,ACK", after=1500)


def told(*lines: Line) -> Judgement:
    """Judge a ladder whose repeats are of what had been acknowledged."""
    story = play(*lines)
    story.packets = tuple(
        replace(p, marks=SPURIOUS_RETRANSMISSION) if p.marks & RETRANSMISSION else p
        for p in story.packets
    )
    for initiator in (True, False):
        marks = [p.marks for p in story.packets if p.from_initiator == initiator]
        half = story.half(initiator)
        half.spurious_retransmissions = marks.count(SPURIOUS_RETRANSMISSION)
    return judge(story, around(story))


def repeats(*pauses: float) -> list[Line]:
    return [
        line
        for after in pauses
        for line in (S("PSH,ACK", SHORT, after, again=True), C("ACK", after=0.1))
    ]


def test_what_is_repeated_and_acknowledged_in_vain() -> None:
    found = told(*ASKED, *repeats(300, 600, 1200), LEFT)
    assert found.code == "tcp.data_timeout"
    assert found.frames == (7, 11, 13)
    assert sides(found)["path"] == 0.88
    assert "again 3 times" in found.facts["how"]
    assert found.alternatives[0].code == "tcp.initiator_abort"


def test_two_repeats_may_be_needless() -> None:
    assert told(*ASKED, *repeats(600, 1200), LEFT).code == "tcp.initiator_abort"


def test_new_bytes_show_that_the_acknowledgment_had_come() -> None:
    more = (S("PSH,ACK", b"more", after=2), C("ACK", after=0.1))
    assert told(*ASKED, *repeats(300, 600, 1200), *more, LEFT).code == "tcp.response_timeout"


def test_repeats_of_a_moment_are_disorder() -> None:
    assert told(*ASKED, *repeats(3, 6, 12), LEFT).code == "tcp.response_timeout"


def test_an_upload_of_which_the_sender_gets_no_acknowledgment() -> None:
    post = C("PSH,ACK", b"POST / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n" + b"p" * 100)
    again = (replace(post, after=after, again=True) for after in (300, 600, 1200, 2400, 4800))
    lines = [line for one in again for line in (one, S("ACK"))]
    found = told(*HANDSHAKE, post, S("ACK"), *lines)
    assert found.code == "tcp.data_timeout"
    assert sides(found) == {"path": 0.88, "initiator": 0.1}
    assert "the acknowledgments of 10.0.2.7" in found.facts["what"]
    shorter = told(*HANDSHAKE, post, S("ACK"), *lines[:6])
    assert shorter.code == "capture.partial"


def test_repeats_go_on_behind_a_fin_that_does_not_arrive_either() -> None:
    left = C("FIN,ACK", after=1500, lost=True)
    found = told(*ASKED, *repeats(600), left, *repeats(300, 2400))
    assert (found.code, sides(found)["path"]) == ("tcp.data_timeout", 0.88)
    arrived = told(*ASKED, *repeats(600), replace(left, lost=False), S("ACK"), C("ACK"))
    assert arrived.code != "tcp.data_timeout"
