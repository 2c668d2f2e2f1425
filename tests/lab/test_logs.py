"""The lab's logs: their times moved, and none of the run's own paths in them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from failurelab.hosts import Process
from failurelab.logs import KeptLog, shifted


@pytest.mark.parametrize(
    ("line", "seconds", "moved"),
    [
        ('[2026-11-29T23:59:58.900Z] "GET', 4.2, '[2026-11-30T00:00:03.100Z] "GET'),
        (
            "10.0.0.1:5 [29/Nov/2026:02:00:00.250] in",
            -7.5,
            "10.0.0.1:5 [29/Nov/2026:01:59:52.750] in",
        ),
        ("- [29/Nov/2026:02:00:00 +0530] -", 60, "- [29/Nov/2026:02:01:00 +0530] -"),
        (
            "2026/11/29 02:00:00 [error] 2026/01/01 00:00:00",
            1,
            "2026/11/29 02:00:01 [error] 2026/01/01 00:00:00",
        ),
        ("at 12:00:00", 5, "at 12:00:00"),
    ],
)
def test_times_are_moved(line: str, seconds: float, moved: str) -> None:
    assert shifted(f"x\n{line}\n", seconds) == f"x\n{moved}\n"


class Ended(Process):
    def __init__(self) -> None:
        self.popen = subprocess.Popen(["true"])
        self.popen.wait()


def test_what_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "raw"
    path.write_bytes(f"2026-11-29T00:00:00.000Z {tmp_path}/x \xff\n".encode("latin-1"))
    log = KeptLog("envoy.log", "envoy", "access", "proxy", path, Ended(), shift=2.0)
    truth = log.store(tmp_path)
    assert truth is not None
    assert (truth.offset, truth.notes) == (-2.0, "times were moved by +2 s after the recording")
    stored = (tmp_path / "envoy.log").read_bytes()
    assert stored == b"2026-11-29T00:00:02.000Z /run/lab/x \xff\n"


def test_an_empty_log_is_not_stored(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("\n")
    log = KeptLog("envoy.log", "envoy", "access", "proxy", tmp_path / "raw", Ended())
    assert log.store(tmp_path) is None
    assert not (tmp_path / "envoy.log").exists()
