"""Fragments that never come."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.fragments import LostFragments
from pcapdiag.model.fleet import Fleet, FragmentFacts

pytestmark = pytest.mark.once


def facts(lost: int, whole: int, *, only_first: bool = False) -> Fleet:
    way = FragmentFacts("10.0.9.1", "10.0.1.5", whole, lost, 1, 2, only_first)
    return Fleet(fragments=[way])


def test_most_datagrams_in_fragments_are_lost() -> None:
    (finding,) = LostFragments().findings(facts(11, 1))
    assert (finding.code, finding.severity, finding.count) == ("path.mtu", "warning", 11)
    assert "11 of 12 datagrams" in finding.detail
    assert finding.addresses == ["10.0.9.1", "10.0.1.5"]


def test_a_capture_filter_for_ports_leaves_out_the_same_fragments() -> None:
    (finding,) = LostFragments().findings(facts(11, 0, only_first=True))
    assert (finding.code, finding.severity) == ("path.mtu", "info")
    assert finding.title.endswith("or left out by a capture filter")
    assert "filter by host" in finding.fixes[0]


@pytest.mark.parametrize(("lost", "whole"), [(2, 0), (3, 20)])
def test_a_lost_packet_now_and_then_says_nothing(lost: int, whole: int) -> None:
    assert LostFragments().findings(facts(lost, whole)) == []
