"""One line on what the resets of a group share."""

from __future__ import annotations

import pytest

from pcapdiag.model.report import Group, Party, ResetSigns, Side
from pcapdiag.report.signs import signs_text
from tests.report.fabricate import refused

pytestmark = pytest.mark.once


def told(
    signs: ResetSigns | None,
    vantage: str = "initiator",
    side: Side = "path",
    party: Party = "middlebox",
) -> str:
    many = Group(
        code="tcp.idle_reset",
        side=side,
        party=party,
        connections=212,
        title="idle connection reset",
        signs=signs,
    )
    return signs_text(many, refused(), vantage)


def test_a_device_by_distance_count_and_quiet_time() -> None:
    signs = ResetSigns(
        resets=212, ttl=61, hops=3, idle=212, idle_shortest=350.0, idle_longest=350.6, window=8201
    )
    assert told(signs) == (
        "reset by a device 3 hops from the proxy, 212 connections, all after 350 s of quiet, "
        "window 8201"
    )


@pytest.mark.parametrize(
    ("vantage", "hops", "words"),
    [
        ("responder", 1, "a device 1 hop from the upstream,"),
        ("path", 2, "a device 2 hops from the capture point,"),
        ("initiator", 0, "a device on the link of the proxy,"),
    ],
)
def test_where_it_stands(vantage: str, hops: int, words: str) -> None:
    assert words in told(ResetSigns(resets=5, ttl=64 - hops, hops=hops), vantage)


def test_quiet_times_that_differ_are_a_range() -> None:
    signs = ResetSigns(resets=9, ttl=61, hops=3, idle=7, idle_shortest=2.5, idle_longest=1200.0)
    assert told(signs).endswith("9 connections, 7 after 2.5 s to 1,200 s of quiet")


def test_an_end_and_nobody() -> None:
    signs = ResetSigns(resets=3, ttl=61, hops=3, window=64, idle=3, idle_shortest=5, idle_longest=5)
    assert told(signs, side="responder").startswith("reset by 10.0.2.7, 3 connections, all after 5")
    assert "window" not in told(signs, side="responder")
    assert told(signs, side="unknown").startswith("reset with TTL 61, 3 connections, all")


def test_what_says_nothing_is_not_told() -> None:
    assert told(None) == ""
    assert told(ResetSigns(resets=1, ttl=61, hops=3)) == ""
    assert told(ResetSigns(resets=9, ttl=61, hops=3, window=64), side="responder") == ""


def test_captured_text_is_harmless() -> None:
    assert "\x1b" not in told(ResetSigns(resets=9, ttl=61, hops=3, text="\x1b[2Jbye"))
