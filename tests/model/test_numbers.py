"""Numbers in packets; the C twins of these functions run in the compiled tests of their users."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapdiag.model.numbers import big16, big32, big64, copy, distance, little32

pytestmark = pytest.mark.once


@given(st.binary(min_size=8, max_size=16), st.integers(0, 8))
def test_bytes_become_the_number_that_they_are_in_their_order(data: bytes, at: int) -> None:
    data += bytes(8)
    assert big16(data, at) == int.from_bytes(data[at : at + 2], "big")
    assert big32(data, at) == int.from_bytes(data[at : at + 4], "big")
    assert big64(data, at) == int.from_bytes(data[at : at + 8], "big")
    assert little32(data, at) == int.from_bytes(data[at : at + 4], "little")


@given(st.integers(0, 0xFFFFFFFF), st.integers(-0x80000000, 0x7FFFFFFF))
def test_distance_is_what_was_added_modulo_the_sequence_space(start: int, step: int) -> None:
    assert distance((start + step) & 0xFFFFFFFF, start) == step


def test_copy_changes_nothing_but_its_target() -> None:
    target = bytearray(b"........")
    copy(target, 2, b"abcdef", 1, 3)
    assert target == b"..bcd..."
