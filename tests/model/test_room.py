"""Room that the system gives page by page."""

from __future__ import annotations

import mmap
from typing import Literal

import pytest

from pcapdiag.model.room import MAPPED, byte_room, number_room


@pytest.mark.parametrize("size", [0, 1, MAPPED - 1, MAPPED, MAPPED + 1])
def test_bytes_are_zero_and_can_be_written(size: int) -> None:
    room = byte_room(size)
    assert bytes(room) == bytes(size)
    if size:
        room[size - 1] = 255
        assert bytes(room[size - 1 :]) == b"\xff"


@pytest.mark.parametrize(("code", "width"), [("i", 4), ("I", 4), ("q", 8), ("Q", 8)])
@pytest.mark.parametrize("count", [0, 3, MAPPED])
def test_numbers(code: Literal["i", "I", "q", "Q"], width: int, count: int) -> None:
    room = number_room(count, code)
    assert (len(room), room.itemsize, room.format, sum(room)) == (count, width, code, 0)


def test_another_process_does_not_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    flags: list[int] = []
    original = mmap.mmap

    def mapped(number: int, size: int, *more: int) -> mmap.mmap:
        flags.extend(more)
        return original(number, size, *more)

    monkeypatch.setattr(mmap, "mmap", mapped)
    byte_room(MAPPED)
    if hasattr(mmap, "MAP_PRIVATE"):
        assert flags[0] & mmap.MAP_PRIVATE
        assert not flags[0] & mmap.MAP_SHARED


def test_no_room_is_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: int) -> mmap.mmap:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(mmap, "mmap", refused)
    with pytest.raises(MemoryError, match="Cannot allocate"):
        byte_room(MAPPED)
