"""Time along a chart: linear, pauses cut out, marks at round numbers."""

from __future__ import annotations

import pytest

from pcapdiag.report.charts.moments import moments
from pcapdiag.report.charts.panel import _scale
from pcapdiag.report.charts.time_axis import number_labels, round_numbers, time_axis
from pcapdiag.report.clock import Clock

pytestmark = pytest.mark.once

EXCHANGE = [0.0, 0.01, 0.02, 0.03]


def test_a_long_pause_is_cut_out_and_the_rest_is_linear() -> None:
    axis = time_axis([*EXCHANGE, 350.0, 350.01])
    (pause,) = axis.pauses
    assert (pause.first, pause.last) == (0.03, 350.0)
    assert axis.place(350.0) - axis.place(0.03) == pytest.approx(0.07)
    step = axis.place(0.01) - axis.place(0.0)
    assert axis.place(0.03) - axis.place(0.02) == pytest.approx(step)
    assert axis.place(350.01) - axis.place(350.0) == pytest.approx(step)
    assert 0 < axis.place(0.0) < axis.place(350.01) < 1


@pytest.mark.parametrize("moment", [0.0, 0.004, 0.03, 12.0, 350.0, 350.01])
def test_matplotlib_s_scale_is_the_same_axis_and_turns_back(moment: float) -> None:
    axis = time_axis([*EXCHANGE, 350.0, 350.01])
    forward, back = _scale(axis)
    assert float(forward(moment)) == pytest.approx(axis.place(moment))
    assert float(back(forward(moment))) == pytest.approx(moment)
    assert axis.time(axis.place(moment)) == pytest.approx(moment)


def test_growing_waits_between_repeats_are_no_pauses() -> None:
    assert time_axis([0, 1, 3, 7, 15, 31]).pauses == []
    assert time_axis([*EXCHANGE, 0.23, 0.63, 1.43, 3.03, 6.23, 12.63]).pauses == []


def test_a_pause_below_a_second_is_not_cut_out() -> None:
    assert time_axis([*EXCHANGE, 0.99, 1.0]).pauses == []


def test_one_packet_between_two_pauses_keeps_its_place() -> None:
    axis = time_axis([*EXCHANGE, 0.031, 0.032, 0.033, 100.0, 200.0, 200.01])
    assert [(p.first, p.last) for p in axis.pauses] == [(0.033, 100.0), (100.0, 200.0)]
    places = [axis.place(time) for time in (0.033, 100.0, 200.0, 200.01)]
    assert places == sorted(set(places))
    ticks, labels = axis.ticks(600)
    assert ticks == sorted(ticks)
    assert "100 s" in labels


@pytest.mark.parametrize("times", [[], [0.0], [5.0, 5.0, 5.0], [0.0, 90.0]])
def test_few_packets_have_an_axis_too(times: list[float]) -> None:
    axis = time_axis(times)
    first, last = axis.limits
    assert first < axis.first <= axis.last < last
    ticks, labels = axis.ticks(500)
    assert len(ticks) == len(labels) > 0


def test_round_numbers_and_their_words() -> None:
    assert round_numbers(0, 0.05, 5) == pytest.approx([0, 0.01, 0.02, 0.03, 0.04, 0.05])
    assert round_numbers(3, 3, 4) == [3]
    assert number_labels([0, 0.0005]) == ["0", "500 \u00b5s"]
    assert number_labels([0, 0.05, 0.1]) == ["0", "50 ms", "100 ms"]
    assert number_labels([350.005, 350.01]) == ["350.005 s", "350.010 s"]
    assert number_labels([0, 1800, 3600]) == ["0", "30 min", "60 min"]


def test_times_of_day_at_round_moments() -> None:
    start = "1700000000.400000000"  # 22:13:20.4
    ticks, labels = moments(Clock("utc", start), start, 10, 5)
    assert labels == ["22:13:22", "22:13:24", "22:13:26", "22:13:28", "22:13:30"]
    assert ticks[0] == pytest.approx(1.6)
    assert moments(Clock("utc", start), start, 0.4, 4)[1][0] == "22:13:20.400"
    assert moments(Clock("utc", start), start, 3 * 86400, 4)[1][0] == "2023-11-15"
    assert moments(Clock("relative", start), start, 10, 5) == (
        [0, 2, 4, 6, 8, 10],
        ["0", "2 s", "4 s", "6 s", "8 s", "10 s"],
    )
    assert moments(Clock("utc", start), start, 0.0005, 5)[1][1] == "100 \u00b5s"
