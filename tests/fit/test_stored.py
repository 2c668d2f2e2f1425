"""The stored table is what the captures give, and the page shows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from failurelab.truth import ROOT
from pcapdiag.diagnose.attribution.fitted import FITTED, Fitted
from pcapdiag.diagnose.attribution.ratios import RATIOS
from pcapdiag.diagnose.attribution.signal import _weight, signal
from ratiofit.cases import observe
from ratiofit.estimate import count, fit
from ratiofit.evaluate import Answer, bins, brier
from ratiofit.page import RATIOS_MARKS
from ratiofit.stored import differences


def test_the_stored_ratios_are_what_the_captures_give() -> None:
    found = observe("fit")
    assert differences(fit(count(found.cases))) == [], "run scripts/fit --write"


def test_differences_are_those_that_matter() -> None:
    name, row = next(iter(FITTED.items()))
    assert differences(FITTED) == []
    assert differences(FITTED | {name: replace(row, seen_true=row.seen_true + 1)}) == []
    assert differences(FITTED | {name: replace(row, ratio=row.ratio * 2)})[0].startswith(name)
    unseen = next(name for name in RATIOS if name not in FITTED and name != "prior")
    as_judged = replace(row, ratio=RATIOS[unseen].ratio)
    assert differences(FITTED | {unseen: as_judged}) == []
    assert differences(FITTED | {unseen: replace(as_judged, ratio=500.0)})[0].startswith(unseen)


@pytest.fixture
def weighed_anew() -> Iterator[None]:
    _weight.cache_clear()
    yield
    _weight.cache_clear()


@pytest.mark.usefixtures("weighed_anew")
def test_a_signal_weighs_what_was_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FITTED, "ttl_same", Fitted(10.0, 1, 1, 0, 0))
    assert signal("ttl_same", "responder", "").weight == pytest.approx(1)
    assert signal("ttl_same", "responder", "", confounded=True).weight == pytest.approx(0.301, 0.01)
    monkeypatch.delitem(FITTED, "ttl_same")
    _weight.cache_clear()
    assert 10 ** signal("ttl_same", "responder", "").weight == pytest.approx(
        RATIOS["ttl_same"].ratio
    )


def test_every_fitted_ratio_is_on_the_page() -> None:
    page = (ROOT / "docs" / "attribution.md").read_text(encoding="utf-8")
    start, end = RATIOS_MARKS
    section = page.partition(start)[2].partition(end)[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines()]
    shown = {row[0]: (row[1], row[2]) for row in rows if row and row[0] in RATIOS}
    assert shown == {
        name: (f"{RATIOS[name].ratio:g}", f"{row.ratio:g}") for name, row in FITTED.items()
    }


def test_bins_and_brier_score() -> None:
    answers = [Answer(0.85, True), Answer(0.87, False), Answer(1.0, True)]
    first, last = bins(answers)
    assert (first.low, first.high, first.count, first.right) == (0.8, 0.9, 2, 0.5)
    assert (last.count, last.right) == (1, 1)
    assert brier([Answer(0.8, True), Answer(0.6, False)]) == pytest.approx(0.2)
