"""path.lost_between: what left one point and never reached the next."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.lost_between import LostBetween
from pcapdiag.diagnose.points import judge_points
from pcapdiag.model.points import Span
from pcapdiag.model.report import Finding
from tests.correlate.road import MS, START, Road
from tests.diagnose.points.scene import opinions

pytestmark = pytest.mark.once


def found(*roads: Road, spans: list[Span] | None = None) -> list[Finding]:
    watch = LostBetween()
    for road in roads:
        way = road.way(spans)
        watch.look(way, judge_points(way.journey, opinions(road), way.labels))
    return watch.findings()


def healthy(lost: int = 0, **changes: object) -> Road:
    """An answer of ten segments, the first of which is lost so often and sent again."""
    road = Road(**changes)  # type: ignore[arg-type]
    road.handshake()
    road.c(40, "PA", 1, 1, 100)
    road.s(50, "A", 1, 101)
    for nth in range(lost):
        road.s(60 + nth, "PA", 1, 101, 1000, seen=(road.points - 1,))
    for part in range(10):
        road.s(300 + part, "PA", 1 + 1000 * part, 101, 1000)
    road.c(330, "A", 101, 10001)
    road.c(340, "FA", 101, 10001)
    road.s(350, "FA", 10001, 102)
    road.c(360, "A", 102, 10002)
    return road


def test_nothing_is_said_where_all_arrived() -> None:
    assert found(healthy(), healthy()) == []


def test_losses_that_were_repaired() -> None:
    (finding,) = found(healthy(), healthy(lost=3))
    assert (finding.code, finding.severity, finding.point) == (
        "path.lost_between", "warning", "proxy",
    )  # fmt: skip
    assert finding.title == "packets got lost between proxy and client, on their way to client"
    numbers = finding.numbers
    assert (numbers["passed"], numbers["lost"], numbers["lost_bytes"]) == (27, 3, 3000)
    assert (numbers["connections"], numbers["hit"], numbers["failed"]) == (2, 1, 0)
    assert numbers["delay"] == pytest.approx(0.005, abs=0.0002)
    assert finding.streams == [7]
    assert finding.frames == [6, 7, 8]
    assert finding.addresses == ["10.0.0.2", "10.0.0.1"]


def test_a_single_loss_may_be_an_artefact() -> None:
    assert found(healthy(lost=1)) == []


def test_of_three_points_the_stretch_is_named() -> None:
    road = healthy(points=3)
    for nth in range(3):
        road.c(500 + nth, "PA", 200, 10002, 50, seen=(0, 1))
    (finding,) = found(road)
    assert (finding.point, "and upstream" in finding.title) == ("proxy", True)


def test_what_a_failure_rests_on_is_told_at_once() -> None:
    road = Road(reach=("seen", "port"), known_order=(0, 1))
    for at in (0, 1000, 2000, 3000):
        road.c(at, "S", 0, seen=(0,))
    (finding,) = found(road)
    assert (finding.severity, finding.numbers["failed"]) == ("failure", 1)
    assert "4 of 4 segments (100.0%) never arrived" in finding.detail


def test_what_a_device_answered_was_not_lost() -> None:
    road = Road()
    road.handshake()
    for at in (40, 41, 42):
        road.c(at, "PA", at - 39, 1, 1, seen=(0,))
    road.s(43, "RA", 1, 4, seen=(0,))
    road.s(900, "A", 1, 1)
    assert found(road) == []


def test_a_capture_that_was_not_running_lost_nothing() -> None:
    spans = [Span(START, START + 60 * MS, outlived_by=(1, 2)), Span(START, START + 9000 * MS)]
    assert found(healthy(lost=3), spans=spans) == []
