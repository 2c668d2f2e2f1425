from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.ending import ending
from pcapdiag.model.packet import MASK32
from tests.diagnose.playbook import EXCHANGE, GET, HANDSHAKE, OK, C, S, play

USED = (*HANDSHAKE, *EXCHANGE)


def test_the_first_closing_word_counts() -> None:
    end = ending(play(*USED, S("FIN,ACK"), C("RST,ACK", win=500)))
    assert end is not None
    assert (end.actor, end.frame, end.reset) == ("responder", 8, None)


def test_nothing_ended_it() -> None:
    assert ending(play(*USED)) is None


def test_a_half_close_does_not_count() -> None:
    lines = (C("PSH,ACK", GET), C("FIN,ACK"), S("PSH,ACK", OK), C("ACK"), S("RST,ACK", win=500))
    end = ending(play(*HANDSHAKE, *lines))
    assert end is not None
    assert (end.actor, end.frame) == ("responder", 8)


def test_an_initiator_that_reads_on_after_its_fin_has_not_ended_it() -> None:
    lines = (C("PSH,ACK", GET), C("FIN,ACK", after=300), S("ACK"), S("PSH,ACK", OK), C("ACK"))
    assert ending(play(*HANDSHAKE, *lines)) is None


def test_who_resets_at_the_first_bytes_behind_its_fin_had_left() -> None:
    asked = (C("PSH,ACK", GET), S("ACK"), C("FIN,ACK", after=1000), S("PSH,ACK", OK, after=30))
    aborted = (C("ACK", after=0.02), C("RST,ACK", win=500))
    more = S("PSH,ACK", OK)
    for lines, frame in (((*aborted, more, C("RST")), 6), (aborted, 9)):
        end = ending(play(*HANDSHAKE, *asked, *lines))
        assert end is not None
        assert (end.actor, end.frame) == ("initiator", frame)


def test_an_answer_that_got_lost_behind_a_half_close_does_not_end_it() -> None:
    asked = (C("PSH,ACK", GET), C("FIN,ACK"), S("ACK"))
    lost = (S("PSH,ACK", OK, after=2000, lost=True), S("PSH,ACK", again=True, after=300, lost=True))
    unheard = (*HANDSHAKE, *asked, *lost)
    assert ending(play(*unheard)) is None
    gone = ending(play(*unheard, C("RST")))
    assert gone is not None
    assert (gone.actor, gone.reset) == ("initiator", None)
    late = (C("PSH,ACK", GET), C("FIN,ACK", after=6), S("ACK"), *lost)
    left = ending(play(*HANDSHAKE, *late))
    assert left is not None
    assert left.actor == "initiator"


def test_an_answer_that_the_fin_acknowledges_had_been_heard() -> None:
    """The server's packets were captured late, so they look like repeats behind the FIN."""
    got = (4_294_967_201 + len(OK)) & MASK32
    asked = (C("PSH,ACK", GET), C("FIN,ACK", ack=got, after=1), C("ACK", ack=got + 1))
    late = (S("PSH,ACK", OK), S("PSH,ACK", again=True), S("FIN,ACK"))
    end = ending(play(*HANDSHAKE, *asked, *late))
    assert end is not None
    assert (end.actor, end.frame) == ("initiator", 5)


def test_a_reset_in_the_initiators_name_that_its_peer_took() -> None:
    opened = (C("SYN"), S("SYN,ACK"), C("RST", ttl=63), C("PSH,ACK", GET))
    met = replace(play(*opened, S("RST")), early_resets=1)
    end = ending(met)
    assert end is not None
    assert (end.actor, end.frame, end.reset) == ("initiator", 3, met.resets[0])
    served = replace(play(*opened, S("ACK"), S("RST")), early_resets=1)
    end = ending(served)
    assert end is not None
    assert (end.actor, end.frame) == ("responder", 6)


def test_a_reset_that_both_ends_outlived_does_not_count() -> None:
    story = play(*USED, S("RST,ACK", seq=77), *EXCHANGE, C("PSH,ACK", GET, after=400), S("ACK"))
    assert ending(story) is None


def test_an_end_that_only_repeats_itself_did_not_outlive_the_reset() -> None:
    lines = (
        C("PSH,ACK", GET, lost=True),
        S("RST,ACK", win=500),
        C("PSH,ACK", again=True, after=300),
    )
    end = ending(play(*HANDSHAKE, *lines))
    assert end is not None
    assert end.frame == 5


def test_a_fin_that_acknowledges_the_other_answered_it() -> None:
    seen_late = C("FIN,ACK", seq=1_000_001, ack=1, after=0.01)
    end = ending(play(*HANDSHAKE, S("FIN,ACK", ack=1_000_002), seen_late))
    assert end is not None
    assert (end.actor, end.frame) == ("initiator", 5)


def test_a_reset_after_a_clock_that_was_set_back_still_ends_it() -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), S("RST,ACK", after=-1950))
    end = ending(story)
    assert end is not None
    assert end.reset is story.resets[0]
