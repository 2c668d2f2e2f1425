from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.model.http import HttpFacts
from tests.diagnose.http.spoken import ASKED, CUT, exchange, short, verdict
from tests.diagnose.playbook import OK, SHORT, C, S, play

HUNG_UP = (S("FIN,ACK", after=30), C("FIN,ACK"), S("ACK"))


def test_content_length_not_reached_before_the_fin() -> None:
    judgement = verdict(play(*CUT, *HUNG_UP), short())
    assert judgement.code == "http.truncated_response"
    assert judgement.facts["missing"] == "495 bytes of 500 missing"
    assert judgement.frames == (4, 6, 8)
    assert judgement.ended_by == "responder"


def test_the_last_chunk_never_came() -> None:
    judgement = verdict(play(*CUT, *HUNG_UP), short(expected_length=None))
    assert judgement.code == "http.truncated_response"
    assert judgement.facts["missing"] == "its end never came"


def test_a_body_that_the_close_ends_is_whole() -> None:
    assert verdict(play(*CUT, *HUNG_UP), short(expected_length=None, until_close=True)).code == "ok"


def test_a_complete_answer_is_whole() -> None:
    story = play(*ASKED, S("PSH,ACK", OK, after=2), C("ACK"), *HUNG_UP)
    assert verdict(story, exchange()).code == "ok"


def test_by_reset_it_is_another_code() -> None:
    assert verdict(play(*CUT, S("RST,ACK", win=500)), short()).code == "tcp.reset_in_response"


def test_what_the_initiator_leaves_is_not_cut_short() -> None:
    left = (C("FIN,ACK", after=30), S("FIN,ACK"), C("ACK"))
    assert verdict(play(*CUT, *left), short()).code != "http.truncated_response"


def test_bytes_that_the_capture_lost_are_not_missing() -> None:
    story = play(*CUT, *HUNG_UP)
    holed = HttpFacts(requests=1, exchanges=[short()], incomplete=True)
    assert verdict(story, short(), http=holed).code == "ok"
    unseen = replace(story, initiator=replace(story.initiator, acked_unseen=1))
    assert verdict(unseen, short()).code != "http.truncated_response"
    fin = story.responder.fin_seq
    before = replace(story, responder=replace(story.responder, fin_seq=(fin + 495) & 0xFFFFFFFF))
    assert verdict(before, short()).code != "http.truncated_response"


def test_the_answer_to_head_has_no_body() -> None:
    unknown = short(method=None, target=None, request_frame=None, length=0)
    assert verdict(play(*CUT, *HUNG_UP), unknown).code == "ok"


def test_an_initiator_that_left_first_has_no_claim() -> None:
    lines = (C("FIN,ACK"), S("PSH,ACK", b"more"), C("ACK"), S("FIN,ACK"), C("ACK"))
    assert verdict(play(*CUT, *lines), short()).code != "http.truncated_response"


def test_a_close_that_answers_the_other_one_came_second_wherever_it_was_captured() -> None:
    """A mirror port with a queue for each direction."""
    read = (4_294_967_201 + len(SHORT) + 1) % (1 << 32)
    late = (C("FIN,ACK", after=30, ack=read), S("FIN,ACK"), S("ACK"))
    assert verdict(play(*CUT, *late), short()).code == "http.truncated_response"


def test_an_end_that_was_not_kept_may_have_come() -> None:
    story = play(*CUT, *HUNG_UP)
    assert verdict(story, short(expected_length=None, end_unknown=True)).code == "ok"


def test_streams_of_http2_and_tunnels_are_not_asked() -> None:
    story = play(*CUT, *HUNG_UP)
    assert verdict(story, short(version="2", stream_id=1)).code == "ok"
    assert verdict(story, short(status=101, upgrade="tunnel")).code == "ok"
