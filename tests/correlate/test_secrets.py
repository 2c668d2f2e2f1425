"""Key log files: whole ones, and those that still grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag.correlate import secrets
from pcapdiag.correlate.secrets import KeyLogFile
from pcapdiag.errors import UsageError
from pcapdiag.protocols.tls.keylog import KeyLog

pytestmark = pytest.mark.once

LINES = [f"CLIENT_RANDOM {bytes([n] * 32).hex()} {bytes(48).hex()}\n" for n in range(3)]


def test_a_last_line_counts_without_its_end(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text("".join(LINES).rstrip())
    keys = KeyLog()
    KeyLogFile(str(path), keys)
    assert len(keys) == 3


def test_a_file_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "LOOK_EVERY", 0)
    path = tmp_path / "keys.txt"
    path.write_text("")
    keys = KeyLog()
    file = KeyLogFile(str(path), keys)
    whole = "".join(LINES)
    for end in range(0, len(whole) + 1, 13):
        path.write_text(whole[:end])
        file.look_again()
        assert len(keys) >= whole[:end].count("\n")
    path.write_text(whole)
    file.look_again()
    assert len(keys) == 3
    assert keys.problems == []


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        KeyLogFile(str(tmp_path / "none.txt"), KeyLog())
