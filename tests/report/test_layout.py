"""Lines of words are broken as textwrap breaks them."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapdiag.report.layout import LABEL_WIDTH, Page

pytestmark = pytest.mark.once

WORDS = st.lists(st.text("abc:-", min_size=1, max_size=40), min_size=1, max_size=30)
GAPS = st.sampled_from([" ", "  ", "\t", " \u00e9 "])


@given(WORDS, GAPS, st.integers(40, 120))
def test_labelled_text(words: list[str], gap: str, width: int) -> None:
    text = gap.join(words)
    usual = textwrap.wrap(text, width - LABEL_WIDTH, break_on_hyphens=False)
    assert [line[LABEL_WIDTH:] for line in Page(width).labelled("WHO", text)] == usual


@given(WORDS, st.integers(40, 120))
def test_text_beside_a_number(words: list[str], width: int) -> None:
    lines = list(Page(width).with_right("WHO", " ".join(words), "0.99"))
    assert lines[0].endswith("0.99")
    assert len(lines[0]) == width


def test_a_number_stays_with_its_unit() -> None:
    text = f"{'x' * 30} 5 ms {'y' * 20}"
    assert [line[LABEL_WIDTH:] for line in Page(40).labelled("WHO", text)] == [
        "x" * 30,
        f"5 ms {'y' * 20}",
    ]
