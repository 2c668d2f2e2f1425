"""Signals as a report shows them."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.attribution.signal import signal

pytestmark = pytest.mark.once


def test_a_frame_is_named_once() -> None:
    found = signal("size_hole", "path", "small ones arrived", (8, 8, 9))
    assert found.evidence().frames == [8, 9]
