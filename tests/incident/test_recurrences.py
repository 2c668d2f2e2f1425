"""What is noted over the failed connections of an endpoint."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.incident.recurrences import BLOCKED_WITHIN, MAX_VALUES, MAX_WAITS, Recurrences
from pcapdiag.model.context import EndpointFacts, HostFacts
from pcapdiag.model.story import Story
from tests.diagnose.playbook import (
    CLIENT,
    EXCHANGE,
    GET,
    HANDSHAKE,
    SERVER,
    C,
    Line,
    S,
    again,
    around,
    icmp,
    play,
)

pytestmark = pytest.mark.once

SECOND = 1_000_000_000
STALE = (*HANDSHAKE, *EXCHANGE, C("PSH,ACK", GET, after=350_000), S("RST", after=1, options=0))
EXPIRED = (*HANDSHAKE, *EXCHANGE, S("RST,ACK", after=240_000))
CUT = (*HANDSHAKE, C("PSH,ACK", GET), S("RST,ACK", after=1))
REFUSED = (C("SYN"), S("RST,ACK", options=0))
LEFT = (*HANDSHAKE, C("PSH,ACK", GET), C("FIN,ACK", after=1_137))


def noted(*stories: Story) -> tuple[EndpointFacts, Recurrences]:
    table = Recurrences()
    for story in stories:
        table.note(story, judge(story, around(story)))
    facts = EndpointFacts(*SERVER)
    table.add_to_endpoint(facts)
    return facts, table


def ladder(*lines: Line, later: int = 0) -> Story:
    story = play(*lines)
    return replace(
        story,
        start=story.start + later,
        resets=tuple(replace(r, time=r.time + later) for r in story.resets),
    )


def test_quiet_times_by_what_showed_the_end() -> None:
    facts, _ = noted(play(*STALE), play(*EXPIRED), play(*EXPIRED), play(*CUT))
    assert facts.idle is not None
    late, expired = facts.idle.late, facts.idle.at_expiry
    assert (late.count, round(late.least / SECOND)) == (1, 350)
    assert (expired.count, round(expired.most / SECOND)) == (2, 240)
    assert facts.idle.lost.count == 0


def test_quiet_times_are_a_range() -> None:
    longer = (*HANDSHAKE, *EXCHANGE, S("RST,ACK", after=250_000))
    facts, _ = noted(play(*EXPIRED), play(*longer), play(*EXPIRED))
    assert facts.idle is not None
    times = facts.idle.at_expiry
    assert (times.count, times.least // SECOND, times.most // SECOND) == (3, 240, 250)


def test_a_connection_that_a_nat_shows_twice_counts_once() -> None:
    story = play(*STALE)
    facts, _ = noted(story, replace(story, same_as=0))
    assert facts.idle is not None
    assert facts.idle.late.count == 1


def test_how_long_an_initiator_waited_before_it_left() -> None:
    facts, _ = noted(play(*LEFT), replace(play(*LEFT), stream=5), play(*CUT))
    waits = facts.left_after[CLIENT[0]]
    assert {n: round(waited / SECOND, 3) for n, (waited, _) in waits.items()} == {
        0: 1.137,
        5: 1.137,
    }


def test_waits_kept_are_limited() -> None:
    story = play(*LEFT)
    facts, _ = noted(*(replace(story, stream=n) for n in range(MAX_WAITS + 3)))
    assert len(facts.left_after[CLIENT[0]]) == MAX_WAITS


def test_header_values_by_connection() -> None:
    odd = play(*HANDSHAKE, S("RST", win=8201, ip_id=77), S("RST", win=8201, ip_id=78))
    _, table = noted(odd, odd)
    host = HostFacts(SERVER[0])
    table.add_to_host(host)
    assert host.marks_of_resets is not None
    assert host.marks_of_resets.ttls == {}
    assert host.marks_of_resets.windows == {8201: 2}
    assert host.marks_of_resets.ip_ids == {77: 2, 78: 2}


def test_header_values_are_bounded() -> None:
    resets = [play(*HANDSHAKE, S("RST", win=n, ip_id=500)) for n in range(2000, 2100)]
    _, table = noted(*resets)
    host = HostFacts(SERVER[0])
    table.add_to_host(host)
    assert host.marks_of_resets is not None
    assert len(host.marks_of_resets.windows) == MAX_VALUES
    assert table.left_out == 0, "what is always another one marks nobody"


def test_refusals_after_a_cut_are_noted_for_the_pair() -> None:
    facts, _ = noted(
        ladder(*CUT), ladder(*REFUSED, later=SECOND), ladder(*REFUSED, later=9 * SECOND)
    )
    assert [times.count for times in facts.blocked.values()] == [2]
    assert list(facts.blocked) == [CLIENT[0]]
    late = ladder(*REFUSED, later=2 * BLOCKED_WITHIN)
    assert noted(ladder(*CUT), late)[0].blocked == {}
    assert noted(ladder(*REFUSED), ladder(*CUT))[0].blocked == {}


def test_what_a_device_said_by_icmp_of_an_endpoint() -> None:
    said = play(C("SYN"), icmp(3, 3, "10.0.9.1"))
    facts, _ = noted(said, replace(said, start=said.start + 5 * SECOND))
    assert facts.spoken_for is not None
    assert facts.spoken_for.frame == said.icmp[0].frame
    times = facts.spoken_for.times
    assert (times.count, times.most - times.least) == (2, 5 * SECOND)
    by_itself = replace(said, icmp=tuple(replace(e, source=SERVER[0]) for e in said.icmp))
    own = noted(by_itself)[0].spoken_for
    assert own is not None
    assert own.source == SERVER[0]


def test_connections_whose_big_segments_vanished() -> None:
    big = C("PSH,ACK", b"x" * 1448, lost=True)
    lines = (*HANDSHAKE, *EXCHANGE, big, *again(big, 200, 400, 800, 1600), C("FIN,ACK", after=900))
    story = play(*lines)
    facts, _ = noted(story)
    (lost,) = facts.lost_big[story.initiator.address, True]
    assert lost.established == story.established_time
    assert lost.lost == story.packets[7].time
    small = C("PSH,ACK", GET, lost=True)
    lines = (*HANDSHAKE, *EXCHANGE, small, *again(small, 200, 400, 800), C("FIN,ACK", after=900))
    assert not noted(play(*lines))[0].lost_big
