from __future__ import annotations

import pytest

from pcapdiag.diagnose.http.response_rejected import CONFIRMED, objection, rejected
from tests.diagnose.fields import ExchangeFields
from tests.diagnose.http.spoken import ANSWERED, CUT, after_answer, exchange, short, spoken, verdict
from tests.diagnose.playbook import C, S, play, sides

LEFT = (C("FIN,ACK", after=0.3), S("FIN,ACK"), C("ACK"))
BOTH = "Content-Length and Transfer-Encoding"


def test_cut_at_once_where_both_lengths_stand() -> None:
    judgement = verdict(play(*CUT, *LEFT), short(framing_conflict=BOTH))
    assert judgement.code == "http.response_rejected"
    assert sides(judgement)["initiator"] > 0.8
    assert judgement.ended_by == "initiator"


def test_a_complete_one_may_have_been_taken() -> None:
    judgement = verdict(after_answer(), exchange(framing_conflict=BOTH))
    assert judgement.code == "ok"
    assert any("502" in note for note in judgement.notes)


def test_the_502_on_the_other_leg_makes_it_certain() -> None:
    conflict = exchange(framing_conflict=BOTH)
    judgement = rejected(spoken(after_answer(), conflict), conflict, CONFIRMED, "502 there.")
    assert judgement is not None
    assert judgement.code == "http.response_rejected"


def test_without_a_fault_leaving_is_the_initiator_s_wish() -> None:
    assert verdict(play(*CUT, *LEFT), short()).code == "tcp.initiator_abort"


def test_leaving_later_is_no_refusal() -> None:
    late = (C("FIN,ACK", after=900), S("FIN,ACK"), C("ACK"))
    story = play(*ANSWERED, *late)
    judgement = verdict(story, exchange(framing_conflict=BOTH))
    assert judgement.code == "ok"
    assert not any("502" in note for note in judgement.notes)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"response_headers": 101}, "101 headers"),
        ({"response_headers": 100}, ""),
        ({"response_head_bytes": 4_097}, "4,097 bytes of headers"),
        ({"response_head_bytes": 4_096}, ""),
        ({"malformed": "a blank in a name", "malformed_by": "responder"}, "a blank in a name"),
        ({"malformed": "a blank in a name", "malformed_by": "initiator"}, ""),
    ],
)
def test_what_a_proxy_may_object_to(fields: ExchangeFields, says: str) -> None:
    assert objection(exchange(**fields)) == says
