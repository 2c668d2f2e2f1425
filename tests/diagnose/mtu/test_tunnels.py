"""Which tunnel explains an MTU."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.mtu.tunnels import explain

pytestmark = pytest.mark.once


def test_a_narrow_bracket_names_the_tunnel() -> None:
    assert "VXLAN" in explain(1445, 1460)
    assert "WireGuard" in explain(1420, 1421)


def test_a_wide_one_names_none() -> None:
    assert explain(352, 1500) == ""
    assert explain(1301, 1302) == ""
