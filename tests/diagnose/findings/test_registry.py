"""All finders see every connection of a report and change none."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.registry import Finders
from tests.report.fabricate import healthy

pytestmark = pytest.mark.once


def test_connections_pass_by_unchanged() -> None:
    connections = [healthy(), healthy()]
    assert list(Finders().watch(connections)) == connections
