"""Thousands of needles at once, compared with looking for each by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag.sanitize.matcher import CHUNK, Matcher

pytestmark = pytest.mark.once

SOME = st.binary(max_size=10).map(lambda data: bytes(97 + one % 3 for one in data))


@given(st.lists(SOME, max_size=5, unique=True), st.lists(SOME, max_size=40).map(b"".join))
@settings(max_examples=150)
def test_all_are_found(needles: list[bytes], data: bytes) -> None:
    expected = [
        (at, one) for one in needles if one for at in range(len(data)) if data.startswith(one, at)
    ]
    assert sorted(Matcher(needles).find(data)) == sorted(expected)


@pytest.mark.parametrize(
    "at", [0, 1, CHUNK - 7, CHUNK - 6, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 3]
)
def test_across_the_borders_of_what_is_read_together(at: int) -> None:
    data = bytearray(2 * CHUNK + 9)
    data[at : at + 9] = b"a needle!"
    assert list(Matcher([b"a needle!", b"another"]).find(bytes(data))) == [(at, b"a needle!")]


def test_nothing_to_look_for() -> None:
    assert list(Matcher([]).find(b"data")) == []
    assert list(Matcher([b"needle"]).find(b"")) == []
