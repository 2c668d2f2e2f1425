"""The network may hand segments on in another order, or in smaller ones: the verdicts stay.

Stored captures are written again as such a network would have shown them (RFC 9293 3.10.7.4: TCP
puts segments in order for its user).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw
from scapy.utils import rdpcap, wrpcap

from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.pipeline import analyze
from tests.captures import FIXTURES

SMALL = 100
"""Payload bytes of a segment of a sender with a small MSS."""
CONTROL = 0x07
"""FIN, SYN and RST."""
STORED = (
    "grpc.error-inside-tls/proxy.pcap",
    "grpc.error-unavailable/client.pcap",
    "healthy-bulk-download-tls/client.pcap",
    "healthy-grpc-calls/client.pcap",
    "healthy-http2-h2load/client.pcap",
    "healthy-mutual-tls13/proxy.pcap",
    "healthy-tls12-resumption/client.pcap",
    "healthy-tls13-resumption/client.pcap",
    "http.local_reply-envoy-refused/proxy.pcap",
    "http2.rst_stream-in-response/client.pcap",
    "tls.certificate_expired-curl/client.pcap",
    "tls.sni_rejected-envoy-nginx/proxy-upstream.pcap",
)

Verdicts = list[tuple[int, str, str]]
Run = list[Packet]
"""Packets of one end with data, one behind the other, as its sender sent them."""


def verdicts(path: Path, keys: Path) -> Verdicts:
    keylog = str(keys) if keys.exists() else None
    report = analyze([path], AnalyzeOptions(all_connections=True, keylog=keylog))
    return [
        (one.stream, one.verdict.code, one.verdict.attribution.side) for one in report.connections
    ]


def swapped(run: Run) -> Run:
    """Each second segment overtakes the one before it."""
    order = []
    for at in range(0, len(run), 2):
        order += reversed(run[at : at + 2])
    return order


def first_comes_last(run: Run) -> Run:
    return [*run[1:], run[0]]


def run_of(packet: Packet) -> tuple[object, ...] | None:
    """What the segments of a run have in common; None for what is in none."""
    ip = packet.getlayer(IP) or packet.getlayer(IPv6)
    if ip is None or TCP not in packet or Raw not in packet or int(packet[TCP].flags) & CONTROL:
        return None
    return ip.src, ip.dst, packet[TCP].sport, packet[TCP].dport


def small(packet: Packet) -> list[Packet]:
    """The segment as several of at most SMALL bytes."""
    if run_of(packet) is None:
        return [packet]
    data, parts = bytes(packet[Raw]), []
    for at in range(0, len(data), SMALL):
        part = packet.copy()
        part[TCP].seq = (packet[TCP].seq + at) % (1 << 32)
        part[TCP].remove_payload()
        part[TCP].add_payload(Raw(data[at : at + SMALL]))
        del part[TCP].chksum
        if IP in part:
            del part[IP].len, part[IP].chksum
        else:
            del part[IPv6].plen
        parts.append(part)
    return parts


def written(packets: list[Packet], order: Callable[[Run], Run], path: Path) -> Path:
    """Write the packets with each run in another order; the times stay in theirs."""
    times, out = [packet.time for packet in packets], []
    for key, group in groupby(packets, run_of):
        run = list(group)
        out += order(run) if key is not None else run
    for packet, time in zip(out, times, strict=True):
        packet.time = time
    wrpcap(str(path), out)
    return path


@pytest.mark.parametrize("order", [swapped, first_comes_last])
@pytest.mark.parametrize("size", ["as sent", "small"])
@pytest.mark.parametrize("name", STORED)
def test_verdicts_stay(name: str, size: str, order: Callable[[Run], Run], tmp_path: Path) -> None:
    capture = FIXTURES / "pcaps" / name
    keys = capture.with_name("keylog.txt")
    packets = list(rdpcap(str(capture)))
    if size == "small":
        packets = [part for packet in packets for part in small(packet)]
    plain = written(packets, list, tmp_path / "plain.pcap")
    assert plain.stat().st_size >= capture.stat().st_size
    other = written(packets, order, tmp_path / "other.pcap")
    assert verdicts(other, keys) == verdicts(plain, keys)
