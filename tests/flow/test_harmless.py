"""Resets that ended nothing: the first of a caller are told, all others only counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pcapdiag
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.options import AnalyzeOptions
from tests.flow import reset_scenes as scenes
from tests.flow.reset_scenes import Play
from tests.flow.wire import SLL2, End, Link, Told, Wire, tell

CONNECTIONS = 12
TOLD = 8
"""Of one caller, for plain Python to learn from."""


def several(play: Play, *, port: int = 80, connections: int = CONNECTIONS) -> Told:
    """Play a connection so often, from one caller to one endpoint, a second apart."""
    wire = Wire()
    for n in range(connections):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        server = End("10.0.0.2", port, 0x9000 + n * 104_729, b"\2\0\0\0\0\2")
        link = Link(wire, client, server)
        at = n * 1_000.0
        link.handshake(at)
        play(link, at + 20)
    return tell(wire, want_all=False)


def counts(told: Told) -> tuple[int, int, int]:
    """Return how many were told, and the resets of those only counted: the caller's, the other's."""
    (endpoint,) = told.tracker.table.endpoints.values()
    (caller,) = endpoint.callers.values()
    healthy = told.tracker.endings.healthy
    assert healthy + len(told.stories) == told.tracker.endings.connections
    return len(told.stories), caller.own_resets, caller.their_resets


@pytest.mark.parametrize(
    ("play", "port", "own", "theirs"),
    [
        pytest.param(scenes.aborts, 80, 1, 0, id="after the answer"),
        pytest.param(scenes.is_checked, 80, 1, 0, id="health check"),
        pytest.param(scenes.meets_late_close, 443, 2, 0, id="late close_notify"),
        pytest.param(scenes.meets_late_fin, 443, 1, 0, id="late FIN"),
        pytest.param(scenes.server_resets_who_left, 80, 0, 1, id="who left is reset"),
        pytest.param(scenes.met_by_reset, 80, 1, 0, id="answer until close"),
    ],
)
def test_the_first_are_told_and_the_others_are_counted(
    play: Play, port: int, own: int, theirs: int
) -> None:
    looked_at = 2 if port == 443 else 0
    told, own_resets, their_resets = counts(several(play, port=port))
    # Those that are looked at for their certificate are told for that.
    assert told == TOLD + looked_at
    counted = CONNECTIONS - TOLD - looked_at
    assert (own_resets, their_resets) == (own * counted, theirs * counted)


IN_TLS = (scenes.answer_goes_on, scenes.waited, scenes.goodbye_behind_the_reset)
OTHERS = (
    scenes.cut_short,
    scenes.cut_until_close,
    scenes.unanswered,
    scenes.early_answer,
    scenes.by_the_responder,
    scenes.pipelined,
    scenes.other_ttl,
    scenes.other_mac,
    scenes.other_number,
    scenes.behind_without_fin,
    scenes.goes_on,
    scenes.both,
    scenes.slow_check,
    scenes.check_of_what_closed,
    scenes.shut,
    scenes.ahead,
    scenes.far_behind,
    scenes.behind_with_ack,
    scenes.with_words,
    scenes.two_ttls,
    scenes.two_macs,
    scenes.two_interfaces,
    scenes.one_after_the_other,
    scenes.other_is_shut,
    scenes.reset_then_left,
    scenes.heard_of_later,
    scenes.not_taken,
    scenes.more_lines,
    scenes.closed_and_reset,
)


@pytest.mark.parametrize("play", IN_TLS + OTHERS)
def test_whatever_may_be_more_than_that_is_told(play: Play) -> None:
    assert counts(several(play, port=443 if play in IN_TLS else 80)) == (CONNECTIONS, 0, 0)


def test_who_resets_before_a_greeting_is_told() -> None:
    greeted = 0

    def play(link: Link, at: float) -> None:
        nonlocal greeted
        greeted += 1
        if greeted == 1:
            link.s(at, "PA", 1, 1, b"220 hello")
            link.c(at + 1, "A", 1, 10)
            link.c(at + 2, "RA", 1, 10)
        else:
            scenes.is_checked(link, at)

    assert counts(several(play, port=25)) == (CONNECTIONS, 0, 0)


def test_a_host_that_sends_and_gets_its_own_resets_is_told() -> None:
    """Cooked captures say whose host a packet was sent by: one RST came from elsewhere."""
    wire = Wire()
    for n in range(CONNECTIONS):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        link = Link(wire, client, End("10.0.0.2", 80, 0x9000 + n * 104_729, b"\2\0\0\0\0\2"))
        link.cooked = 4
        link.c(n * 1_000.0, "S", 0)
        link.cooked = 0
        link.s(n * 1_000.0 + 1, "SA", 0, 1)
        link.cooked = 4
        link.c(n * 1_000.0 + 2, "A", 1, 1)
        link.cooked = 0 if n % 2 else 4
        link.c(n * 1_000.0 + 3, "RA", 1, 1)
    told = tell(wire, want_all=False, link=SLL2)
    assert {story.stream for story in told.stories} >= set(range(1, CONNECTIONS, 2))


def half_open(
    *, answer: str = "SA", flags: str = "RA", ack: int = 1, syns: int = 1, after: float = 1
) -> Told:
    """Connections of which the last step of the handshake is a reset."""
    wire = Wire()
    for n in range(CONNECTIONS):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        link = Link(wire, client, End("10.0.0.2", 80, 0xF0000000 + n, b"\2\0\0\0\0\2"))
        at = n * 5_000.0
        for number in range(syns):
            link.c(at + number * 1_000, "S", 0)
        at += (syns - 1) * 1_000
        link.s(at + 1, answer, 0, 1)
        link.c(at + 1 + after, flags, 1, ack)
    return tell(wire, want_all=False)


def test_a_check_may_spare_the_last_step_of_the_handshake() -> None:
    assert counts(half_open()) == (TOLD, CONNECTIONS - TOLD, 0)


@pytest.mark.parametrize(
    "other",
    [{"flags": "R"}, {"ack": 0}, {"answer": "A", "ack": 0}, {"syns": 2}, {"after": 900.0}],
    ids=str,
)
def test_any_other_end_of_a_handshake_is_told(other: dict[str, Any]) -> None:
    assert counts(half_open(**other)) == (CONNECTIONS, 0, 0)


def test_there_is_a_bound_for_all_callers() -> None:
    wire = Wire()
    callers, connections = 126, 8
    for n in range(callers * connections):
        address = f"10.0.{n % callers // 100}.{n % callers % 100 + 1}"
        client = End(address, 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        server = End("10.1.0.2", 80, 0x9000 + n * 104_729, b"\2\0\0\0\0\2")
        link = Link(wire, client, server)
        link.handshake(n * 100.0)
        scenes.aborts(link, n * 100.0 + 20)
    told = tell(wire, want_all=False)
    assert len(told.stories) == 1_000
    assert told.tracker.endings.healthy == callers * connections - 1_000


def test_points_are_compared_by_all_of_them() -> None:
    def keep(tracker: Tracker) -> None:
        from pcapdiag.flow.prints import PrintTable

        tracker.endings.keep_prints = PrintTable()

    wire = Wire()
    for n in range(CONNECTIONS):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        link = Link(wire, client, End("10.0.0.2", 80, 0x9000 + n * 104_729, b"\2\0\0\0\0\2"))
        link.handshake(n * 1_000.0)
        scenes.aborts(link, n * 1_000.0 + 20)
    assert len(tell(wire, want_all=False, prepare=keep).stories) == CONNECTIONS


def test_a_report_counts_the_resets_of_all(tmp_path: Path) -> None:
    wire = Wire()
    for n in range(CONNECTIONS + 20):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        link = Link(wire, client, End("10.0.0.2", 80, 0x9000 + n * 104_729, b"\2\0\0\0\0\2"))
        link.handshake(n * 1_000.0)
        scenes.meets_late_close(link, n * 1_000.0 + 20)
    capture = wire.save(tmp_path / "resets.pcap")
    everything = AnalyzeOptions(all_connections=True)
    quick = pcapdiag.analyze(capture)
    whole = pcapdiag.analyze(capture, options=everything)
    assert quick.summary.resets == whole.summary.resets == {"proxy": 2 * (CONNECTIONS + 20)}
    assert quick.summary.by_verdict == whole.summary.by_verdict == {"ok": CONNECTIONS + 20}


@pytest.mark.once  # Compiled, the limit is C's own.
def test_resets_of_endpoints_beyond_the_limit_are_counted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire()
    for n in range(5 * CONNECTIONS):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        link = Link(wire, client, End("10.0.0.2", 80, 0x9000 + n * 104_729, b"\2\0\0\0\0\2"))
        link.handshake(n * 1_000.0)
        scenes.aborts(link, n * 1_000.0 + 20)
    monkeypatch.setattr("pcapdiag.flow.table.MAX_ENDPOINTS", 0)
    found = pcapdiag.analyze(wire.save(tmp_path / "many.pcap"))
    assert sum(found.summary.resets.values()) == 5 * CONNECTIONS
