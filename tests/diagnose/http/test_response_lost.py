from __future__ import annotations

from typing import Unpack

from pcapdiag.diagnose.http.response_lost import CONFIRMED, lost
from pcapdiag.model.http import Exchange
from tests.diagnose.fields import ExchangeFields
from tests.diagnose.http.spoken import ASKED, exchange, spoken, verdict
from tests.diagnose.playbook import OK, C, S, play

ANSWER = S("PSH,ACK", OK, after=2)
RESET = S("RST,ACK", win=500, after=0.1)


def early(**changes: Unpack[ExchangeFields]) -> Exchange:
    fields: ExchangeFields = {
        "status": 413,
        "method": "POST",
        "request_complete": False,
        "request_end_time": None,
        "request_end_frame": None,
        **changes,
    }
    return exchange(**fields)


def test_an_early_answer_that_was_never_acknowledged() -> None:
    judgement = verdict(play(*ASKED, ANSWER, RESET), early())
    assert judgement.code == "http.response_lost"
    assert judgement.phase == "in_request"
    assert judgement.frames == (4, 6, 7)
    assert [other.code for other in judgement.alternatives] == ["ok"]


def test_an_acknowledged_one_is_ok_with_a_note() -> None:
    judgement = verdict(play(*ASKED, ANSWER, C("ACK", after=0.1), RESET), early())
    assert judgement.code == "ok"
    assert any("Early answer 413" in note for note in judgement.notes)


def test_the_other_leg_s_error_makes_it_certain() -> None:
    story = spoken(play(*ASKED, ANSWER, C("ACK", after=0.1), RESET), early())
    judgement = lost(story, early(), CONFIRMED, "Its client got 503.")
    assert judgement is not None
    assert judgement.confidence == CONFIRMED
    assert judgement.alternatives == ()


def test_a_request_that_was_sent_in_full_before_lost_nothing() -> None:
    story = play(*ASKED, ANSWER, RESET)
    assert verdict(story, exchange(status=413)).code == "ok"


def test_an_answer_to_a_request_that_nobody_read_is_no_early_one() -> None:
    unread = early(method=None, target=None, request_frame=None, request_time=None)
    assert verdict(play(*ASKED, ANSWER, RESET), unread).code == "ok"


def test_a_good_answer_or_one_without_reset_is_no_early_end() -> None:
    assert verdict(play(*ASKED, ANSWER, RESET), early(status=200)).code == "ok"
    closed = play(*ASKED, ANSWER, S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
    assert verdict(closed, early()).code == "ok"
