"""What the resets of a group share."""

from __future__ import annotations

import pytest

from pcapdiag.incident.alike import MAX_VALUES
from pcapdiag.incident.groups import group
from pcapdiag.model.report import Connection, ResetSigns
from tests.report.fabricate import refused

pytestmark = pytest.mark.once


def reset(
    stream: int,
    ttl: int = 250,
    window: int = 0,
    quiet: float | None = None,
    text: str | None = None,
    port: int = 8443,
) -> Connection:
    connection = refused(stream, port=port)
    (one,) = connection.resets
    one.ttl, one.window, one.quiet, one.text = ttl, window, quiet, text
    return connection


def signs(connections: list[Connection]) -> ResetSigns:
    (only,) = group(connections)
    assert only.signs is not None
    return only.signs


def test_what_all_share_is_told() -> None:
    found = signs([reset(n, window=8201, quiet=350 + n / 10, text="why") for n in range(5)])
    assert (found.resets, found.ttl, found.hops) == (5, 250, 5)
    assert (found.window, found.text) == (8201, "why")
    assert (found.idle, found.idle_shortest, found.idle_longest) == (5, 350.0, 350.4)


def test_what_differs_is_not() -> None:
    found = signs([reset(n, ttl=240 + n, window=n, text=str(n)) for n in range(5)])
    assert (found.ttl, found.hops, found.window, found.text) == (None, None, None, None)
    assert (found.idle, found.idle_shortest) == (0, None)


def test_one_in_ten_may_have_come_another_way() -> None:
    assert signs([reset(n, ttl=249 if n == 3 else 250) for n in range(10)]).ttl == 250
    assert signs([reset(n, ttl=249 if n < 3 else 250) for n in range(10)]).ttl is None


def test_many_values_are_bounded() -> None:
    connections = [reset(n, window=n) for n in range(10 * MAX_VALUES)]
    assert signs(connections).window is None


def test_a_group_without_resets_has_none() -> None:
    connection = refused(1)
    connection.resets = []
    (only,) = group([connection])
    assert only.signs is None


def test_a_reset_that_did_not_decide_does_not_count() -> None:
    connection = reset(1)
    connection.verdict.frames = [1]
    (only,) = group([connection])
    assert only.signs is None


def test_groups_that_are_put_together_share_what_all_of_them_do() -> None:
    many = [reset(n, ttl=250 if n % 2 else 60, quiet=float(n), port=1000 + n) for n in range(1, 31)]
    found = signs(many)
    assert (found.resets, found.ttl) == (30, None)
    assert (found.idle, found.idle_shortest, found.idle_longest) == (30, 1.0, 30.0)
