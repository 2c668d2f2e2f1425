"""Times and durations."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from pcapdiag.diagnose import timing
from pcapdiag.diagnose.attribution import view
from pcapdiag.report.clock import Clock, duration
from pcapdiag.report.points import precise
from pcapdiag.report.words import size


@pytest.fixture
def nepal() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        yield
    time.tzset()


def test_utc_has_a_z_and_the_date_only_where_it_changes() -> None:
    clock = Clock("utc", "1700000000.000000000")
    assert clock.full("1700000000.123456789") == "2023-11-14T22:13:20.123Z"
    assert clock.short("1700000000.123456789") == "22:13:20.123Z"
    assert clock.short("1700006401.000000000") == "2023-11-15T00:00:01.000Z"


@pytest.mark.usefixtures("nepal")
def test_local_time_says_its_zone() -> None:
    clock = Clock("local", "1700000000.000000000")
    assert clock.full("1700000000.500000000") == "2023-11-15T03:58:20.500+0545"


def test_relative_counts_from_the_first_packet() -> None:
    clock = Clock("relative", "1700000000.000000000")
    assert clock.short("1700000090.500000000") == "+90.500 s"
    assert clock.full("1699999999.000000000") == "-1.000 s"


@pytest.mark.parametrize("text", ["18446744073.709551615", "999999999999999.000000000", "-5.0"])
def test_a_time_that_lies_is_still_written(text: str) -> None:
    assert Clock("utc", text).full(text).endswith("Z")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0000004, "0.00 ms"), (0.00031, "0.31 ms"), (0.0421, "42.1 ms"), (4.2, "4.2 s"),
        (0.99949, "999 ms"), (0.99951, "1 s"),
        (60, "1 min"), (725, "12 min 5 s"), (3599.9, "1 h"), (10920, "3 h 2 min"),
    ],
)  # fmt: skip
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (88_888, "88.9 kB"),
        (999_400, "999 kB"),
        (999_600, "1 MB"),
        (1_140_000_000, "1.14 GB"),
        (9e15, "9,000 TB"),
    ],
)
def test_sizes(number: int, words: str) -> None:
    assert size(int(number)) == words


def test_a_detectors_duration_has_no_thousand_of_a_unit() -> None:
    assert timing.duration(999_400_000) == "999 ms"
    assert timing.duration(999_600_000) == "1 s"
    assert view.duration(999_600_000) == "1.0 s"
    assert precise(0.99963) == "1.000 s"
    assert precise(0.00099963) == "1 ms"


def test_a_span_that_reads_the_same_is_one_moment() -> None:
    clock = Clock("utc", "1700000000.000000000")
    first, later = "1700000000.123000000", "1700000000.123400000"
    assert clock.span(first, later) == "at 22:13:20.123Z"
    assert clock.span(first, "1700000001.123000000") == "22:13:20.123Z to 22:13:21.123Z"
