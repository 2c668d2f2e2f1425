"""The stored table: read, compared, written."""

from __future__ import annotations

from collections.abc import Mapping

from failurelab.truth import ROOT
from pcapdiag.diagnose.attribution.fitted import FITTED, Fitted

FILE = ROOT / "pcapdiag" / "diagnose" / "attribution" / "fitted.py"
START = "FITTED: dict[str, Fitted] = {"
TOLERANCE = 0.1
"""Share by which a ratio may move before the table counts as old: other work moves the counts."""


def differences(fresh: Mapping[str, Fitted]) -> list[str]:
    """What the stored table has other than what the captures give."""
    found = []
    for name in dict.fromkeys([*FITTED, *fresh]):
        stored, now = FITTED.get(name), fresh.get(name)
        if stored is None or now is None:
            found.append(f"{name}: {_text(stored)} is stored, the captures give {_text(now)}")
        elif abs(stored.ratio - now.ratio) > TOLERANCE * stored.ratio:
            found.append(f"{name}: {stored.ratio:g} is stored, the captures give {now.ratio:g}")
    return found


def write(fresh: Mapping[str, Fitted]) -> None:
    """Put the table into its module."""
    text = FILE.read_text(encoding="utf-8")
    head = text[: text.index(START)]
    rows = "".join(
        f'    "{name}": Fitted({", ".join(str(value) for value in row)}),\n'
        for name, row in fresh.items()
    )
    FILE.write_text(f"{head}{START}\n{rows}}}\n", encoding="utf-8")


def _text(row: Fitted | None) -> str:
    return "nothing" if row is None else f"{row.ratio:g}"
