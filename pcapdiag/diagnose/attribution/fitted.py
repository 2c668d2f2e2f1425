"""Ratios fitted on the lab's captures by ``scripts/fit --write``, with the counts behind them."""

from __future__ import annotations

from typing import NamedTuple


class Fitted(NamedTuple):
    """A signal's ratio; in how many scenarios of how many it fired where it was true, and not.

    A scenario counts once, with the share of its RSTs (or failures) that showed the signal.
    """

    ratio: float
    seen_true: float
    true: int
    seen_false: float
    false: int


FITTED: dict[str, Fitted] = {}
