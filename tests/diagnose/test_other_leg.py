"""What a proxy's other leg says: ladders of one leg, with moments of the other."""

from __future__ import annotations

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.other_leg import client_left, told_its_client
from pcapdiag.model.story import LegKind, LegMoment
from tests.diagnose.playbook import GET, HANDSHAKE, MS, START, C, Line, S, around, play

ASKED = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"))
SYN = C("SYN")
EARLIER, OTHER = -5.0, 7


def leg(
    kind: LegKind,
    time: float,
    *,
    since: float = EARLIER,
    answered: float = 0,
    opened: bool = False,
    stream: int = OTHER,
) -> LegMoment:
    """A moment of another connection; times in ms from the ladder's start."""
    first = START + int(answered * MS) if answered else 0
    return LegMoment(kind, stream, START + int(since * MS), first, START + int(time * MS), opened)


def judged(*lines: Line, before: tuple[LegMoment, ...] = (), left: float = 0.05) -> Judgement:
    story = play(*lines, legs_before=before)
    return judge(story, around(story, left))


def test_one_syn_is_given_up_when_the_proxy_told_its_client() -> None:
    told = judged(SYN, before=(leg("answered", 1002),), left=1.05)
    assert told.code == "tcp.connection_timeout"
    assert judged(SYN, left=1.05).code == "capture.partial"


def test_a_quick_answer_to_the_client_is_no_giving_up() -> None:
    assert judged(SYN, before=(leg("answered", 30),)).code == "capture.partial"


def test_an_answer_that_another_upstream_gave_is_no_giving_up() -> None:
    helped = leg("answered", 900, since=100, opened=True, stream=9)
    assert told_its_client(play(SYN, legs_before=(helped, leg("answered", 1002)))) is None


def test_of_two_clients_nobody_knows_whose_request_it_was() -> None:
    both = (leg("answered", 1002), leg("answered", 1003, stream=8))
    assert told_its_client(play(SYN, legs_before=both)) is None


def test_a_client_answered_before_is_not_the_one() -> None:
    done = leg("closed", 1002, answered=-2)
    assert told_its_client(play(SYN, legs_before=(done,))) is None


def test_leaving_at_no_round_time_is_a_timeout_where_the_client_was_told() -> None:
    lines = (*ASKED, C("FIN,ACK", after=437))
    verdict = judged(*lines, before=(leg("answered", 439),))
    assert verdict.code == "tcp.response_timeout"
    assert verdict.confidence > 0.9
    assert "told its own client" in verdict.facts["reason"]
    assert judged(*lines).code == "tcp.initiator_abort"


def test_a_proxy_that_only_closes_on_its_client_may_have_been_stopped() -> None:
    for waited, code in ((437, "tcp.initiator_abort"), (2_000, "tcp.response_timeout")):
        lines = (*ASKED, C("FIN,ACK", after=waited))
        found = judged(*lines, before=(leg("closed", waited + 1),))
        assert found.code == code
        assert found.facts["reason"].endswith(f"closed on its own client then (stream {OTHER})")
    assert found.confidence < 0.8


def test_a_proxy_that_resets_at_a_timeouts_value_was_not_stopped() -> None:
    fin, closed = C("FIN,ACK", after=2_000), leg("closed", 2_001)
    assert judged(*ASKED, fin, C("RST,ACK", win=64), before=(closed,)).confidence > 0.9
    assert judged(*ASKED, fin, C("RST", win=0), before=(closed,)).confidence < 0.8


def test_a_proxy_that_ends_other_clients_too_was_stopped() -> None:
    lines = (*ASKED, C("FIN,ACK", after=4_437))
    own, idle = leg("closed", 4_438), leg("closed", 4_436, since=-3_000, answered=-1, stream=8)
    verdict = judged(*lines, before=(own, idle))
    assert verdict.code == "tcp.initiator_abort"
    assert verdict.confidence > 0.9
    assert judged(*lines, before=(own,)).confidence < 0.8


def test_a_call_that_ends_with_an_older_one_was_stopped() -> None:
    lines = (*ASKED, C("FIN,ACK", after=4_437))
    call = leg("left", 4_437, since=-3_000, opened=True)
    assert judged(*lines, before=(call,)).confidence > 0.9
    for other in (
        leg("left", 4_437, since=-3_000, answered=-1_000, opened=True),
        leg("left", 4_437, since=1, opened=True),
        leg("closed", 4_437, since=-3_000, opened=True),
        leg("left", 4_300, since=-3_000, opened=True),
    ):
        assert judged(*lines, before=(other,)).confidence < 0.8


def test_an_abort_is_known_by_the_client_that_left_just_before() -> None:
    lines = (*ASKED, C("FIN,ACK", after=237))
    story = play(*lines, legs_before=(leg("left", 236),))
    verdict = judge(story, around(story, 1))
    assert verdict.code == "tcp.initiator_abort"
    assert f"stream {OTHER}" in verdict.facts["reason"]


def test_an_answer_to_a_client_that_has_just_left_is_no_giving_up() -> None:
    lines = (*ASKED, C("FIN,ACK", after=237))
    verdict = judged(*lines, before=(leg("left", 236), leg("answered", 238)))
    assert verdict.code == "tcp.initiator_abort"
    half_closed = judged(*lines, before=(leg("left", 2), leg("answered", 238)))
    assert half_closed.code == "tcp.response_timeout"


def test_a_client_that_left_long_before_or_after_is_not_the_cause() -> None:
    for time in (100.0, 260.0):
        story = play(*ASKED, C("FIN,ACK", after=237), legs_before=(leg("left", time),))
        assert client_left(story, story.end) is None


def test_a_client_that_left_with_its_answer_is_not_the_cause() -> None:
    left = leg("left", 237, answered=236)
    story = play(*ASKED, C("FIN,ACK", after=237), legs_before=(left,))
    assert client_left(story, story.end) is None
