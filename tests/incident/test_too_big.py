"""Routers' "packet too big" messages are collected by pair of hosts."""

from __future__ import annotations

from pcapdiag.incident.too_big import MAX_PAIRS, TooBigMessages
from tests.diagnose.playbook import HANDSHAKE, C, icmp, play


def test_first_message_of_each_connection_counts() -> None:
    messages = TooBigMessages()
    big = C("PSH,ACK", b"x" * 1448)
    for mtu in (1400, 1300):
        told = icmp(3, 4, "10.0.9.1", mtu=mtu)
        messages.note(play(*HANDSHAKE, big, told, told, stream=mtu))
    messages.note(play(*HANDSHAKE, big, icmp(3, 1, "10.0.9.1")))
    (fact,) = messages.facts()
    assert (fact.source, fact.sender, fact.receiver) == ("10.0.9.1", "10.0.1.5", "10.0.2.7")
    assert (fact.mtu, fact.connections, fact.streams) == (1300, 2, [1400, 1300])
    assert fact.frames == [5, 5]


def test_a_message_without_a_size_is_not_the_smallest() -> None:
    """RFC 1191 section 5: a router of before leaves the field zero."""
    messages = TooBigMessages()
    for mtu in (0, 1400, 0):
        told = icmp(3, 4, "10.0.9.1", mtu=mtu)
        messages.note(play(*HANDSHAKE, C("PSH,ACK", b"x" * 1448), told, stream=mtu))
    assert [fact.mtu for fact in messages.facts()] == [1400]


def test_pairs_are_bounded() -> None:
    messages = TooBigMessages()
    for number in range(MAX_PAIRS + 5):
        story = play(*HANDSHAKE, C("PSH,ACK", b"x"), icmp(3, 4, "10.0.9.1", mtu=1300))
        story.responder.address = f"10.{number >> 8}.{number & 255}.1"
        messages.note(story)
    assert len(messages.facts()) == MAX_PAIRS
