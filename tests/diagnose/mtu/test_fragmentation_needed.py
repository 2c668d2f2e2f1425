"""A router that says "packet too big", heeded or not."""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement
from tests.diagnose.playbook import EXCHANGE, HANDSHAKE, C, Line, S, again, icmp, judged, sides

BIG = C("PSH,ACK", b"x" * 1448, lost=True)
TOLD = icmp(3, 4, "10.0.9.1", mtu=1300)


def failed(*lines: Line) -> Judgement:
    return judged(*HANDSHAKE, *EXCHANGE, BIG, *lines, C("FIN,ACK", after=1500))


def test_went_on_with_the_old_size() -> None:
    found = failed(TOLD, *again(BIG, 200, 400, 800))
    assert found.code == "mtu.fragmentation_needed"
    assert found.numbers["mtu"] == 1300
    assert found.facts["source"] == "10.0.9.1"
    assert max(sides(found).values()) < 0.8


def test_smaller_ones_vanished_too() -> None:
    small = C("ACK", b"x" * 1200, 200, seq=1_000_028, lost=True)
    found = failed(TOLD, small, *again(small, 400, 800))
    assert found.code == "mtu.fragmentation_needed"
    assert sides(found)["path"] > 0.9
    assert "smaller MTU further on" in found.facts["reaction"]


def test_an_old_router_names_no_size() -> None:
    """RFC 1191 section 5: it leaves the field zero."""
    told = icmp(3, 4, "10.0.9.1")
    found = failed(told, *again(BIG, 200, 400, 800))
    assert found.numbers == {"mtu": 0, "by_initiator": 1, "vanished_size": 1488}
    assert found.facts["room"] == "less than 1488 bytes"
    assert "old size" in found.facts["reaction"]
    small = C("ACK", b"x" * 1200, 200, seq=1_000_028, lost=True)
    assert sides(failed(told, small, *again(small, 400, 800)))["path"] > 0.9
    lines = (BIG, told, *again(BIG, 1, lost=False), S("ACK"), *EXCHANGE[2:])
    notes = judged(*HANDSHAKE, *EXCHANGE, *lines, C("FIN,ACK"), S("FIN,ACK"), C("ACK")).notes
    assert any("a packet was too big" in note for note in notes)


def test_heeded_and_mended_is_a_note() -> None:
    lines = (BIG, TOLD, *again(BIG, 1, lost=False), S("ACK"), *EXCHANGE[2:])
    found = judged(*HANDSHAKE, *EXCHANGE, *lines, C("FIN,ACK"), S("FIN,ACK"), C("ACK"))
    assert found.code == "ok"
    assert any("1300 bytes at most" in note for note in found.notes)


def test_an_error_about_the_other_direction_does_not_count() -> None:
    found = judged(
        *HANDSHAKE, icmp(3, 1, "10.0.9.1"), BIG, *again(BIG, 200, 400, 800), C("FIN,ACK", after=900)
    )
    assert found.code != "mtu.fragmentation_needed"


def test_as_long_as_it_may_still_get_through_it_is_open() -> None:
    found = judged(*HANDSHAKE, *EXCHANGE, BIG, TOLD, *again(BIG, 200), left=0.1)
    assert not found.failed


def test_nobody_needs_to_have_ended_it() -> None:
    found = judged(*HANDSHAKE, *EXCHANGE, BIG, TOLD, *again(BIG, 200, 400, 800), left=30)
    assert found.code == "mtu.fragmentation_needed"
    assert found.ended_by is None
    assert failed(TOLD, *again(BIG, 200, 400, 800)).ended_by == "initiator"


def test_how_often_it_was_told_is_said() -> None:
    once = failed(TOLD, *again(BIG, 200, 400, 800)).facts["reaction"]
    assert "segments of the old size after it: the message" in once
    twice = failed(TOLD, *again(BIG, 200), TOLD, *again(BIG, 400, 800)).facts["reaction"]
    assert "after it and heard it 2 times" in twice
