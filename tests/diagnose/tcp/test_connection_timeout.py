from __future__ import annotations

import pytest

from pcapdiag.diagnose.attribution.attribute import attribute
from pcapdiag.diagnose.judge import judge
from pcapdiag.model.context import SpokenFor
from tests.diagnose.playbook import HANDSHAKE, C, S, again, around, icmp, judged, play, sides

SYN = C("SYN")


def test_syns_that_nobody_answers() -> None:
    verdict = judged(SYN, *again(SYN, 1000, 1000, 1000, 1000))
    assert verdict.code == "tcp.connection_timeout"
    assert verdict.frames == (1, 2, 3, 4, 5)
    assert verdict.ended_by is None
    assert verdict.confidence >= 0.95


def test_a_reset_of_the_initiator_that_had_heard_nothing_only_ends_its_tries() -> None:
    tries = (SYN, *again(SYN, 1000, 2000, 4000))
    given_up = C("RST,ACK", after=8000, ack=0, seq=1_000_000, win=343)
    assert judged(*tries, given_up).code == "tcp.connection_timeout"
    heard = C("RST,ACK", after=8000, ack=77, seq=1_000_001, win=343)
    assert judged(*tries, heard).code == "capture.partial"
    assert judged(*tries, C("RST", after=8000, seq=1_000_001)).code == "capture.partial"
    assert not judged(SYN, given_up).failed, "its program left; the SYN was not repeated"


def test_one_syn_and_silence_while_the_capture_goes_on() -> None:
    verdict = judged(SYN, left=5)
    assert verdict.code == "tcp.connection_timeout"
    assert verdict.facts["syn_frames"] == "frame 1"
    assert "its connect timeout is shorter; or a capture filter" in verdict.notes[0]
    assert not judged(SYN, *again(SYN, 1000, 1000, 1000)).notes


@pytest.mark.parametrize("left", [0.0, 0.9])
def test_one_syn_at_the_end_of_the_file_may_yet_be_answered(left: float) -> None:
    verdict = judged(SYN, left=left)
    assert verdict.code == "capture.partial"
    assert not verdict.failed


def test_a_capture_that_lost_packets_may_lack_the_answer_to_a_single_syn() -> None:
    story = play(SYN)
    context = around(story, established=500, unanswered=2)
    assert judge(story, context).code == "tcp.connection_timeout"
    context.packets, context.lost_by_capture = 10_000, 50
    assert judge(story, context).code == "capture.partial"
    lonely = around(story, unanswered=2)
    lonely.packets, lonely.lost_by_capture = 10_000, 50
    assert judge(story, lonely).code == "tcp.connection_timeout"


def test_windows_repeats_later_so_it_has_longer_to_give_up() -> None:
    assert judged(C("SYN", ttl=128), left=2).code == "capture.partial"
    assert judged(C("SYN", ttl=128), left=5).code == "tcp.connection_timeout"


def test_a_repeat_unanswered_for_many_round_trips_counts_at_the_end_of_the_file() -> None:
    verdict = judged(SYN, *again(SYN, 1000), left=0.5)
    assert verdict.code == "tcp.connection_timeout"
    assert verdict.confidence <= 0.85


def test_an_answered_repeat_is_fine() -> None:
    lines = (SYN, *again(SYN, 1000), *HANDSHAKE[1:], C("FIN,ACK"), S("FIN,ACK"))
    assert judged(*lines).code == "ok"


def test_an_icmp_error_is_an_answer() -> None:
    assert judged(SYN, icmp(3, 13, "10.0.0.1")).code == "icmp.prohibited"


def test_an_icmp_error_that_refuses_nothing_is_no_answer() -> None:
    lines = (SYN, icmp(11, 1, "10.0.0.1"), *again(SYN, 1000, 1000, 1000))
    verdict = judged(*lines)
    assert verdict.code == "tcp.connection_timeout"
    assert verdict.facts["errors"] == (
        "only fragment reassembly time exceeded (ICMP 11/1) of 10.0.0.1 in frame 2"
    )
    assert judged(SYN, left=5).facts["errors"] == "not even an ICMP error about them"


def test_nobody_is_named_where_the_capture_cannot_tell() -> None:
    assert max(sides(judged(SYN, left=5)).values()) < 0.8


def test_the_host_is_named_where_the_syn_reached_it() -> None:
    story = play(SYN)
    context = around(story, 5)
    context.capture_hosts = frozenset({story.responder.address})
    assert sides(judge(story, context))["responder"] > 0.9


def test_one_syn_to_a_port_that_answers_others_may_be_all_that_was_kept() -> None:
    """Nothing shows that a capture lost the rest of a connection."""
    for tries, least, most in (((SYN,), 0.0, 0.8), ((SYN, *again(SYN, 1000)), 0.9, 1.0)):
        story = play(*tries)
        context = around(story, left=5, established=9, turns=9)
        context.capture_hosts = frozenset({story.responder.address})
        verdict = judge(story, context)
        assert verdict.code == "tcp.connection_timeout"
        assert least <= verdict.confidence < most
        found = attribute(story, verdict, context)
        assert least <= found.confidence < most
        assert found.side == ("unknown" if most < 1 else "responder")


def test_the_host_is_not_named_where_only_what_came_to_it_is_captured() -> None:
    syn = C("SYN")
    story = play(syn, *again(syn, 1000, 2000))
    context = around(story, 5)
    context.capture_hosts = frozenset({story.responder.address})
    context.answered_unseen = 1
    assert max(sides(judge(story, context)).values()) < 0.8


def test_a_family_that_lost_the_race_is_fine() -> None:
    """Happy Eyeballs (RFC 8305): the same host came through over IPv4."""
    story = play(SYN, lost_to=3)
    for left in (0.1, 5):
        verdict = judge(story, around(story, left))
        assert verdict.code == "ok"
        assert "lost the race" in verdict.notes[0]


def test_a_family_that_kept_trying_after_the_race_failed() -> None:
    story = play(SYN, *again(SYN, 1000, 1000, 1000), lost_to=3)
    assert judge(story, around(story)).code == "tcp.connection_timeout"


@pytest.mark.parametrize(("seconds", "side"), [(2, "path"), (-2, "path"), (2.1, ""), (-2.1, "")])
def test_a_device_said_of_others_then_that_it_does_not_deliver(seconds: float, side: str) -> None:
    story = play(SYN, *again(SYN, 1000, 1000, 1000))
    said = SpokenFor("10.0.9.1", 77)
    for after in (0, 4):
        said.times.add(story.start + int((seconds + (after if seconds > 0 else -after)) * 10**9))
    verdict = judge(story, around(story, spoken_for=said, established=3))
    sure = [one for one, share in sides(verdict).items() if share > 0.8]
    assert sure == ([side] if side else [])
    if side:
        assert "10.0.9.1 said by ICMP" in verdict.candidates[0].why
        assert verdict.candidates[0].frames[-1] == 77


def test_the_host_itself_said_of_others_then_that_it_does_not_take_them() -> None:
    story = play(SYN, *again(SYN, 1000, 1000, 1000))
    said = SpokenFor(story.responder.address, 77)
    said.times.add(story.start)
    verdict = judge(story, around(story, spoken_for=said))
    assert sides(verdict)["responder"] > 0.8


def test_one_syn_in_a_capture_where_nobody_answers_tells_of_the_capture() -> None:
    story = play(SYN)
    context = around(story)
    context.nobody_answers = True
    assert judge(story, context).code != "tcp.connection_timeout"
    tries = play(SYN, *again(SYN, 1000, 1000, 1000))
    context = around(tries)
    context.nobody_answers = True
    assert judge(tries, context).code == "tcp.connection_timeout"


def test_it_is_surer_where_the_initiator_gave_up_than_where_the_file_ends() -> None:
    tries = (SYN, *again(SYN, 1000, 1000))
    given_up, cut_off = judged(*tries, left=60), judged(*tries, left=1.2)
    assert given_up.code == cut_off.code == "tcp.connection_timeout"
    assert given_up.confidence > cut_off.confidence
