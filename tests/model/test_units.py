"""Report times to nanoseconds and back, without rounding."""

from __future__ import annotations

import pytest

from pcapdiag.model.units import format_seconds, parse_seconds


@pytest.mark.parametrize("ns", [0, 1, -1, 1_700_000_000_123_456_789, 2**63, -(10**9)])
def test_nothing_is_rounded(ns: int) -> None:
    assert parse_seconds(format_seconds(ns)) == ns


def test_what_is_no_number_is_refused() -> None:
    for text in ("x", "1.x", "1e5", "\u0661"):
        with pytest.raises(ValueError, match="not a number"):
            parse_seconds(text)
