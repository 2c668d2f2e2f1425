"""Tables that do not grow with the capture: what finds no room in them is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


def entry(table: dict[_K, _V], key: _K, most: int, make: Callable[[], _V]) -> _V | None:
    """Return what a table has under a key, made anew where there is room; None where not."""
    found = table.get(key)
    if found is None and len(table) < most:
        found = table[key] = make()
    return found
