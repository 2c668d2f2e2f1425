from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.judge import judge
from pcapdiag.model.context import HostFacts
from tests.diagnose.playbook import MS, C, S, again, around, judged, play, sides

SYN, SYN_ACK = C("SYN"), S("SYN,ACK", after=0.3)


def test_a_syn_ack_repeated_and_never_acknowledged() -> None:
    verdict = judged(SYN, SYN_ACK, *again(SYN_ACK, 1000, 2000))
    assert verdict.code == "tcp.handshake_stalled"
    assert verdict.frames == (1, 2, 3, 4)
    assert verdict.phase == "connect"
    assert max(sides(verdict).values()) < 0.8


def test_a_late_syn_ack_is_met_by_the_bare_reset_of_a_closed_socket() -> None:
    verdict = judged(SYN, *again(SYN, 1000), S("SYN,ACK", after=600), C("RST"))
    assert verdict.code == "tcp.handshake_stalled"
    assert verdict.ended_by == "initiator"
    assert verdict.frames == (1, 3, 4)


def test_syn_acks_that_answer_no_syn_are_met_by_bare_resets() -> None:
    wrong, no = S("SYN,ACK", seq=5_000, ack=77_000_000), C("RST", seq=77_000_000)
    tried = (SYN, wrong, no, *again(SYN, 1000), wrong, no, *again(SYN, 2000))
    verdict = judged(*tried)
    assert verdict.code == "tcp.handshake_stalled"
    assert "never sent what it acknowledges" in verdict.facts["what"]
    assert max(sides(verdict), key=sides(verdict).__getitem__) == "path"
    once = judged(SYN, wrong, no)
    assert once.code != "tcp.handshake_stalled"


def test_syn_acks_that_echo_a_timestamp_which_no_syn_had() -> None:
    tried = (SYN, SYN_ACK, C("RST"), *again(SYN, 1000), *again(SYN_ACK, 1), C("RST"))
    story = play(*tried, *again(SYN, 1000))
    story.packets = tuple(
        replace(p, tsval=7, tsecr=0) if p.from_initiator else replace(p, tsval=900, tsecr=8)
        for p in story.packets
    )
    verdict = judge(story, around(story))
    assert verdict.code == "tcp.handshake_stalled"
    assert verdict.reset is None
    assert max(sides(verdict), key=sides(verdict).__getitem__) == "path"


def test_a_layer_4_health_check_is_fine() -> None:
    verdict = judged(SYN, SYN_ACK, C("RST,ACK", win=500))
    assert verdict.code == "ok"
    assert "health check" in verdict.notes[0]


def test_a_scanner_is_fine() -> None:
    assert judged(SYN, SYN_ACK, C("RST")).code == "ok"


def test_one_syn_ack_at_the_end_of_the_file_is_open() -> None:
    assert judged(SYN, SYN_ACK, left=0.5).code == "capture.partial"


def test_a_file_that_ends_behind_an_answer_to_the_fourth_try_is_open() -> None:
    tries = again(SYN, 1000, 1000, 1000)
    assert judged(SYN, *tries, SYN_ACK, left=0).code == "capture.partial"
    assert judged(SYN, SYN_ACK, *tries, left=0).code == "tcp.handshake_stalled"


def test_the_initiators_own_host_dropped_what_its_own_capture_shows() -> None:
    story = play(SYN, SYN_ACK, *again(SYN_ACK, 1000, 2000))
    context = around(story)
    context.capture_hosts = frozenset({story.initiator.address})
    assert sides(judge(story, context))["initiator"] >= 0.8


def test_a_programs_connect_that_was_abandoned_is_no_scan() -> None:
    story = play(SYN, S("SYN,ACK", after=300), C("RST"))
    assert judge(story, around(story)).code == "ok"
    story.initiator.window_scale = 7
    assert judge(story, around(story)).code == "tcp.handshake_stalled"


def test_a_file_that_ends_behind_the_first_repeat_is_open() -> None:
    assert judged(SYN, SYN_ACK, *again(SYN_ACK, 1000), left=0.5).code == "capture.partial"
    assert judged(SYN, SYN_ACK, *again(SYN_ACK, 1000), left=5).code == "tcp.handshake_stalled"


def test_syn_acks_sent_at_once_are_one_try() -> None:
    twice = again(SYN_ACK, 1000, 0.2)
    assert judged(SYN, SYN_ACK, *twice, left=0.01).code == "capture.partial"
    thrice = again(SYN_ACK, 1000, 2000)
    assert judged(SYN, SYN_ACK, *thrice, left=0.01).code == "tcp.handshake_stalled"


def test_seen_at_the_responder_the_reset_is_what_comes_late() -> None:
    story = play(SYN, SYN_ACK, C("RST", after=1400))
    verdict = judge(story, around(story))
    assert verdict.code == "tcp.handshake_stalled"
    assert sides(verdict)["path"] > 0.8


def test_nobody_is_named_where_the_way_may_always_be_longer_than_the_initiator_waits() -> None:
    story = play(SYN, SYN_ACK, C("RST", after=300))
    story.initiator.window_scale = 7
    verdict = judge(story, around(story))
    assert verdict.code == "tcp.handshake_stalled"
    assert max(sides(verdict).values()) < 0.8
    far = play(SYN, SYN_ACK, C("RST", after=1400))
    context = around(far)
    context.hosts[far.initiator.address] = HostFacts(far.initiator.address, min_rtt=800 * MS)
    assert max(sides(judge(far, context)).values()) < 0.8


def test_a_syn_ack_that_came_to_the_initiators_link_in_time_was_late_in_its_host() -> None:
    story = play(SYN, S("SYN,ACK", after=0.3, ttl=51), C("RST", after=1400))
    verdict = judge(story, around(story))
    assert verdict.code == "tcp.handshake_stalled"
    assert sides(verdict)["initiator"] >= 0.8
    assert "1.4 s later" in verdict.facts["what"]


def test_who_reset_is_not_who_was_late() -> None:
    """The initiator's RST, leaving its own captured host, accuses nobody."""
    story = play(SYN, *again(SYN, 1000), S("SYN,ACK", after=600), C("RST"))
    context = around(story)
    context.capture_hosts = frozenset({story.initiator.address})
    verdict = judge(story, context)
    assert verdict.reset is None
    assert attribute(story, verdict, context).side == "unknown"


def test_an_attempt_that_lost_the_race_against_the_other_family_is_fine() -> None:
    story = play(SYN, S("SYN,ACK", after=1300), C("RST"))
    assert judge(story, around(story)).code == "tcp.handshake_stalled"
    story.lost_to = 5
    assert judge(story, around(story)).code == "ok"


def test_resets_with_a_number_that_no_syn_ack_here_acknowledged() -> None:
    reset = C("RST", seq=7_000_000)
    tried = (
        C("SYN"),
        S("SYN,ACK"),
        reset,
        C("SYN", again=True, after=1000),
        S("SYN,ACK", again=True),
    )
    verdict = judged(*tried, reset)
    assert verdict.code == "tcp.handshake_stalled"
    assert sides(verdict)["path"] == 0.85
    assert "another number (frame 3), and tried again" in verdict.facts["what"]
    assert judged(*tried[:3], left=9).code == "capture.partial"


def test_a_rule_rejects_each_syn_ack_and_the_initiator_calls_again() -> None:
    called = (SYN, SYN_ACK, C("RST"))
    once_more = (*again(SYN, 1000), S("SYN,ACK", again=True), C("RST"))
    story = play(*called, *once_more, *once_more)
    assert judge(story, around(story)).code == "ok"  # a tool that scans sends no window scale
    story.initiator.window_scale = 7
    verdict = judge(story, around(story))
    assert verdict.code == "tcp.handshake_stalled"
    assert verdict.reset is not None
    assert verdict.reset.frame == 3
    assert max(sides(verdict).values()) < 0.8
    assert "a RST in its name (frame 3) meets each SYN-ACK" in verdict.facts["what"]
    lost = {"syn_times": (), "syn_frames": (), "syn_ack_times": (), "syn_ack_frames": ()}
    unkept = replace(story, **lost)  # there was no room for them
    assert judge(unkept, around(unkept)).code != "tcp.handshake_stalled"


def test_a_reset_that_no_further_syn_follows_is_the_initiators_own() -> None:
    story = play(SYN, SYN_ACK, C("RST"), *again(SYN_ACK, 1000), C("RST"))
    story.initiator.window_scale = 7
    assert judge(story, around(story)).code == "ok"


def test_a_late_syn_ack_at_the_initiators_link_was_late_before_it() -> None:
    story = play(SYN, S("SYN,ACK", after=1400, ttl=51), C("RST"))
    verdict = judge(story, around(story))
    assert verdict.code == "tcp.handshake_stalled"
    assert set(sides(verdict)) == {"responder", "path"}
    assert "answered with RST" in verdict.facts["what"]


@pytest.mark.parametrize(("usual", "code"), [(20, "tcp.handshake_stalled"), (40, "ok")])
def test_a_syn_ack_is_late_that_took_ten_times_the_hosts_usual_round_trip(
    usual: int, code: str
) -> None:
    story = play(SYN, S("SYN,ACK", after=250), C("RST"))
    context = around(story)
    host = HostFacts(story.responder.address, min_rtt=usual * MS)
    context.hosts = {host.address: host}
    assert judge(story, context).code == code
