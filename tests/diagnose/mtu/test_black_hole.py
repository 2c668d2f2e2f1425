"""Big segments that vanish while smaller ones arrive."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.context import BigLost, Context
from pcapdiag.model.story import Story
from tests.diagnose.playbook import (
    CLIENT,
    EXCHANGE,
    GET,
    HANDSHAKE,
    OK,
    SECOND,
    SERVER,
    C,
    Line,
    S,
    again,
    around,
    judged,
    play,
    sides,
)

BIG, TAIL = b"x" * 1448, b"x" * 300
UPLOAD = C("PSH,ACK", BIG, lost=True)
HEARD = S("ACK", after=20, sack=True)
ROW = (C("ACK", BIG, lost=True), C("PSH,ACK", TAIL, lost=True), HEARD)


def full_size(story: Story) -> Story:
    """Give both ends the MSS of Ethernet and timestamps."""
    for half in (story.initiator, story.responder):
        half.mss, half.timestamps, half.sack_permitted = 1460, True, True
    return story


def verdict(*lines: Line, left: float = 0.0) -> Judgement:
    story = full_size(play(*HANDSHAKE, *EXCHANGE, *lines))
    return judge(story, Context(last_time=story.end + int(left * SECOND), final=True))


def repeats(*after: float) -> list[Line]:
    """Repeat the big segment of ROW, which is not the sender's last one."""
    first = full_size(play(*HANDSHAKE, *EXCHANGE, ROW[0])).packets[-1]
    return [C("ACK", BIG, pause, seq=first.seq, lost=True) for pause in after]


def test_small_ones_behind_the_big_one_arrive() -> None:
    found = verdict(*ROW, *repeats(200, 400, 800), C("FIN,ACK", after=900))
    assert found.code == "mtu.black_hole"
    assert found.numbers["passed_size"] == 352
    assert found.numbers["vanished_size"] == 1500
    assert found.confidence >= 0.9
    assert sides(found)["path"] > 0.9
    assert found.ended_by == "initiator"


def test_big_ones_that_came_to_the_receivers_own_link_did_not_vanish() -> None:
    story = full_size(
        play(*HANDSHAKE, *EXCHANGE, *ROW, *repeats(200, 400, 800), C("FIN,ACK", after=900))
    )
    beside = Context(last_time=story.end, final=True)
    story.initiator.ttls, story.responder.ttls = {61: 12}, {64: 8}
    found = judge(story, beside)
    assert found.code == "tcp.data_timeout"
    assert sides(found) == {"responder": 0.5, "path": 0.45}
    assert "came to the link of 10.0.2.7" in found.candidates[0].why
    story = full_size(
        play(*HANDSHAKE, *EXCHANGE, *ROW, *repeats(200, 400, 800), C("FIN,ACK", after=900))
    )
    story.initiator.ttls, story.responder.ttls = {64: 12}, {61: 8}
    assert judge(story, beside).code == "mtu.black_hole"


def test_nothing_behind_it_arrives_either_so_size_is_not_shown() -> None:
    lines = (*ROW[:2], *repeats(200, 400, 800), C("FIN,ACK", after=900))
    assert verdict(*lines).code == "tcp.data_timeout"


def test_one_loss_that_was_not_tried_again_is_none() -> None:
    assert verdict(*ROW, C("FIN,ACK", after=400)).code != "mtu.black_hole"


def test_an_equally_big_one_arrived_before() -> None:
    passed = (C("PSH,ACK", BIG), S("ACK"), S("PSH,ACK", OK, after=2), C("ACK"))
    row = (*ROW, *repeats(200, 400, 800))
    story = full_size(play(*HANDSHAKE, *passed, *ROW, *row[3:], C("FIN,ACK", after=900)))
    assert judge(story, Context(last_time=story.end, final=True)).code != "mtu.black_hole"


def test_the_file_may_end_while_it_is_still_tried() -> None:
    assert verdict(*ROW, *repeats(200, 400, 800)).code != "mtu.black_hole"
    assert verdict(*ROW, *repeats(10, 200, 400, 800, 1600)).code == "mtu.black_hole"


@pytest.mark.parametrize(("hole", "confidence"), [(2 * 1448, 0.9), (2000, 0.5)])
def test_seen_from_behind_it_leaves_a_hole(hole: int, confidence: float) -> None:
    start = play(*HANDSHAKE, C("PSH,ACK", GET), S("ACK"))
    next_seq = (start.responder.next_seq or 0) + hole
    tail = S("PSH,ACK", b"y" * 500, after=2, seq=next_seq & 0xFFFFFFFF, lost=True)
    lines = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), tail, C("ACK", sack=True))
    story = full_size(play(*lines, C("FIN,ACK", after=4000)))
    found = judge(story, Context(last_time=story.end + SECOND, final=True))
    assert found.code == "mtu.black_hole"
    assert found.confidence >= confidence
    assert (found.confidence >= 0.9) == (hole % 1448 == 0)
    assert "asked for" in found.facts["how"]


def test_a_hole_with_full_segments_behind_it_is_plain_loss() -> None:
    start = play(*HANDSHAKE, C("PSH,ACK", GET), S("ACK"))
    next_seq = (start.responder.next_seq or 0) + 2 * 1448
    tail = S("PSH,ACK", BIG, after=2, seq=next_seq & 0xFFFFFFFF, lost=True)
    lines = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), tail, C("ACK", sack=True))
    story = full_size(play(*lines, C("FIN,ACK", after=4000)))
    assert judge(story, Context(last_time=story.end + SECOND, final=True)).code != "mtu.black_hole"


def test_without_the_other_ends_word_it_stays_an_alternative() -> None:
    lines = (UPLOAD, *again(UPLOAD, 200, 400, 800, 1600), C("FIN,ACK", after=900))
    found = judged(*HANDSHAKE, *EXCHANGE, *lines)
    assert found.code == "tcp.data_timeout"
    assert found.alternatives[0].code == "mtu.black_hole"


def test_a_super_segment_counts_as_the_pieces_in_which_it_left() -> None:
    huge = C("PSH,ACK", b"x" * (3 * 1448 + 200), lost=True)
    start = full_size(play(*HANDSHAKE, *EXCHANGE, huge)).packets[-1]
    tail = ((start.end_seq - 200) & 0xFFFFFFFF, start.end_seq)
    tries = [C("ACK", BIG, pause, seq=start.seq, lost=True) for pause in (200, 400, 800)]
    story = full_size(play(*HANDSHAKE, *EXCHANGE, huge, HEARD, *tries, C("FIN,ACK", after=900)))
    packets = tuple(replace(p, sack=tail) if p.sack else p for p in story.packets)
    story.packets = packets
    found = judge(story, Context(last_time=story.end, final=True))
    assert found.code == "mtu.black_hole"
    assert found.numbers["passed_size"] < 300
    assert found.numbers["vanished_size"] == 1500


ASKED = (*HANDSHAKE, *EXCHANGE, C("PSH,ACK", GET))
FULL = [S("ACK", BIG, lost=True) for _ in range(3)]


def only_full_ones(*lines: Line, left: float = 3.0) -> Judgement:
    """Judge an answer of which the sender's capture shows full segments only, and their repeats."""
    first = full_size(play(*ASKED, FULL[0])).packets[-1]
    tries = [S("ACK", BIG, pause, seq=first.seq, lost=True) for pause in (200, 400, 800, 1600)]
    later = S("ACK", BIG, left * 1000, seq=first.seq, lost=True)
    story = full_size(play(*ASKED, *FULL, *tries, *lines, later))
    return judge(story, Context(last_time=story.end, final=True))


def test_a_bare_ack_that_ends_the_receivers_own_repeats_arrived() -> None:
    found = only_full_ones(C("FIN,ACK", after=900), S("ACK", after=40))
    assert found.code == "mtu.black_hole"
    assert 0.8 <= found.confidence < 0.9
    assert sides(found)["path"] > 0.9
    assert "got the bare ACK in frame 17" in found.facts["how"]


def test_a_receiver_that_went_on_repeating_did_not_get_it() -> None:
    fin = C("FIN,ACK", after=900)
    found = only_full_ones(fin, S("ACK", after=40), C("FIN,ACK", after=300, again=True))
    assert found.code == "tcp.data_timeout"


def test_a_receiver_whose_timer_had_no_time_says_nothing() -> None:
    found = only_full_ones(C("FIN,ACK", after=900), S("ACK", after=40), left=1)
    assert found.code == "tcp.data_timeout"


def behind(ahead: int, *lines: Line) -> Judgement:
    """Judge the receiver's capture: a bare ACK that stands ``ahead`` bytes behind what came."""
    start = play(*ASKED)
    ack = S("ACK", after=200, seq=((start.responder.next_seq or 0) + ahead) & 0xFFFFFFFF)
    story = full_size(play(*ASKED, *lines[:1], ack, *lines[1:]))
    story.responder.gaps = 1
    return judge(story, Context(last_time=story.end + 3 * SECOND, final=True))


def test_a_bare_ack_shows_by_its_number_what_was_sent_before_it() -> None:
    request = C("PSH,ACK", GET, after=200, again=True)
    found = behind(3 * 1448, request, C("FIN,ACK", after=4000))
    assert found.code == "mtu.black_hole"
    assert 0.8 <= found.confidence < 0.9
    assert sides(found)["path"] > 0.9
    assert "3 full-size segments of 1,448, never came" in found.facts["how"]
    assert found.numbers["passed_size"] == len(OK) + 52


def test_bytes_that_are_no_full_segments_are_plain_loss() -> None:
    request = C("PSH,ACK", GET, after=200, again=True)
    found = behind(700, request, C("FIN,ACK", after=4000))
    assert found.code == "tcp.data_timeout"
    assert "had sent them" in found.facts["how"]
    assert sides(found)["path"] >= 0.9


def test_the_ack_of_the_fin_may_be_the_first_to_show_it() -> None:
    found = behind(3 * 1448, C("FIN,ACK", after=4000))
    assert found.code == "mtu.black_hole"
    assert found.confidence == 0.6
    assert found.phase == "before_response"


def test_what_the_farewells_ack_shows_had_been_sent_was_lost() -> None:
    found = behind(700, C("FIN,ACK", after=4000))
    assert (found.code, found.confidence) == ("tcp.data_timeout", 0.67)
    assert found.alternatives[0].code == "tcp.response_timeout"
    assert sides(found) == {"path": 0.74, "responder": 0.2}
    assert "waited 4 s for them" in found.facts["how"]
    assert behind(700, C("FIN,ACK", after=400)).code != "tcp.data_timeout"


def test_an_old_connections_number_shows_nothing() -> None:
    request = C("PSH,ACK", GET, after=200, again=True)
    found = behind(1 << 30, request, C("FIN,ACK", after=4000))
    assert found.code == "tcp.initiator_abort"


@pytest.mark.parametrize(
    ("established", "lost", "code"),
    [
        (20.0, 21.0, "mtu.black_hole"),
        (-9.0, -8.0, "mtu.black_hole"),
        (0.0, 0.1, "tcp.data_timeout"),
    ],
)
def test_other_connections_of_the_two_stop_at_their_first_big_segment(
    established: float, lost: float, code: str
) -> None:
    lines = (UPLOAD, *again(UPLOAD, 200, 400, 800, 1600), C("FIN,ACK", after=900))
    story = full_size(play(*HANDSHAKE, *EXCHANGE, *lines))
    context = around(story)
    at = (story.start + int(seconds * SECOND) for seconds in (established, lost))
    context.endpoint(*SERVER).lost_big[CLIENT[0], True] = [BigLost(*at)]
    found = judge(story, context)
    assert found.code == code
    if code == "mtu.black_hole":
        assert found.confidence == 0.8
        assert "1 more connection of the two hosts" in found.facts["how"]
