"""The stored table: read, compared, written."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from failurelab.truth import ROOT
from pcapdiag.diagnose.attribution.fitted import FITTED, Fitted
from pcapdiag.diagnose.attribution.ratios import NEUTRAL, RATIOS

FILE = ROOT / "pcapdiag" / "diagnose" / "attribution" / "fitted.py"
START = "FITTED: dict[str, Fitted] = {"
TOLERANCE = 0.1
"""Share by which a ratio may move before the table counts as old: other work moves the counts."""


def differences(fresh: Mapping[str, Fitted]) -> list[str]:
    """Signals that would weigh otherwise if the table were made again."""
    found = []
    for name in dict.fromkeys([*FITTED, *fresh]):
        stored, now = _ratio(name, FITTED), _ratio(name, fresh)
        if abs(stored - now) > TOLERANCE * stored:
            found.append(f"{name}: {stored:g} is used, the captures give {now:g}")
    return found


def write(fresh: Mapping[str, Fitted]) -> None:
    """Put the table into its module."""
    text = FILE.read_text(encoding="utf-8")
    head = text[: text.index(START)]
    rows = "".join(
        f'    "{name}": Fitted({", ".join(map(str, msgspec.structs.astuple(row)))}),\n'
        for name, row in fresh.items()
    )
    FILE.write_text(f"{head}{START}\n{rows}}}\n", encoding="utf-8")


def _ratio(name: str, table: Mapping[str, Fitted]) -> float:
    """What a signal weighs: its judgement, where the table has nothing."""
    if name in table:
        return table[name].ratio
    return RATIOS[name].ratio if name in RATIOS else NEUTRAL
