"""What is cut out of a capture keeps what the file said of its packets."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from pcapdiag.bundle import outputs
from pcapdiag.bundle.build import make_bundle
from pcapdiag.capture import Capture
from tests.bundle.make import PCAPS, capture_of, request
from tests.capture.build import Pcapng, Read


@pytest.mark.parametrize("sanitise", [False, True])
def test_which_way_packets_went_and_what_was_dropped_comes_along(
    sanitise: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_charts", lambda _: iter(()))
    file = Pcapng().interface((9, b"\x09"))
    for batch in Capture.open([PCAPS / "tcp.connection_refused-snaplen-64/client.pcap"]).batches():
        assert batch is not None
        for i in range(batch.count):
            at = batch.offsets[i]
            data = bytes(batch.buffer[at : at + batch.captured[i]])
            way = (2, struct.pack("<I", 1 + i % 2))
            file.packet(batch.times[i], data, way, (4, struct.pack("<Q", 5)))
    path = tmp_path / "told.pcapng"
    path.write_bytes(file.data)
    made = make_bundle(replace(request(str(path)), sanitise=sanitise))
    whole, kept = Read(path), Read(capture_of(made, tmp_path))
    ways = dict(zip(whole.times, whole.lengths, strict=True))
    assert kept.lengths == [ways[time] for time in kept.times]
    assert {length >> 32 for length in kept.lengths} == {1, 2}
    assert kept.capture.drops == whole.capture.drops == 5 * len(whole.times)


@pytest.mark.parametrize(("resolution", "kept"), [(6, 6), (9, 9), (3, 9)])
def test_microseconds_stay_microseconds_and_all_else_becomes_nanoseconds(
    resolution: int, kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_charts", lambda _: iter(()))
    file = Pcapng().interface((9, bytes((resolution,))))
    for batch in Capture.open([PCAPS / "tcp.connection_refused-snaplen-64/client.pcap"]).batches():
        assert batch is not None
        for i in range(batch.count):
            at = batch.offsets[i]
            data = bytes(batch.buffer[at : at + batch.captured[i]])
            file.packet(batch.times[i] // 10 ** (9 - resolution), data)
    path = tmp_path / "told.pcapng"
    path.write_bytes(file.data)
    made = make_bundle(replace(request(str(path)), sanitise=False))
    (interface,) = Read(capture_of(made, tmp_path)).capture.interfaces
    assert interface.resolution == kept
