"""The lab's proxies' own logs: every line is read, and its time lies within the capture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dpkt
import pytest

from failurelab.truth import FIXTURES
from pcapdiag.logs import read_log
from pcapdiag.model.logs import LogSource

pytestmark = pytest.mark.once

STORED = [
    (path.parent, log)
    for path in sorted(FIXTURES.glob("*/truth.json"))
    for log in json.loads(path.read_text()).get("logs", [])
]
SECOND = 1_000_000_000


def window(folder: Path) -> tuple[float, float]:
    path = folder / "proxy.pcap"
    if not path.exists():
        # A sidecar's: the only capture is its pod's.
        (path,) = folder.glob("*.pcap")
    with path.open("rb") as file:
        times = [float(time) for time, _ in dpkt.pcap.Reader(file)]
    return times[0], times[-1]


def test_the_lab_has_logs_of_every_product() -> None:
    assert {log["product"] for _, log in STORED} == {"envoy", "nginx", "haproxy"}


@pytest.mark.parametrize(
    ("folder", "log"), STORED, ids=[f"{folder.name}-{log['file']}" for folder, log in STORED]
)
def test_every_line_is_read(folder: Path, log: dict[str, Any]) -> None:
    path = str(folder / log["file"])
    reading = read_log(LogSource(product=log["product"], path=path, form=log["form"]))
    entries = list(reading)
    assert reading.unread == 0
    assert any(entry.failed for entry in entries)
    start, end = window(folder)
    for entry in entries:
        if entry.failed:
            time = entry.time / SECOND + log["offset"]
            assert start - 1.1 <= time <= end + 1.1
            assert entry.zoned or log["product"] != "envoy"
