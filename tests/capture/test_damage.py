"""Damaged files: what lies before the damage is read, the byte is named, nothing else is raised."""

from __future__ import annotations

import contextlib
import gzip
import struct
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcapdiag.capture import reader
from pcapdiag.errors import CaptureError, NotACaptureError
from tests.capture.build import START, Pcapng, Read, packet, pcap, write

RECORDS = [(START + i * 1000, packet(i, 60 + i)) for i in range(12)]
PCAP = pcap(RECORDS)


def sample_pcapng() -> tuple[bytes, list[int]]:
    """A file with all kinds of blocks, and the byte at which each packet's block ends."""
    file = Pcapng().interface((2, b"eth0"), (9, b"\x06")).names({"10.0.0.1": "a"})
    ends = []
    for i, (time, data) in enumerate(RECORDS):
        if i == 6:
            file.section().interface().statistics(0, received=4, dropped=1)
        if i % 3 == 0:
            file.old_packet(time // 1000, data)
        else:
            file.packet(time // 1000, data, comment=b"note" * (i % 2))
        ends.append(len(file.data))
    return file.data, ends


PCAPNG, PCAPNG_ENDS = sample_pcapng()
PCAP_ENDS = [24 + sum(16 + len(data) for _, data in RECORDS[: i + 1]) for i in range(12)]
SAMPLES = [(PCAP, PCAP_ENDS), (PCAPNG, PCAPNG_ENDS)]


def small_blocks() -> mock._patch[int]:
    """Read so little at a time that records meet a block's end."""
    return mock.patch.object(reader, "BLOCK_BYTES", 512)


@pytest.mark.parametrize(("data", "ends"), SAMPLES, ids=["pcap", "pcapng"])
def test_cut_at_every_byte(tmp_path: Path, data: bytes, ends: list[int]) -> None:
    path = tmp_path / "cut.pcap"
    for cut in range(len(data)):
        whole = sum(end <= cut for end in ends)
        path.write_bytes(data[:cut])
        try:
            with small_blocks():
                read = Read(path)
        except CaptureError:
            assert whole == 0, cut
            continue
        assert read.packets == [packet for _, packet in RECORDS[:whole]]
        (facts,) = read.capture.files
        assert facts.complete == (facts.error is None)
        if facts.error and facts.error.byte is not None:
            assert (ends[whole - 1] if whole else 0) <= facts.error.byte <= cut
        elif whole and cut != ends[whole - 1]:
            # Only between blocks does a cut leave a whole file.
            assert data is PCAPNG


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sample=st.sampled_from(SAMPLES),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=4),
    pack=st.booleans(),
)
def test_flipped_bytes(
    tmp_path: Path,
    sample: tuple[bytes, list[int]],
    flips: list[tuple[int, int]],
    pack: bool,
) -> None:
    data, ends = sample
    bent = bytearray(data)
    for at, xor in flips:
        bent[at % len(bent)] ^= xor
    first = min(at % len(bent) for at, _ in flips)
    path = tmp_path / "bent.pcap"
    path.write_bytes(gzip.compress(bent, 1) if pack else bent)
    try:
        with small_blocks():
            read = Read(path)
    except CaptureError:
        assert first < ends[0]
        return
    before = sum(end <= first for end in ends)
    assert [data for _, _, data in read.in_capture_order][:before] == [
        data for _, data in RECORDS[:before]
    ]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from([PCAP[:24], PCAPNG[:96], b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]),
    rest=st.binary(max_size=400),
)
def test_random_bytes(tmp_path: Path, start: bytes, rest: bytes) -> None:
    path = tmp_path / "random"
    path.write_bytes(start + rest)
    with contextlib.suppress(CaptureError):
        Read(path)


def test_a_length_that_lies_names_the_record(tmp_path: Path) -> None:
    bad = bytearray(PCAP)
    at = PCAP_ENDS[4]
    bad[at + 8 : at + 12] = struct.pack("<I", 262_145)
    read = Read(write(tmp_path / "a.pcap", bytes(bad)))
    assert len(read.packets) == 5
    error = read.capture.files[0].error
    assert error is not None
    assert error.byte == at
    assert "262145 captured bytes" in str(error)


def test_a_cut_within_a_packet_says_how_much_is_there(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "a.pcap", PCAP[: PCAP_ENDS[2] + 40]))
    error = read.capture.files[0].error
    assert error is not None
    assert error.byte == PCAP_ENDS[2]
    assert "40 of 79 bytes" in str(error)
    assert len(read.packets) == 3
    assert not read.capture.complete


@pytest.mark.parametrize("data", [PCAP[:30], PCAPNG[:60], PCAP[:10]])
def test_a_damage_before_the_first_packet_is_an_error(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(CaptureError, match="ends within"):
        Read(write(tmp_path / "a.pcap", data))


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.pcap", b"", "empty (0 bytes)"),
        ("a.txt", b"12:00:01.5 IP 10.0.0.1.80 > 10.0.0.2.99: Flags [S]\n", "text, not a capture"),
        ("a.pcap", bytes(4096), "only zero bytes"),
        ("a.bz2", b"BZh91AY&SY" + bytes(range(256)), "bunzip2"),
        ("a.zip", b"PK\x03\x04" + bytes(100), "zip archive"),
        ("a.snoop", b"snoop\0\0\0" + bytes(100), "editcap -F pcap"),
        ("a.cap", b"GMBU" + bytes(100), "Network Monitor"),
        ("a.etl", b"\x00\x00\x01\x00" + bytes(100), "etl2pcapng"),
        ("a.tar", b"x" * 257 + b"ustar" + bytes(250), "tar archive"),
        ("a.bin", bytes(range(1, 256)), "neither pcap nor pcapng"),
    ],
)
def test_what_is_no_capture_is_said(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = write(tmp_path / name, data)
    with pytest.raises(NotACaptureError) as caught:
        Read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
