"""Records of real TLS stacks, opened with the secrets that these wrote; Wireshark agrees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.captures import FIXTURES
from tests.protocols.tls.opened import DATA, of_capture

pytestmark = pytest.mark.once

PCAPS = FIXTURES / "pcaps"
EVERY_KIND = sorted(PCAPS.glob("healthy-decrypt-*/client.pcap"))
OTHERS = [
    PCAPS / name
    for name in (
        "healthy-inside-tls13/client.pcap",
        "healthy-tls12-resumption/client.pcap",
        "http2.rst_stream-inside-tls/client.pcap",
        "http2.goaway-inside-tls/client.pcap",
        "http.truncated_response-inside-tls/client.pcap",
        "http.malformed_response-inside-tls/client.pcap",
        "tcp.response_timeout-inside-tls12/client.pcap",
    )
]
REQUEST = b"GET /stock HTTP/1.1\r\nHost: shop.example\r\n\r\n"
BODY = b"\r\n\r\nfine\n"


def of(path: Path) -> str:
    return path.parent.name


def texts(capture: Path) -> list[tuple[bytes, bytes]]:
    """Application data of both ends, by connection; every record must open."""
    found = []
    for records in of_capture(capture):
        assert records
        assert None not in [record.inside for record in records]
        data = [(r.from_client, r.inside[1]) for r in records if r.inside and r.inside[0] == DATA]
        client, server = (
            b"".join(text for from_client, text in data if from_client is end)
            for end in (True, False)
        )
        found.append((client, server))
    return found


@pytest.mark.parametrize("capture", EVERY_KIND, ids=of)
def test_what_was_sent_comes_out(capture: Path) -> None:
    for nth, (client, server) in enumerate(texts(capture)):
        requests, rest = divmod(len(client), len(REQUEST))
        assert (client, rest) == (REQUEST * requests, 0)
        assert requests >= 2
        assert server.startswith(b"HTTP/1.1 200 OK\r\n")
        lost = nth == 1 and of(capture).endswith("-rejected")
        assert server.count(BODY) == requests - lost


@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("capture", [*EVERY_KIND, *OTHERS], ids=of)
def test_wireshark_reads_the_same(capture: Path) -> None:
    for stream, ours in enumerate(texts(capture)):
        assert sorted(by_tshark(capture, stream)) == sorted(ours)


def by_tshark(capture: Path, stream: int) -> tuple[bytes, bytes]:
    """What the follower of TLS streams shows of both ends; either may come first."""
    log = capture.parent / "keylog.txt"
    command = ["tshark", "-n", "-q", "-r", str(capture), "-o", f"tls.keylog_file:{log}"]
    command += ["-z", f"follow,tls,raw,{stream}"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    lines = done.stdout.splitlines()
    ends = bytearray(), bytearray()
    begin = next(at for at, line in enumerate(lines) if line.startswith("Node 1:")) + 1
    for line in lines[begin:-1]:
        ends[line.startswith("\t")].extend(bytes.fromhex(line))
    return bytes(ends[0]), bytes(ends[1])
