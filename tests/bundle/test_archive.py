"""The zip file, and the key's file."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from pcapdiag.bundle.archive import is_safe_name, packed
from pcapdiag.bundle.key import key_from, new_key
from pcapdiag.errors import OutputError, UsageError

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/passwd",
        "a/../../b",
        "C:\\x",
        "a\\..\\b",
        "",
        ".hidden",
        "a//b",
        "a\nb",
        "-o",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    assert not is_safe_name(name)
    with pytest.raises(ValueError, match="not a name"):
        packed({name: b""})


def test_same_members_same_bytes_and_no_time_of_making() -> None:
    members = {"README.md": b"one", "charts/stream-1.png": b"two"}
    assert packed(members) == packed(dict(members))
    with zipfile.ZipFile(io.BytesIO(packed(members))) as file:
        assert file.namelist() == [*members]
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert file.read("charts/stream-1.png") == b"two"


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "team.key"
    key = key_from(str(path))
    assert len(key) == 32
    assert key_from(str(path)) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert new_key() != new_key()


def test_what_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("not a key\n")
    with pytest.raises(UsageError, match="not a key"):
        key_from(str(path))
    assert path.read_text() == "not a key\n"
    with pytest.raises(OutputError, match="cannot write"):
        key_from(str(tmp_path / "none" / "key"))
