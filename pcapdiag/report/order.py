"""In which order failures are told: what a client met first, and right behind it what caused it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pcapdiag.model.report import Connection, Group


def told_order(groups: Sequence[Group], cause_of: Mapping[int, int]) -> list[int]:
    """Return the numbers of groups as they are told.

    The order stays as it is, save that a group whose cause on another leg is known comes just
    before the group of that cause.
    """
    effects_of: dict[int, list[int]] = {}
    for effect, cause in cause_of.items():
        effects_of.setdefault(cause, []).append(effect)
    order: list[int] = []
    for number in range(len(groups)):
        cause = cause_of.get(number, number)
        for one in (*effects_of.get(cause, ()), cause):
            if one not in order:
                order.append(one)
    return order


def causes(groups: Sequence[Group], samples: Mapping[int, Connection]) -> dict[int, int]:
    """Return the group of the cause by the group of the effect, where both are told.

    ``samples`` has a connection of each group that is. What causes another is told as a cause,
    whatever caused it.
    """
    by_stream = {
        (group.point, stream): n for n, group in enumerate(groups) for stream in group.streams
    }
    found: dict[int, int] = {}
    for number, sample in samples.items():
        last = sample.causes[-1] if sample.causes else None
        cause = by_stream.get((last.point, last.stream)) if last else None
        if cause is not None and cause in samples and cause != number and cause not in found:
            found[number] = cause
    return found
