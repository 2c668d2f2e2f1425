"""How long an endpoint's answers take: the baseline by which an initiator's patience is weighed."""

from __future__ import annotations

import pytest

from tests.flow.test_turns import Talk
from tests.flow.wire import MS, tell


@pytest.mark.parametrize(("left", "longest"), [(False, 2000), (True, 0)])
def test_an_answer_to_who_had_left_is_no_usual_one(left: bool, longest: int) -> None:
    talk = Talk()
    asked = talk.ask(100, b"PING\r\n")
    if left:
        talk.link.c(1100, "FA", talk.sent[0], talk.sent[1])
    talk.answer(2100, b"+PONG\r\n")
    told = tell(talk.wire)
    (endpoint,) = told.tracker.table.endpoints.values()
    assert (told.only.turn.request_frame, endpoint.turns) == (asked, 1)
    assert endpoint.longest_answer == longest * MS
    assert sum(endpoint.answers_within) == (0 if left else 1)
