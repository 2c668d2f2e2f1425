"""Filters: values of one option are alternatives, options add up."""

from __future__ import annotations

from typing import TypedDict, Unpack

import pytest

from pcapdiag.correlate.selection import Selection
from pcapdiag.model.options import AnalyzeOptions, EndPattern, TimeBound
from tests.report.fabricate import START, refused

NS = 1_000_000_000


class Filters(TypedDict, total=False):
    """Of ``AnalyzeOptions``: what chooses connections."""

    hosts: tuple[EndPattern, ...]
    ports: tuple[int, ...]
    nets: tuple[EndPattern, ...]
    streams: tuple[int, ...]
    time_from: TimeBound | None
    time_to: TimeBound | None


def chosen(**options: Unpack[Filters]) -> bool:
    selection = Selection.from_options(AnalyzeOptions(**options), START * NS)
    return selection.matches(refused())


def ends(*texts: str) -> tuple[EndPattern, ...]:
    return tuple(EndPattern.parse(text) for text in texts)


def test_no_option_takes_all() -> None:
    assert chosen()


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("10.0.2.7", True), ("10.0.1.5", True), ("10.0.2.7:8443", True), ("10.0.2.7:40017", False),
        ("10.0.2.8", False), ("10.0.2.0/24", True), ("::1", False), ("[::1]:8443", False),
    ],
)  # fmt: skip
def test_host(host: str, taken: bool) -> None:
    assert chosen(hosts=ends(host)) is taken


def test_values_of_one_option_are_alternatives_and_options_add_up() -> None:
    assert chosen(hosts=ends("1.1.1.1", "10.0.2.7"))
    assert not chosen(hosts=ends("10.0.2.7"), nets=ends("192.168.0.0/16"))
    assert chosen(ports=(1, 8443), streams=(17,))
    assert not chosen(ports=(8443,), streams=(18,))
    assert not chosen(ports=(1,))


@pytest.mark.parametrize(
    ("first", "last", "taken"),
    [
        (None, TimeBound(NS, True), False),
        (None, TimeBound(2 * NS, True), True),
        (TimeBound(2 * NS, True), None, False),
        (TimeBound((START + 1) * NS), TimeBound((START + 2) * NS), True),
    ],
)
def test_times(first: TimeBound | None, last: TimeBound | None, taken: bool) -> None:
    assert chosen(time_from=first, time_to=last) is taken


@pytest.mark.parametrize(
    "text", ["", "host", "10.0.0.1:0", "10.0.0.1:x", "[::1", "[::1]x", "1.2.3", "::1/129"]
)
def test_what_is_no_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        EndPattern.parse(text)
