"""A connection on both sides of a NAT."""

from __future__ import annotations

import pytest

from pcapdiag.incident.groups import summarize
from pcapdiag.incident.twins import Twins
from tests.diagnose.playbook import C, S, play
from tests.report.fabricate import refused

pytestmark = pytest.mark.once


def joined(*, failed: bool, filtered: bool = False) -> int | None:
    twins = Twins(filtered)
    twins.note(play(C("SYN"), S("RST,ACK"), same_as=3))
    twins.settle(3, failed=failed)
    told = refused(stream=4)
    told.same_as = 3
    twins.join(told)
    return told.same_as


def test_a_failure_on_both_sides_of_a_nat_is_counted_once() -> None:
    before, behind = refused(stream=3), refused(stream=4)
    behind.same_as = 3
    summary, groups = summarize([before, behind])
    assert (summary.connections, summary.failed, summary.by_party) == (1, 1, {"upstream": 1})
    assert summary.resets == {"upstream": 1}
    assert [group.connections for group in groups] == [1]


def test_a_failure_behind_the_nat_alone_is_counted_there() -> None:
    assert joined(failed=True) == 3
    assert joined(failed=False) is None


def test_filters_may_have_left_out_the_other_side() -> None:
    assert joined(failed=True, filtered=True) is None


def test_what_worked_behind_a_nat_is_not_counted_again() -> None:
    twin = play(C("SYN"), S("RST,ACK"), same_as=3)
    assert not Twins().counts(twin)
    assert Twins(filtered=True).counts(twin)
    assert Twins().counts(play(C("SYN"), S("RST,ACK")))


def test_a_failure_before_the_nat_names_the_other_side() -> None:
    twins = Twins()
    twin = play(C("SYN"), S("RST,ACK"), same_as=3)
    twins.note(twin)
    told = refused(stream=3)
    twins.join(told)
    assert told.verdict.notes == [
        f"Behind a NAT in this capture it is 10.0.1.5:40000 -> 10.0.2.7:8443, stream {twin.stream}."
    ]


def test_a_connection_that_goes_on_behind_a_nat_is_known_by_its_number() -> None:
    twins = Twins()
    twins.note(play(C("SYN"), C("SYN", again=True), same_as=3))
    assert twins.has(3)
    assert not twins.has(4)


def test_other_sides_that_find_no_room_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapdiag.incident.twins.MAX_TWINS", 1)
    twins = Twins()
    for stream in (3, 3, 5, 7):
        twins.note(play(C("SYN"), S("RST,ACK"), same_as=stream))
    assert twins.has(3)
    assert not twins.has(5)
    assert twins.left_out == 2
