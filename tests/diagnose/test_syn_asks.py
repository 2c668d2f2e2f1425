"""SYNs with ECN or with data, and those without."""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.syn_asks import CWR, ECE
from pcapdiag.model.story import Story
from tests.diagnose.playbook import EXCHANGE, GET, HANDSHAKE, C, S, again, around, play

SYN = C("SYN")
SERVED = (*HANDSHAKE[1:], *EXCHANGE, C("FIN,ACK"), S("FIN,ACK"))


def with_ecn(story: Story, count: int) -> Story:
    """The first SYNs ask for ECN."""
    syns = [p.frame for p in story.packets if p.is_syn][:count]
    asking = [
        replace(p, flags=p.flags | ECE | CWR) if p.frame in syns else p for p in story.packets
    ]
    return replace(story, packets=tuple(asking))


def notes(story: Story, established: int = 0) -> str:
    return " ".join(judge(story, around(story, 9, established=established)).notes)


def test_syns_with_ecn_in_vain_and_one_without_that_is_answered() -> None:
    story = play(SYN, *again(SYN, 1000, 1000), *SERVED)
    expected = "sent 3 times: with ECN (ECE and CWR) in vain, and answered without"
    assert expected in notes(with_ecn(story, 2))
    for count in (0, 1, 3):
        assert notes(with_ecn(story, count)) == "The SYN was sent 3 times."


def test_data_in_the_syn_in_vain() -> None:
    story = play(SYN, *again(SYN, 1000), *SERVED)
    first, *rest = story.packets
    fast = replace(story, packets=(replace(first, length=len(GET)), *rest))
    assert "with data in the SYN (TCP Fast Open) in vain" in notes(fast)


def test_syns_that_all_ask_for_ecn_where_others_are_answered() -> None:
    story = play(SYN, *again(SYN, 1000, 1000, 1000))
    assert "Each of its SYNs came with ECN (ECE and CWR)" in notes(with_ecn(story, 4), 3)
    assert not notes(with_ecn(story, 4))
    assert not notes(with_ecn(story, 3), 3)
