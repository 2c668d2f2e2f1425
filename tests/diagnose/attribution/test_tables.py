"""docs/attribution.md holds the tables that the code uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag.diagnose.attribution import priors
from pcapdiag.diagnose.attribution.priors import HOST_ANSWERS, Prior
from pcapdiag.diagnose.attribution.ratios import RATIOS, Ratio

pytestmark = pytest.mark.once

ALL_PRIORS = [value for value in vars(priors).values() if isinstance(value, Prior)]
PAGE = Path(__file__).resolve().parents[3] / "docs" / "attribution.md"


def rows() -> dict[str, list[str]]:
    """Every table row of the page, by the name in its first column."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    return {first.strip("`"): rest for first, *rest in cells}


@pytest.mark.parametrize("name", RATIOS)
def test_every_signal_is_on_the_page(name: str) -> None:
    family, ratio, _, why = rows()[name]
    assert Ratio(family, float(ratio), why) == RATIOS[name]


@pytest.mark.parametrize("prior", ALL_PRIORS, ids=lambda p: p.stage)
def test_every_prior_is_on_the_page(prior: Prior) -> None:
    assert rows()[prior.stage] == [f"{prior.end:g}", prior.why]


def test_every_shared_blame_is_on_the_page() -> None:
    page = rows()
    assert {code: float(page[code][0]) for code in HOST_ANSWERS} == HOST_ANSWERS


def test_no_ratio_is_beyond_decisive_and_none_below_one() -> None:
    assert all(1 <= row.ratio <= 1000 for row in RATIOS.values())
