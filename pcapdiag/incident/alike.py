"""What the decisive resets of a group share: how far away, after how long, which window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from pcapdiag.diagnose.attribution.ttl import hops
from pcapdiag.model.report import Connection, ResetSigns

MAX_VALUES = 16
"""Different values of one kind that are told apart in one group."""
NEARLY_ALL = 0.9
"""Share of the resets that must have a value for it to be the group's: routes change."""


_T = TypeVar("_T", int, str)


class Alike(msgspec.Struct):
    """Collects the decisive resets of one group, one by one, in bounded memory."""

    resets: int = 0
    ttls: Counter[int] = msgspec.field(default_factory=Counter)
    windows: Counter[int] = msgspec.field(default_factory=Counter)
    texts: Counter[str] = msgspec.field(default_factory=Counter)
    idle: int = 0
    shortest: float = 0.0
    longest: float = 0.0

    def add(self, connection: Connection) -> None:
        """Take up a connection's decisive reset, if it has one."""
        reset = connection.decisive_reset
        if reset is None:
            return
        self.resets += 1
        _count(self.ttls, reset.ttl)
        _count(self.windows, reset.window)
        _count(self.texts, reset.text or "")
        if reset.quiet is not None:
            self._idle(1, reset.quiet, reset.quiet)

    def join(self, other: Alike) -> None:
        """Take up another group's."""
        self.resets += other.resets
        self.ttls.update(other.ttls)
        self.windows.update(other.windows)
        self.texts.update(other.texts)
        if other.idle:
            self._idle(other.idle, other.shortest, other.longest)

    def signs(self) -> ResetSigns | None:
        """Return what nearly all of them share; None without any reset."""
        if not self.resets:
            return None
        ttl = _shared(self.ttls, self.resets)
        found = ResetSigns(
            resets=self.resets, ttl=ttl, hops=None if ttl is None else hops(ttl), idle=self.idle
        )
        found.window = _shared(self.windows, self.resets) or None
        found.text = _shared(self.texts, self.resets) or None
        if self.idle:
            found.idle_shortest, found.idle_longest = self.shortest, self.longest
        return found

    def _idle(self, count: int, shortest: float, longest: float) -> None:
        self.shortest = min(shortest, self.shortest) if self.idle else shortest
        self.longest = max(longest, self.longest)
        self.idle += count


def joined(parts: Iterable[Alike]) -> Alike:
    """Return what several groups share."""
    whole = Alike()
    for part in parts:
        whole.join(part)
    return whole


def _count(values: Counter[_T], value: _T) -> None:
    if value in values or len(values) < MAX_VALUES:
        values[value] += 1


def _shared(values: Counter[_T], total: int) -> _T | None:
    value, count = values.most_common(1)[0]
    return value if count >= NEARLY_ALL * total else None
