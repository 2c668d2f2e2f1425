"""The same connection in several captures, and what must not be taken for it."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pcapdiag.correlate.matching import match_points
from pcapdiag.model.ends import HostPort
from pcapdiag.model.packet import ACK, FIN, RST, SYN
from pcapdiag.model.points import Print, Sample
from tests.correlate.crossing import (
    CLIENT,
    MASK,
    MS,
    SERVER,
    connection,
    found,
    midstream,
    natted,
    only,
    proxied,
    renumbered,
    sample,
    swapped,
    unstamped,
)

Change = Callable[[Print], Print]

pytestmark = pytest.mark.once


def test_nothing_is_found_where_nothing_is() -> None:
    assert match_points([]).found == []
    assert match_points([[connection()]]).found == []
    assert match_points([[connection()], []]).found == []
    assert found([connection(1)], [connection(2)]) == []


def test_a_nat_changes_nothing_that_counts() -> None:
    ours = [connection(n) for n in range(5)]
    theirs = [natted(p, 90 + p.stream) for p in reversed(ours[1:])]
    assert found(ours, theirs) == [(1, 91), (2, 92), (3, 93), (4, 94)]
    match = only(ours[:1], [natted(ours[0])])
    assert match.by == ("numbers", "timestamps", "payload")
    assert match.shift_initiator == match.shift_responder == (0, 0)
    assert match.twins == ()
    assert match.swapped == ()


@pytest.mark.parametrize("way", [lambda p: p, natted])
def test_one_number_is_enough_where_the_other_end_was_not_seen(way: Change) -> None:
    unanswered = replace(
        connection(), isn_responder=None, syn_ack_time=0, syn_ack_tsval=None, digest_responder=0
    )
    assert found([connection()], [way(unanswered)]) == [(0, 0)]
    assert found([unanswered], [way(unanswered)]) == [(0, 0)]


def test_one_number_alone_is_chance() -> None:
    one = replace(connection(1), isn_responder=None)
    other = replace(
        unstamped(connection(2)), isn_initiator=one.isn_initiator, isn_responder=None,
        initiator=("172.16.0.1", 5), responder=("172.16.0.2", 6), syn_count=2, digest_initiator=9,
    )  # fmt: skip
    assert found([one], [other]) == []


def test_syns_that_were_sent_again_are_the_same_connection() -> None:
    later = replace(
        connection(at=3_000), isn_responder=None, syn_count=2, syn_tsval=5_003_000, syn_ip_id=4
    )
    first = replace(connection(), isn_responder=None, syn_count=4)
    assert found([first], [natted(later)]) == [(0, 0)]


def test_a_firewall_that_renumbers_is_found_by_what_it_leaves() -> None:
    ours = connection()
    for theirs in (renumbered(ours), renumbered(natted(ours))):
        match = only([ours], [theirs])
        assert match.by[0] == "timestamps"
        assert match.shift_initiator == (0, (-0x7000_0000) & MASK)
        assert match.shift_responder == (0, (-0x1234_5678) & MASK)


def test_only_one_end_is_renumbered() -> None:
    match = only([connection()], [renumbered(connection(), responder=0)])
    assert match.by[0] == "numbers"
    assert match.shift_responder == (0, 0) != match.shift_initiator


def test_without_timestamps_the_ip_id_of_the_syn_shows_it_on_the_same_ports() -> None:
    ours, theirs = unstamped(connection()), unstamped(renumbered(connection()))
    assert only([ours], [theirs]).by == ("payload", "addresses")
    assert found([ours], [natted(theirs)]) == []
    assert found([ours], [replace(theirs, syn_ip_id=99)]) == []


def test_without_ip_ids_too_payload_and_length_have_to_agree() -> None:
    bare = {"syn_ip_id": 0, "initiator": ("2001:db8::1", 5000)}
    ours = replace(unstamped(connection()), **bare)
    theirs = renumbered(ours)
    assert found([ours], [theirs]) == [(0, 0)]
    assert found([ours], [replace(theirs, digest_initiator=5)]) == []
    longer = (theirs.next_seq_initiator or 0) + 1
    assert found([ours], [replace(theirs, next_seq_initiator=longer)]) == []


@pytest.mark.parametrize("strip", [lambda p: p, unstamped])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"responder": SERVER},
        {"initiator": CLIENT, "responder": SERVER},
    ],
)
def test_the_two_legs_of_a_proxy_are_two_connections(
    strip: Change, changes: dict[str, HostPort]
) -> None:
    ours = connection()
    assert found([strip(ours)], [strip(proxied(ours, **changes))]) == []


def test_a_scanner_with_one_number_for_all() -> None:
    def probe(n: int, **changes: object) -> Print:
        usual = {"responder": (f"10.9.{n // 250}.{n % 250}", 22), "syn_ip_id": 54_321}
        bare = unstamped(replace(connection(n), isn_initiator=1, isn_responder=None))
        return replace(bare, initiator=CLIENT, digest_initiator=0, **{**usual, **changes})

    ours = [probe(n) for n in range(1_000)]
    assert found(ours, ours[400:420]) == [(n, n) for n in range(400, 420)]
    elsewhere = [probe(n, responder=("10.8.0.1", 1_000 + n)) for n in range(3)]
    matches = match_points([ours, elsewhere])
    assert matches.found == []
    assert matches.ambiguous == 3


def test_ports_that_are_used_again() -> None:
    ours = [connection(0), replace(connection(1, at=5_000), initiator=connection(0).initiator)]
    theirs = [replace(p, stream=p.stream + 7) for p in ours]
    assert found(ours, theirs[::-1]) == [(0, 7), (1, 8)]
    assert found(ours[:1], theirs[1:]) == []
    late = [midstream(theirs[1])]
    assert found(ours, late) == [(1, 8)]


def test_a_connection_that_a_capture_has_on_both_sides_of_its_nat() -> None:
    before = connection(3)
    behind = replace(natted(before, 4), same_as=3)
    upstream = natted(before, 8)
    match = only([before, behind], [upstream])
    assert match.streams == (3, 8)
    assert match.twins == ((4,), ())
    match = only([upstream], [before, behind])
    assert match.streams == (8, 3)
    assert match.twins == ((), (4,))


def test_twins_that_the_capture_itself_was_not_told_of() -> None:
    before, behind = connection(3), natted(connection(3), 4)
    match = only([before, behind], [replace(natted(before, 8), initiator=("198.51.100.1", 9))])
    assert (match.streams, match.twins) == ((3, 8), ((4,), ()))
    match = only([before, behind], [replace(behind, stream=8)])
    assert (match.streams, match.twins) == ((4, 8), ((3,), ()))


def test_equal_numbers_at_another_time_are_no_twin() -> None:
    before, later = connection(3), natted(connection(3, at=60_000), 4)
    assert only([before, later], [replace(later, stream=8)]).twins == ()


def test_many_connections_with_equal_numbers() -> None:
    """As in captures that a program made up."""
    same = {"isn_initiator": 1, "isn_responder": 2}
    ours = [connection(n, at=n, **same) for n in range(3_000)]
    assert len(found(ours, ours)) == 3_000


@pytest.mark.parametrize("seen", [midstream, lambda p: swapped(midstream(p))])
def test_what_was_captured_from_its_middle_is_found_by_its_numbers(seen: Change) -> None:
    ours = connection()
    match = only([ours], [seen(ours)])
    assert match.by == ("ranges",)
    is_swapped = seen(ours).initiator != ours.initiator
    assert match.swapped == ((False, True) if is_swapped else ())
    both = midstream(ours, 10, 20)
    assert found([both], [seen(ours)]) == [(0, 0)]


def test_other_numbers_on_the_same_ports_are_another_connection() -> None:
    other = midstream(renumbered(connection()))
    assert found([connection()], [other]) == []
    one_sided = replace(other, first_seq_responder=None, next_seq_responder=None)
    assert found([connection()], [one_sided]) == []


def test_midstream_through_a_nat_segments_tell() -> None:
    one, two = connection(0), connection(1)

    def seen(p: Print) -> Print:
        segments = [
            sample(True, n * MS, p.stream * 10_000 + 100 * n, p.stream + 5, 100) for n in range(4)
        ]
        return replace(midstream(p), samples=tuple(segments))

    points = [seen(one), seen(two)], [natted(seen(one)), natted(seen(two))]
    assert found(*points) == [(0, 0), (1, 1)]
    assert found(points[0][:1], points[1][1:]) == []


def test_a_connection_goes_past_three_points() -> None:
    ours, between = connection(0), replace(natted(connection(0)), stream=5)
    last = replace(renumbered(between), stream=9)
    match = only([ours, connection(1)], [between, connection(2)], [last])
    assert match.streams == (0, 5, 9)
    assert match.shift_initiator == (0, 0, (-0x7000_0000) & MASK)


def test_points_that_join_two_halves() -> None:
    """The first and second point share only the third one's view of it."""
    whole = connection(0)
    start = replace(unstamped(whole), isn_responder=None, initiator=("192.0.2.7", 1), stream=1)
    end = replace(midstream(whole), stream=2)
    assert found([start], [end], [replace(whole, stream=3)]) == [(1, 2, 3)]


FIXED = st.sampled_from(["same", "nat", "renumber", "both", "proxy", "gone"])


@settings(max_examples=60)
@given(ways=st.lists(FIXED, min_size=1, max_size=40), seed=st.integers(0, 1 << 30))
def test_every_connection_is_matched_with_itself_or_with_none(ways: list[str], seed: int) -> None:
    changes: dict[str, Change] = {
        "same": lambda p: p,
        "nat": natted,
        "renumber": renumbered,
        "both": lambda p: renumbered(natted(p)),
        "proxy": proxied,
    }
    ours = [connection(n, at=n) for n in range(len(ways))]
    theirs = [
        replace(changes[way](p), stream=500 + p.stream)
        for p, way in zip(ours, ways, strict=True)
        if way != "gone"
    ]
    random.Random(seed).shuffle(theirs)
    passed = [n for n, way in enumerate(ways) if way not in ("proxy", "gone")]
    assert found(ours, theirs) == [(n, 500 + n) for n in passed]


def test_the_work_grows_with_the_number_of_connections() -> None:
    def calls(count: int) -> int:
        ours = [connection(n, at=n) for n in range(count)]
        theirs = [natted(p) if p.stream % 2 else proxied(p) for p in ours]
        events: Counter[str] = Counter()
        sys.setprofile(lambda _frame, event, _arg: events.update((event,)))
        try:
            matches = match_points([ours, theirs])
        finally:
            sys.setprofile(None)
        assert len(matches.found) == count // 2
        return events["call"]

    assert calls(4_000) < 1.5 * 4 * calls(1_000)


def test_midstream_through_a_nat_one_request_and_its_acknowledgment_tell() -> None:
    ask = sample(True, 0, 700, 900, 39)
    acked = Sample(False, MS, 900, 739, 0, ACK, 0)
    reset = Sample(False, 2 * MS, 900, 0, 0, RST, 0)
    syn_ack = Sample(False, 2 * MS, 900, 739, 0, SYN | ACK, 0)

    def seen(p: Print, *segments: Sample) -> Print:
        return replace(midstream(p), samples=segments)

    one = connection(0)
    ours = [seen(one, ask, acked, reset, syn_ack)]
    assert found(ours, [natted(seen(one, ask, acked))]) == [(0, 0)]
    for other in ((ask,), (reset, ask), (acked, syn_ack), (ask, replace(acked, flags=ACK | FIN))):
        assert found(ours, [natted(seen(one, *other))]) == []


def test_a_syn_proxy_makes_a_syn_of_its_own() -> None:
    ours = connection()
    own = replace(renumbered(ours, initiator=0), syn_ip_id=9, syn_tsval=(ours.syn_tsval or 0) + 1)
    assert found([ours], [own]) == [(0, 0)]
    assert found([ours], [natted(own)]) == []
    assert found([ours], [replace(own, digest_initiator=5)]) == []


def test_the_other_side_of_a_nat_that_the_capture_did_not_tell() -> None:
    """The middle point has both sides, and missed the SYN behind the NAT; the last has that one."""
    before = connection(0)
    behind = replace(midstream(natted(before)), stream=4)
    last = natted(before)
    match = only([before, behind], [last])
    assert (match.streams, match.twins) == ((0, 0), ((4,), ()))
    other = replace(midstream(renumbered(natted(connection(0)))), stream=4)
    assert only([before, other], [last]).twins == ()


def test_a_nat_that_forgot_a_connection_gives_its_rest_another_port() -> None:
    ask = sample(True, 40 * MS, 700, 900, 39)
    ours = replace(connection(0), samples=(ask,))
    last = natted(connection(0))
    rest = replace(
        midstream(last), stream=4, initiator=(last.initiator[0], 7), samples=(ask,),
        isn_initiator=None, isn_responder=None,
    )  # fmt: skip
    match = only([ours], [last, rest])
    assert (match.streams, match.twins, match.continued) == ((0, 0), ((), (4,)), ((), (4,)))
    elsewhere = replace(rest, responder=("10.9.9.9", 1))
    begun = replace(rest, isn_initiator=5, isn_responder=6)
    for other in (replace(rest, samples=(replace(ask, ack=901),)), elsewhere, begun):
        assert only([ours], [last, other]).continued == ()


def test_numbers_that_are_known_and_differ_are_not_compared_by_their_range() -> None:
    ours = unstamped(connection())
    assert ours.isn_initiator is not None
    assert ours.isn_responder is not None
    again = replace(
        ours,
        isn_initiator=ours.isn_initiator + 5,
        isn_responder=ours.isn_responder + 5,
        syn_ip_id=99,
    )
    assert found([ours], [again]) == []
    unseen = replace(
        again,
        isn_initiator=None,
        isn_responder=None,
        first_seq_initiator=again.isn_initiator,
        first_seq_responder=again.isn_responder,
    )
    assert found([ours], [unseen]) == [(0, 0)]


def test_segments_of_two_connections_tell_neither() -> None:
    asks = [sample(True, n * MS, 700 + 100 * n, 900, 100) for n in range(6)]

    def seen(n: int, *segments: Sample) -> Print:
        return replace(midstream(connection(n)), samples=segments)

    ours = [seen(0, *asks[:3]), seen(1, *asks[3:])]
    both = natted(seen(2, *asks))
    matches = match_points([ours, [both]])
    assert (matches.found, matches.ambiguous) == ([], 1)
    matches = match_points([ours[:1], [both]])
    assert ([match.streams for match in matches.found], matches.ambiguous) == ([(0, 2)], 0)


def test_a_number_of_one_end_is_not_both() -> None:
    ours = replace(unstamped(connection(1)), isn_initiator=None, syn_ip_id=0)
    other = replace(
        unstamped(connection(2)), isn_initiator=None, isn_responder=ours.isn_responder,
        syn_ip_id=0, initiator=("172.16.0.1", 5), responder=("172.16.0.2", 6),
        digest_initiator=9, digest_responder=8,
    )  # fmt: skip
    assert found([ours], [other]) == []
