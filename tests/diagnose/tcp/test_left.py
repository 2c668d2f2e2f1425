"""What met an initiator that left, and what it had wanted."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.attribution.closing import closing_view
from tests.diagnose.playbook import GET, HANDSHAKE, C, S, around, judged, play, sides

ASKED = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"))
FIN, RST = "FIN,ACK", "RST,ACK"


def test_a_fin_met_by_a_bare_reset_is_not_for_sure_the_responders() -> None:
    lines = (*ASKED, C(FIN, after=5_000), S("RST", after=30))
    verdict = judged(*lines)
    assert verdict.code == "tcp.response_timeout"
    assert max(sides(verdict).values()) < 0.8
    assert "held no such connection" in verdict.facts["meanwhile"]
    assert closing_view(play(*lines), verdict, around(play(*lines))) is None
    alive = judged(*lines[:-1], S("ACK"), S("RST,ACK", after=30))
    assert sides(alive)["responder"] > 0.9


def test_an_initiators_bare_reset_only_answers_for_what_something_unseen_had_ended() -> None:
    verdict = judged(*ASKED, C("RST", after=0.02, win=0))
    assert verdict.code == "tcp.initiator_abort"
    assert verdict.confidence <= 0.7
    assert max(sides(verdict).values()) < 0.8
    own = judged(*ASKED, C("RST,ACK", after=0.02, win=500))
    assert own.confidence > 0.9


CHECK = b"GET /f HTTP/1.0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"


@pytest.mark.parametrize(
    ("asked", "said", "how", "code"),
    [
        (CHECK, HEAD, RST, "ok"),
        (CHECK, HEAD[:-2], RST, "tcp.initiator_abort"),
        (CHECK, HEAD, FIN, "tcp.initiator_abort"),
        (CHECK[:-2] + b"User-Agent: curl/8\r\n\r\n", HEAD, RST, "tcp.initiator_abort"),
        (CHECK[:-2] + b"User-Agent: kube-probe/1.2\r\n\r\n", HEAD, RST, "ok"),
    ],
)
def test_a_check_wants_the_head_of_the_answer_only(
    asked: bytes, said: bytes, how: str, code: str
) -> None:
    lines = (*HANDSHAKE, C("PSH,ACK", asked), S("ACK"), S("PSH,ACK", said), C(how, after=0.2))
    assert judged(*lines).code == code


@pytest.mark.parametrize("how", [FIN, RST])
@pytest.mark.parametrize(("waited", "side"), [(684, ""), (20, "initiator")])
def test_an_answer_with_a_hole_in_it_is_not_still_arriving(
    how: str, waited: int, side: str
) -> None:
    beyond = (play(*ASKED).responder.next_seq or 0) + 1448
    verdict = judged(*ASKED, S("PSH,ACK", b"x" * 1200, seq=beyond), C("ACK"), C(how, after=waited))
    assert verdict.code in ("tcp.initiator_abort", "tcp.response_timeout")
    named = [who for who, sure in sides(verdict).items() if sure >= 0.8]
    assert named == ([side] if side else [])
    assert max(sides(verdict), key=sides(verdict).__getitem__) == (side or "path")


@pytest.mark.parametrize(("apart", "named"), [(30, []), (1, ["initiator"])])
def test_a_timer_may_have_run_while_the_request_was_still_being_sent(
    apart: float, named: list[str]
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 28000\r\n\r\n"
    parts = (C("ACK", head), *(C("ACK", b"x" * 1400, after=apart) for _ in range(20)))
    verdict = judged(*HANDSHAKE, *parts, S("ACK"), C(FIN, after=265))
    assert verdict.code == "tcp.initiator_abort"
    assert [who for who, sure in sides(verdict).items() if sure >= 0.8] == named


@pytest.mark.parametrize(("after", "named"), [(996, []), (730, ["initiator"])])
def test_an_answer_may_still_arrive_when_the_limit_for_all_of_it_is_over(
    after: float, named: list[str]
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n"
    parts = (S("ACK", head, after=after), C("ACK"), S("ACK", b"x" * 1400), C("ACK"))
    verdict = judged(*ASKED, *parts, C(FIN, after=2))
    assert (verdict.code, verdict.phase) == ("tcp.initiator_abort", "in_response")
    assert [who for who, sure in sides(verdict).items() if sure >= 0.8] == named
