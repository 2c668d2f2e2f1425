"""What the probe's tests share: an authority, and short waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from failurelab.certs import Authority
from pcapdiag.probe import checks, connection

SHORT = 0.1
"""Seconds in the place of waits that are for servers far away."""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "GREETING", SHORT)
    monkeypatch.setattr(checks, "AFTER_HANDSHAKE", SHORT)
    monkeypatch.setattr(connection, "FAREWELL", SHORT)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
