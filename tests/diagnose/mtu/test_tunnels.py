"""Which tunnel explains an MTU."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.mtu.tunnels import explain

pytestmark = pytest.mark.once


def test_a_narrow_bracket_names_the_tunnel() -> None:
    assert "VXLAN" in explain(1445, 1460)
    assert "WireGuard" in explain(1420, 1421)


def test_a_size_that_two_things_make_names_both() -> None:
    """In a capture of 6in4 the inner packets' 1460 are no cloud's."""
    assert "6in4" in explain(1460, 1461)
    assert "GCP" in explain(1460, 1461)
    assert "PPPoE" in explain(1472, 1473)


def test_a_wide_one_names_none() -> None:
    assert explain(352, 1500) == ""
    assert explain(1301, 1302) == ""
