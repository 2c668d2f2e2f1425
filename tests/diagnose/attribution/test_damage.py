"""Packets that came with a wrong checksum, and were dropped by their receiver without a word."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.attribution.damage import came_damaged
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.model.context import Context, HostFacts
from pcapdiag.model.packet import BAD_CHECKSUM
from pcapdiag.model.story import Story
from tests.diagnose.playbook import CLIENT, EXCHANGE, GET, HANDSHAKE, SERVER, C, Line, again, play

SYNS = (C("SYN"), C("SYN", after=1000, again=True), C("SYN", after=2000, again=True))
LOST = C("PSH,ACK", GET, lost=True)
DATA = (*HANDSHAKE, *EXCHANGE, LOST, *again(LOST, 200, 400, 800))
SILENT = (SideHint("responder", 0.5, "silent"), SideHint("path", 0.48, "lost"))


def damaged(story: Story, *frames: int) -> Story:
    story.packets = tuple(
        replace(p, marks=p.marks | BAD_CHECKSUM) if p.frame in frames else p for p in story.packets
    )
    return story


def around(packets: int, bad: int, ttls: dict[int, int] | None = None) -> Context:
    """A capture beside the server, with that many packets of the client."""
    hosts = {
        CLIENT[0]: HostFacts(CLIENT[0], packets=packets, bad_checksums=bad, ttls={61: packets}),
        SERVER[0]: HostFacts(SERVER[0], packets=30, ttls=ttls or {64: 30}),
    }
    return Context(hosts=hosts, final=True)


def told(story: Story, context: Context, code: str) -> str:
    judgement = Judgement(code, True, "connect", 0.9, candidates=SILENT)
    return attribute(story, judgement, context).side


@pytest.mark.parametrize(
    ("lines", "frames", "code"),
    [
        (SYNS, (1, 2, 3), "tcp.connection_timeout"),
        (DATA, (8, 9, 10, 11), "tcp.data_timeout"),
    ],
)
def test_all_of_it_damaged_and_the_rest_whole(
    lines: tuple[Line, ...], frames: tuple[int, ...], code: str
) -> None:
    story = damaged(play(*lines), *frames)
    story.initiator.ttls, story.responder.ttls = {61: 9}, {64: 9}
    assert told(story, around(20, len(frames)), code) == "path"
    found = came_damaged(story, True, around(20, len(frames)))
    assert found is not None
    assert f"each of its {len(frames)} transmissions" in found.detail
    assert f"{20 - len(frames)} other packets of {CLIENT[0]} with a right one" in found.detail
    assert found.frames == frames[:4]


def test_checksums_of_payload_that_was_edited_to_zeros_tell_nothing() -> None:
    """Blanked for privacy, and the checksums left as they were: what has no payload is right."""
    story = damaged(play(*DATA), 8, 9, 10, 11)
    story.initiator.ttls, story.responder.ttls = {61: 9}, {64: 9}
    story.turn.request_head = b""
    assert came_damaged(story, True, around(20, 4)) is None
    story.initiator.truncated = 4
    assert came_damaged(story, True, around(20, 4)) is not None, "cut, and not edited"


def test_one_whole_try_would_have_been_taken() -> None:
    assert came_damaged(damaged(play(*SYNS), 1, 2), True, around(20, 2)) is None


@pytest.mark.parametrize(("packets", "bad"), [(3, 3), (15, 11)])
def test_checksums_left_to_a_card_are_no_damage(packets: int, bad: int) -> None:
    story = damaged(play(*SYNS), 1, 2, 3)
    assert came_damaged(story, True, around(packets, bad)) is None


def test_what_is_captured_where_it_is_sent_is_not_damaged_yet() -> None:
    story = damaged(play(*SYNS), 1, 2, 3)
    context = around(20, 3, ttls={61: 30})
    context.hosts[CLIENT[0]].ttls = {64: 20}
    story.initiator.ttls = {64: 3}
    assert came_damaged(story, True, context) is None


def test_another_capture_shows_it_whole() -> None:
    story, before = damaged(play(*SYNS), 1, 2, 3), play(*SYNS)
    found = came_damaged(story, True, around(3, 3), (before,))
    assert found is not None
    assert "was whole before" in found.detail
    assert came_damaged(story, True, around(3, 3), (story,)) is None


def test_what_no_router_had_passed_on_yet_was_not_damaged_on_the_way() -> None:
    """Addresses edited in a capture of the sender's host, or a checksum left to its card."""
    context = around(20, 1, {50: 30})
    context.hosts[CLIENT[0]].ttls = {64: 20}
    fresh, passed = (damaged(play(C("SYN", ttl=ttl)), 1) for ttl in (64, 61))
    fresh.initiator.ttls, passed.initiator.ttls = {64: 1}, {61: 1}
    assert came_damaged(fresh, True, context) is None
    assert came_damaged(passed, True, context) is not None
