"""The command: fit, check, write."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from ratiofit.cases import FOLDS, observe
from ratiofit.estimate import count, fit
from ratiofit.evaluate import Quality, cross_validated, quality
from ratiofit.page import quality_text, ratio_table, write_page
from ratiofit.stored import differences, write


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit and print; 1 when ``--check`` finds the stored table old."""
    options = _parser().parse_args(arguments)
    fresh = observe("fit", jobs=options.jobs)
    counts = count(fresh.cases)
    fitted = fit(counts)
    if options.check:
        old = differences(fitted)
        print(*(old or ["the stored table is what the captures give"]), sep="\n")
        return int(bool(old))
    if options.write:
        write(fitted)
    tables = ratio_table(fitted, counts)
    validated = cross_validated(fresh.cases, options.jobs)
    apart = observe("kept_apart", dict.fromkeys(range(FOLDS), fitted), options.jobs)
    sets = [
        ("Kept apart", quality(apart)),
        ("Used for the fit, by cross-validation", quality(validated)),
    ]
    measured = quality_text(sets)
    print(tables, measured, sep="\n\n")
    _print_wrong(sets)
    skipped = [*fresh.skipped, *apart.skipped]
    if skipped:
        print(f"\n{len(skipped)} captures left out: their command is not there yet")
    if options.write:
        write_page(tables, measured)
    return 0


def _print_wrong(sets: Sequence[tuple[str, Quality]]) -> None:
    for title, found in sets:
        for what, lines in (
            ("confident and wrong", found.confident_wrong),
            ("wrong", found.wrong),
            ("nobody named", found.open),
        ):
            print(f"\n{title}, {what}: {len(lines)}", *lines, sep="\n  ")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/fit", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the table is old")
    parser.add_argument("--write", action="store_true", help="store the table, and the docs' part")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser
