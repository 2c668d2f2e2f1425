"""A snaplen that leaves 30 bytes of a ClientHello, as tcpdump's old default of 96 does."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import pcapdiag
from pcapdiag.model.options import AnalyzeOptions
from tests.capture.build import SECOND, Read, write
from tests.captures import FIXTURES

SNAPLEN = 96
ALL = AnalyzeOptions(all_connections=True)


def cut(capture: Path, folder: Path, snaplen: int = SNAPLEN) -> Path:
    read = Read(capture)
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, 1)]
    for time, length, data in zip(read.times, read.lengths, read.packets, strict=True):
        kept = data[:snaplen]
        seconds, rest = divmod(time, SECOND)
        out.append(struct.pack("<IIII", seconds, rest // 1000, len(kept), length) + kept)
    return write(folder / "cut.pcap", b"".join(out))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("tls.certificate_untrusted-curl-tls12", "tls.certificate_untrusted"),
        ("tls.version_mismatch-nginx", "tls.version_mismatch"),
        ("tls.handshake_reset-server", "tls.handshake_reset"),
        ("healthy-keepalive-tls", "ok"),
        ("healthy-tls-server-closes-first", "ok"),
    ],
)
def test_the_handshakes_end_is_told_without_the_hello(tmp_path: Path, name: str, code: str) -> None:
    (capture,) = (FIXTURES / "pcaps" / name).glob("*.pcap*")
    (connection,) = pcapdiag.analyze(cut(capture, tmp_path), options=ALL).connections
    assert connection.verdict.code == code


def test_a_503_of_which_only_the_status_was_kept_is_told_with_less(tmp_path: Path) -> None:
    (capture,) = (FIXTURES / "pcaps" / "dns.failure-envoy").glob("*.pcap")
    for connection in pcapdiag.analyze(cut(capture, tmp_path), options=ALL).connections:
        assert (connection.verdict.code, connection.verdict.confidence) == ("ok", 0.7)
        assert "cut its answer 503" in " ".join(connection.verdict.notes)


def test_a_502_of_which_the_page_was_cut_is_told_with_less(tmp_path: Path) -> None:
    (capture,) = (FIXTURES / "pcaps" / "http.local_reply-apache-timeout").glob("client.pcap")
    (connection,) = pcapdiag.analyze(cut(capture, tmp_path, 256), options=ALL).connections
    assert (connection.verdict.code, connection.verdict.confidence) == ("ok", 0.7)
    assert "cut its answer 502" in " ".join(connection.verdict.notes)


def test_where_no_byte_was_kept_nobody_knows_what_was_answered(tmp_path: Path) -> None:
    (capture,) = (FIXTURES / "pcaps" / "http.local_reply-apache-timeout").glob("client.pcap")
    (connection,) = pcapdiag.analyze(cut(capture, tmp_path, 66), options=ALL).connections
    assert (connection.verdict.code, connection.verdict.confidence) == ("ok", 0.7)
    assert "was not kept" in " ".join(connection.verdict.notes)


@pytest.mark.parametrize("name", ["healthy-postgres-tls", "healthy-socks"])
def test_a_short_first_answer_is_no_missing_one(name: str) -> None:
    (capture,) = (FIXTURES / "pcaps" / name).glob("client.pcap")
    (connection, *_) = pcapdiag.analyze(capture, options=ALL).connections
    notes = " ".join(connection.verdict.notes)
    assert (connection.verdict.code, "was not kept" in notes) == ("ok", False)
    assert connection.verdict.confidence > 0.9
