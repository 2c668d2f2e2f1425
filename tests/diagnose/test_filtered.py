from __future__ import annotations

from pcapdiag.diagnose.judge import judge
from pcapdiag.model.context import HostFacts
from tests.diagnose.playbook import C, S, again, around, judged, play


def test_a_filter_for_syns_makes_no_timeouts_of_what_worked() -> None:
    story = play(C("SYN"))
    context = around(story)
    assert judge(story, context).code == "tcp.connection_timeout"
    context.nobody_answers = True
    assert judge(story, context).code == "capture.partial"


def test_a_firewalls_log_has_of_a_connection_what_its_rules_say() -> None:
    syn = C("SYN")
    for lines, code in (
        ((syn,), "capture.partial"),
        ((syn, *again(syn, 1000, 2000)), "tcp.connection_timeout"),
    ):
        story = play(*lines)
        context = around(story)
        context.firewall_log = True
        assert judge(story, context).code == code


def test_a_host_whose_direction_is_missing_may_have_answered() -> None:
    story = play(C("SYN"))
    context = around(story)
    context.answered_unseen = 2
    verdict = judge(story, context)
    assert verdict.code == "capture.partial"
    assert "no packet of that host was captured at all" in verdict.notes[0]
    context.hosts = {story.responder.address: HostFacts(story.responder.address, packets=3)}
    assert judge(story, context).code == "tcp.connection_timeout"


def test_who_repeats_its_syn_was_not_answered() -> None:
    syn = C("SYN")
    story = play(syn, *again(syn, 1000, 2000))
    context = around(story)
    context.nobody_answers = True
    assert judge(story, context).code == "tcp.connection_timeout"


def test_a_filter_for_syn_and_syn_ack() -> None:
    assert judged(C("SYN"), S("SYN,ACK")).code == "capture.partial"
    repeated = S("SYN,ACK")
    lines = (C("SYN"), repeated, *again(repeated, 1000))
    assert judged(*lines).code == "tcp.handshake_stalled"
    syn = C("SYN")
    assert judged(syn, *again(syn, 1000), S("SYN,ACK")).code == "capture.partial"
    assert judged(syn, S("SYN,ACK"), *again(syn, 1000)).code == "tcp.handshake_stalled"
    early = S("SYN,ACK", ack=1_000_001)
    assert judged(early, C("SYN", after=3)).code == "capture.partial", "captured before its SYN"


def test_a_filter_for_syn_fin_and_rst_is_no_stall() -> None:
    lines = (C("SYN"), S("SYN,ACK"), S("RST,ACK", ack=1_000_200, after=50))
    assert judged(*lines).code == "capture.partial"


def test_a_syn_ack_of_which_nothing_was_kept() -> None:
    """There is room for so many packets only: further connections are known by their counts."""
    syn = C("SYN")
    story = play(syn, *again(syn, 1000, 2000, 3000), S("SYN,ACK"))
    story.packets, story.syn_times, story.syn_ack_times = (), (), ()
    assert judge(story, around(story)).code == "tcp.handshake_stalled"
