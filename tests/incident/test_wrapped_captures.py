"""A capture of a mirror, of a Mac or of the air tells what one of the wire itself tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from scapy.contrib.erspan import ERSPAN_II
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.tzsp import TZSP, TZSPTagEnd
from scapy.layers.dot11 import RadioTap
from scapy.layers.inet import IP
from scapy.layers.l2 import GRE, CookedLinux

import pcapdiag
from pcapdiag.capture import Capture
from pcapdiag.capture.writing.blocks import enhanced_packet, interface_description, section_header
from pcapdiag.model.report import Report
from tests.captures import FIXTURES
from tests.decode.scapy_packets import ether
from tests.decode.wrappings import IN, OUT, outer, pktap, udp, wifi

CAPTURE = FIXTURES / "pcaps/tcp.injected_reset-sprayed/client.pcap"
CLIENT = slice(26, 30)
NANOSECONDS = 9

Wrap = Callable[[bytes, bool], bytes]
SNAP = b"\xaa\xaa\x03\0\0\0"
WRAPS: dict[str, tuple[int, Wrap]] = {
    "ethernet": (1, lambda data, _: data),
    "pktap": (258, lambda data, ours: pktap(data, flags=OUT if ours else IN)),
    "erspan": (
        113,
        lambda data, _: bytes(
            CookedLinux(pkttype=0) / outer() / GRE(proto=0x88BE, seqnum_present=1)
            / ERSPAN_II(vlan=7) / data
        ),
    ),
    "tzsp": (1, lambda data, _: bytes(ether() / udp(37008) / TZSP() / TZSPTagEnd() / data)),
    "gtp": (
        1, lambda data, _: bytes(ether() / udp(2152) / GTP_U_Header(teid=1) / IP(data[14:])),
    ),
    "flags": (1, lambda data, _: data),
    "radiotap": (
        127,
        lambda data, ours: bytes(RadioTap() / wifi(to_ap=ours)) + SNAP + data[12:],
    ),
}  # fmt: skip


def packets() -> Iterable[tuple[int, bytes]]:
    """Times and frames of IPv4 of the capture, which was taken on the client."""
    for batch in Capture.open([CAPTURE]).batches():
        assert batch is not None
        for n in range(batch.count):
            at = batch.offsets[n]
            frame = bytes(batch.buffer[at : at + batch.captured[n]])
            if frame[12:14] == b"\x08\0":
                yield batch.times[n], frame


def wrapped(path: Path, name: str, copies: Iterable[int] = (0,)) -> Path:
    link, wrap = WRAPS[name]
    blocks = [section_header("<"), interface_description("<", link, 0, NANOSECONDS)]
    us = b""
    for time, frame in packets():
        us = us or frame[CLIENT]
        for copy in copies:
            ours = (frame[CLIENT] == us) != bool(copy)
            data = wrap(frame, ours)
            way = (2 if ours else 1) << 32 if name == "flags" else 0
            blocks.append(enhanced_packet("<", 0, time + copy, len(data) | way, data))
    path.write_bytes(b"".join(blocks))
    return path


def told(report: Report) -> list[object]:
    return [
        (one.verdict.code, one.verdict.confidence, one.verdict.attribution, one.packets)
        for one in report.connections
    ]


@pytest.mark.parametrize("name", [name for name in WRAPS if name != "ethernet"])
def test_the_same_is_told(name: str, tmp_path: Path) -> None:
    plain = pcapdiag.analyze(wrapped(tmp_path / "plain.pcapng", "ethernet"))
    report = pcapdiag.analyze(wrapped(tmp_path / "wrapped.pcapng", name))
    assert plain.connections[0].verdict.code == "tcp.injected_reset"
    assert told(report) == told(plain)
    assert report.capture.vantage == plain.capture.vantage
    assert report.capture.undecoded_packets == 0


def test_a_mac_that_shows_each_packet_going_and_coming_counts_it_once(tmp_path: Path) -> None:
    """On its loopback interface, for example."""
    once = pcapdiag.analyze(wrapped(tmp_path / "once.pcapng", "pktap"))
    twice = pcapdiag.analyze(wrapped(tmp_path / "twice.pcapng", "pktap", (0, 9_000)))
    assert twice.capture.duplicate_packets >= once.capture.packets
    codes = [[one.verdict.code for one in report.connections] for report in (once, twice)]
    assert codes[0] == codes[1]


@pytest.mark.parametrize("told", [True, False])
def test_the_flags_of_packets_are_evidence_as_a_cooked_header_is(
    told: bool, tmp_path: Path
) -> None:
    """A router's own rule refused a connection, captured on the router with `-i any`."""
    blocks = [section_header("<"), interface_description("<", 101, 0, NANOSECONDS)]
    path = FIXTURES / "pcaps/tcp.connection_refused-any-router-reject/router.pcap"
    for batch in Capture.open([path]).batches():
        assert batch is not None
        for n in range(batch.count):
            at = batch.offsets[n]
            cooked = bytes(batch.buffer[at : at + batch.captured[n]])
            if cooked[:2] == b"\x08\0":
                way = {0: IN, 4: OUT}[cooked[10]] << 32 if told else 0
                length = batch.lengths[n] - 20
                blocks.append(enhanced_packet("<", 0, batch.times[n], length | way, cooked[20:]))
    copy = tmp_path / "copy.pcapng"
    copy.write_bytes(b"".join(blocks))
    refused = [one.verdict for one in pcapdiag.analyze(copy).connections]
    assert {verdict.code for verdict in refused} == {"tcp.connection_refused"}
    for verdict in refused:
        signals = {one.signal for one in verdict.attribution.evidence}
        assert ("made_by_capturing_host" in signals) == told
        assert (verdict.attribution.side == "responder") != told
