"""Stored captures as other capture points would have written them: queues, a later start."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import pytest

import pcapdiag
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection
from tests.capture.build import SECOND, Read, write
from tests.captures import FIXTURES

ALL = AnalyzeOptions(all_connections=True)
QUEUES = 50_000
"""So much later (ns) the queues of a network card hand packets over, each in its own time."""


def shown(folder: Path, rows: list[tuple[int, int, bytes]], link_type: int) -> list[Connection]:
    out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, link_type)]
    for time, length, data in rows:
        out.append(struct.pack("<IIII", *divmod(time, SECOND), len(data), length) + data)
    path = write(folder / "shown.pcap", b"".join(out))
    return list(pcapdiag.analyze(path, options=ALL).connections)


def rows_of(name: str) -> tuple[list[tuple[int, int, bytes]], int]:
    path = FIXTURES / "pcaps" / name
    read = Read(path)
    rows = list(zip(read.times, read.lengths, read.packets, strict=True))
    return rows, int.from_bytes(path.read_bytes()[20:24], "little")


@pytest.mark.parametrize(
    "name",
    [
        "http.truncated_response-envoy/proxy.pcap",
        "log-envoy-timeout/proxy.pcap",
        "tcp.data_timeout-answer-stands-still/client.pcap",
    ],
)
def test_acknowledgments_that_a_queue_hands_over_before_the_data_hide_nothing(
    tmp_path: Path, name: str
) -> None:
    rows, link_type = rows_of(name)
    true = [connection.verdict.code for connection in shown(tmp_path, rows, link_type)]
    for seed in range(8):
        late = Random(seed)
        apart = [(time + late.randrange(QUEUES), length, data) for time, length, data in rows]
        told = [connection.verdict.code for connection in shown(tmp_path, apart, link_type)]
        assert sorted(told) == sorted(true), seed


def test_of_a_request_before_the_capture_it_is_not_said_that_it_never_ended(tmp_path: Path) -> None:
    rows, link_type = rows_of("http.local_reply-pod-outbound-refused/pod.pcap")
    for connection in shown(tmp_path, rows[1:], link_type):
        assert not [note for note in connection.verdict.notes if "never finished" in note]
