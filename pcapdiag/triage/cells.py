"""From the lines of a capture to the cells of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from pcapdiag.model.units import parse_seconds
from pcapdiag.triage.columns import Column

Cell = str | int | float | bool | None | list[str] | list[int]
Members = Mapping[str, object]
"""A JSON object, as it is decoded."""

NS_PER_US = 1_000


def cells(columns: tuple[Column, ...], line: Members) -> list[Cell]:
    """Return a line's values in the order of columns."""
    return [_CONVERT[column.kind](_value(_steps(column.source), line)) for column in columns]


@cache
def _steps(source: str) -> tuple[str | int, ...]:
    """Split ``a.b[-1].c`` and ``a.b#`` into members, places and what is done with a list."""
    steps: list[str | int] = []
    for part in source.split("."):
        name, bracket, place = part.partition("[")
        counts = name.endswith("#")
        steps.append(name.removesuffix("#"))
        if counts:
            steps.append("#")
        if bracket:
            steps.append(int(place[:-1]) if place != "]" else "[]")
    return tuple(steps)


def _value(steps: tuple[str | int, ...], value: object) -> object:
    for number, step in enumerate(steps):
        if step == "#":
            return len(value) if isinstance(value, list) else 0
        if step == "[]":
            items = value if isinstance(value, list) else []
            return [_value(steps[number + 1 :], item) for item in items]
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and value else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _time(value: object) -> Cell:
    return parse_seconds(value) // NS_PER_US if isinstance(value, str) and value else None


def _nanoseconds(value: object) -> Cell:
    return parse_seconds(value) if isinstance(value, str) and value else None


def _text(value: object) -> Cell:
    return value if isinstance(value, str) else None


def _integer(value: object) -> Cell:
    return value if isinstance(value, int) else None


def _number(value: object) -> Cell:
    return float(value) if isinstance(value, int | float) else None


def _flag(value: object) -> Cell:
    return value if isinstance(value, bool) else None


def _texts(value: object) -> Cell:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _integers(value: object) -> Cell:
    return [item for item in value if isinstance(item, int)] if isinstance(value, list) else []


_CONVERT: dict[str, Callable[[object], Cell]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "flag": _flag,
    "time": _time,
    "nanoseconds": _nanoseconds,
    "texts": _texts,
    "integers": _integers,
}
