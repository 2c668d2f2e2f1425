"""The measured section of docs/attribution.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from failurelab.truth import ROOT
from pcapdiag.diagnose.attribution.fitted import Fitted
from pcapdiag.diagnose.attribution.ratios import RATIOS
from ratiofit.estimate import Counts, expected
from ratiofit.evaluate import Bin, Quality

PAGE = ROOT / "docs" / "attribution.md"
RATIOS_MARKS = ("<!-- fitted: scripts/fit --write -->", "<!-- end of fitted -->")
QUALITY_MARKS = ("<!-- measured: scripts/fit --write -->", "<!-- end of measured -->")


def write_page(ratios: str, measured: str) -> None:
    """Replace both marked sections."""
    text = PAGE.read_text(encoding="utf-8")
    for (start, end), section in ((RATIOS_MARKS, ratios), (QUALITY_MARKS, measured)):
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n\n{section}\n\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(text, encoding="utf-8")


def ratio_table(fitted: Mapping[str, Fitted], counts: Mapping[str, Counts]) -> str:
    """Judgement, fitted ratio and counts of every signal that the lab has shown."""
    lines = [
        "| seen in the lab | judged | fitted | where true | where not | expected there |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in fitted.items():
        wanted = expected(RATIOS[name], counts[name])
        lines.append(
            f"| {name} | {RATIOS[name].ratio:g} | {row.ratio:g} | {row.seen_true:g} of {row.true} "
            f"| {row.seen_false:g} of {row.false} | {wanted:.1f} |"
        )
    return "\n".join(lines)


def quality_text(sets: Sequence[tuple[str, Quality]]) -> str:
    """A list of shares and a table of reliability for each set."""
    return "\n\n".join(_one(title, found) for title, found in sets)


def _one(title: str, found: Quality) -> str:
    share = 100 * found.right / max(1, found.judged)
    lines = [
        f"**{title}**, {found.scenarios} scenarios: side right in {share:.1f} % "
        f"({found.right} of {found.judged}) where it can be told, "
        f"wrong names: {len(found.wrong)}, with a confidence of 0.9 or more: "
        f"{len(found.confident_wrong)}. Brier score: sides {found.sides_brier:.4f}, "
        f"senders of RSTs {found.senders_brier:.4f}.",
        "",
        "| confidence | sides | mean | right | RSTs | mean | right |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lows = sorted({one.low for one in (*found.sides, *found.senders)})
    for low in lows:
        sides = next((one for one in found.sides if one.low == low), None)
        senders = next((one for one in found.senders if one.low == low), None)
        high = (sides or senders or Bin(low, 1.0, 0, 0, 0)).high
        note = " (nobody named)" if high <= 0.8 else ""
        lines.append(f"| {low:g} to {high:g}{note} | {_cells(sides)} | {_cells(senders)} |")
    return "\n".join(lines)


def _cells(one: Bin | None) -> str:
    return f"{one.count} | {one.mean:.3f} | {one.right:.3f}" if one else "0 | | "
