"""The picture of a whole capture: counts over time, failed connections as bars."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from pcapdiag.model.report import Connection, Report
from pcapdiag.model.report_points import Point
from pcapdiag.report.charts.activity import ALL_POINTS
from pcapdiag.report.charts.canvas import drawing
from pcapdiag.report.charts.failures import MAX_ROWS, failures
from pcapdiag.report.charts.look import Look
from pcapdiag.report.charts.picture import capture_picture
from pcapdiag.report.clock import Clock
from pcapdiag.report.palette import PARTY
from tests.report.charts.made import activity, check_texts, named, points, strokes, texts
from tests.report.fabricate import START, finding, refused, report, seconds, summary_of

pytestmark = pytest.mark.once

LOOK = Look(clock=Clock("utc", seconds(0)))
START_NS = START * 10**9


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with drawing():
        yield


def captured(connections: list[Connection]) -> Report:
    made = report(connections, ok=3)
    made.activity = activity()
    return made


def steps(figure: Figure, gid: str) -> tuple[list[float], list[float]]:
    (patch,) = named(figure, gid)
    assert isinstance(patch, StepPatch)
    values, edges, _ = patch.get_data()
    return list(values), list(edges)


def test_each_count_is_a_row_over_time() -> None:
    figure = capture_picture(captured([refused()]), LOOK)
    assert steps(figure, "0-TCP payload") == (
        [100.0, 0, 200.0, 10.0],
        [0.0, 15.0, 30.0, 45.0, 60.0],
    )
    assert steps(figure, "0-sent again")[0] == [0, 0, 4, 0]
    assert steps(figure, "0-RST")[0] == [1, 0, 1, 0]
    assert steps(figure, "0-failed: upstream")[0] == [1, 0, 2, 0]
    said = texts(figure)
    assert {"1 of 4 connections failed", "up to 200 B/s", "up to 3", "4 in all"} <= set(said)
    assert "22:13:40" in said


def test_what_never_happened_has_no_row() -> None:
    assert "GOAWAY" not in texts(capture_picture(captured([]), LOOK))


def test_parties_have_their_colours() -> None:
    figure = capture_picture(captured([refused()]), LOOK)
    (patch,) = named(figure, "0-failed: upstream")
    assert isinstance(patch, StepPatch)
    assert to_hex(patch.get_facecolor()) == PARTY["upstream"].light


def test_a_failed_connection_is_a_bar_from_its_start_to_its_end() -> None:
    slow = refused(offset=20)
    slow.end = seconds(50)
    figure = capture_picture(captured([slow, refused(18, 10, 9443)]), LOOK)
    assert {"17  10.0.2.7:8443", "18  10.0.2.7:9443", "tcp.connection_refused"} <= set(
        texts(figure)
    )
    assert strokes(figure, "failed-1") == [(20.0, 0, 0)]
    (line,) = named(figure, "failed-1")
    ((first, _), (last, _)) = line.get_segments()[0]  # type: ignore[attr-defined]
    assert (first, last) == (20.0, 50.0)
    assert points(figure, "decided-1") == [(20.00031, 0.5)]


def test_many_failures_share_rows_and_the_rest_is_counted() -> None:
    alike = [refused(n, n / 10, 80) for n in range(100)]
    others = [refused(200 + n, 1, 1000 + n) for n in range(MAX_ROWS + 4)]
    found = failures(captured(alike + others), START_NS)
    assert len(found.rows) == MAX_ROWS
    assert found.rows[0].count == 100
    assert found.rest == "and 5 more failed connections"
    figure = capture_picture(captured(alike + others), LOOK)
    check_texts(figure, 90)
    said = texts(figure)
    assert "100 \u00d7 10.0.2.7:80" in said
    assert found.rest in said


def test_a_connection_before_nat_is_one_bar() -> None:
    twin = refused(18)
    twin.same_as = 17
    assert len(failures(captured([refused(), twin]), START_NS).rows) == 1


def test_findings_stand_below() -> None:
    made = report([], ok=3, findings=[finding()])
    said = " ".join(texts(capture_picture(made, LOOK)))
    assert "10.0.2.7:8443 stopped serving: all 9 connections since" in said


def test_points_are_aligned_by_their_clocks() -> None:
    made = captured([])
    assert made.activity is not None
    late = msgspec.structs.replace(made.activity, start=seconds(100))
    made.points = [
        Point(label="client", files=["c.pcap"], clock_offset=0.0, activity=made.activity),
        Point(label="proxy", files=["p.pcap"], clock_offset=-95.0, activity=late),
        Point(label="far", files=["f.pcap"], activity=late),
    ]
    figure = capture_picture(made, LOOK)
    assert steps(figure, "0-RST")[1][0] == 0.0
    assert steps(figure, "1-RST")[1][0] == pytest.approx(5.0)
    assert {"client", "proxy", "far (clock not compared)"} <= set(texts(figure))


def test_failures_of_several_points_stand_under_none_of_them() -> None:
    made = captured([])
    assert made.activity is not None
    made.points = [
        Point(label="client", files=["c.pcap"], clock_offset=0.0, activity=made.activity),
        Point(label="proxy", files=["p.pcap"], clock_offset=0.0),
    ]
    said = texts(capture_picture(made, LOOK))
    assert said.index("client") < said.index(ALL_POINTS) < said.index("failed: upstream")
    assert ALL_POINTS not in texts(capture_picture(captured([]), LOOK))


def test_bins_too_narrow_to_be_seen_are_joined() -> None:
    made = captured([])
    fine = activity()
    fine.bin = 0.01
    made.points = [
        Point(label="a", files=[], activity=made.activity, clock_offset=0.0),
        Point(label="b", files=[], activity=fine, clock_offset=0.0),
    ]
    figure = capture_picture(made, LOOK)
    assert steps(figure, "1-sent again") == ([4], [0.0, 0.25])
    assert steps(figure, "1-open connections")[0] == [3]
    assert steps(figure, "1-packets")[0] == [100 / 0.25]


@pytest.mark.parametrize("packets", [0, 5])
def test_a_capture_without_anything_has_a_picture(packets: int) -> None:
    made = report([], capture=summary_of("none.pcap", packets=packets))
    assert "no failure in 0 connections" in texts(capture_picture(made, LOOK))
