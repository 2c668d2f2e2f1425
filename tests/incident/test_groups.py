"""Groups and totals: nothing is lost, nothing is counted twice."""

from __future__ import annotations

import pytest

from pcapdiag.incident import groups
from pcapdiag.incident.groups import GROUP_STREAMS, group, summarize
from tests.report.fabricate import healthy, refused, seconds


def test_the_same_failure_by_the_same_culprit_is_one_group() -> None:
    result = group([refused(n, offset=n) for n in range(1, 4)] + [refused(9, port=9999)])
    assert [(g.connections, g.responder, g.streams) for g in result] == [
        (3, "10.0.2.7:8443", [1, 2, 3]),
        (1, "10.0.2.7:9999", [9]),
    ]
    assert (result[0].first, result[0].last) == (seconds(1), seconds(3.00031))


def test_another_culprit_is_another_group() -> None:
    other = refused(2)
    other.verdict.attribution.side = "path"
    assert len(group([refused(1), other])) == 2


def test_healthy_connections_are_in_no_group() -> None:
    assert group([healthy()]) == []


def test_streams_of_a_large_group_are_bounded_and_all_are_counted() -> None:
    (only,) = group(refused(n) for n in range(GROUP_STREAMS + 50))
    assert only.connections == GROUP_STREAMS + 50
    assert len(only.streams) == GROUP_STREAMS


def test_too_many_groups_end_in_one_that_names_no_culprit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MAX_GROUPS", 3)
    result = group(refused(n, port=1000 + n) for n in range(10))
    assert sum(g.connections for g in result) == 10
    assert len(result) == 4
    assert (result[0].connections, result[0].responder, result[0].side) == (7, None, "unknown")


def test_verdicts_add_up_and_a_consequence_is_not_counted_for_a_party() -> None:
    consequence = refused(3)
    consequence.caused_by = 17
    summary = summarize([refused(), consequence, healthy()], unlisted={"ok": 40})
    assert summary.connections == 43
    assert summary.failed == 2
    assert summary.by_verdict == {"ok": 41, "tcp.connection_refused": 2}
    assert summary.by_party == {"upstream": 1}
    assert summary.resets == {"upstream": 2}
