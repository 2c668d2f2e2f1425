"""Real captures of every link type and tunnel: the same packets in other clothes."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.pipeline import analyze
from pcapdiag.sanitize.scan import leaks
from tests.captures import FIXTURES
from tests.sanitize.going_through import Blanking, Passing, Taken, file_of, read, sanitized, tshark

pytestmark = pytest.mark.once

CAPTURES = (
    "capture-6in4/client.pcap",
    "capture-any-router-sll/router.pcap",
    "capture-any-router-sll2/router.pcap",
    "capture-bad-checksums/client.pcap",
    "capture-erspan/client.pcap",
    "capture-geneve/client.pcap",
    "capture-gretap/client.pcap",
    "capture-gtp/client.pcap",
    "capture-ip-fragments/client.pcap.gz",
    "capture-ipv6-extension-headers/client.pcap",
    "capture-l2tp/client.pcap",
    "capture-link-loop/client.pcap",
    "capture-mpls/client.pcap",
    "capture-nflog/nflog.pcap",
    "capture-pcapng-two-interfaces/proxy.pcapng",
    "capture-pppoe/client.pcap",
    "capture-qinq/client.pcap",
    "capture-snaplen-64/client.pcap",
    "capture-super-segments/client.pcap.gz",
    "capture-vxlan-any/client.pcap",
    "healthy-dns-typos/client.pcap",
)
CHECKED = [f"-o{protocol}.check_checksum:TRUE" for protocol in ("ip", "tcp", "udp")]
RIGHT_IN_ANOTHER_WAY = re.compile(r"see RFC 1624|Duplicate IP address")
"""0xFFFF for a checksum of 0 becomes 0; a note that says the address itself."""


def packets_of(name: str) -> list[Taken]:
    return read(FIXTURES / "pcaps" / name)


@pytest.mark.parametrize("name", CAPTURES)
def test_same_packets_and_nothing_original(name: str) -> None:
    before = packets_of(name)
    after, renamer = sanitized(before, Blanking())
    assert [(len(one.data), one.length, one.time) for one in after] == [
        (len(one.data), one.length, one.time) for one in before
    ]
    assert renamer.originals.addresses
    assert leaks({"c.pcapng": file_of(before)}, renamer.originals)
    assert leaks({"c.pcapng": file_of(after)}, renamer.originals) == []


@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("name", CAPTURES)
def test_tshark_has_nothing_new_to_say(name: str, tmp_path: Path) -> None:
    before = packets_of(name)
    after, _ = sanitized(before, Passing())
    assert told(after, tmp_path) == told(before, tmp_path)


def told(packets: list[Taken], folder: Path) -> Counter[str]:
    """What tshark's experts say, without the numbers in it."""
    said: Counter[str] = Counter()
    for line in tshark(
        file_of(packets), folder / "c.pcapng", *CHECKED, "-q", "-zexpert"
    ).splitlines():
        words = line.split(None, 1)
        if len(words) == 2 and words[0].isdigit() and not RIGHT_IN_ANOTHER_WAY.search(line):
            said[re.sub("0x[0-9a-f]+", "", words[1])] += int(words[0])
    return said


@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("name", ["capture-6in4/client.pcap", "healthy-dns-typos/client.pcap"])
def test_tshark_reads_no_original_address(name: str, tmp_path: Path) -> None:
    before = packets_of(name)
    after, _ = sanitized(before, Passing())
    fields = [
        "ip.addr",
        "ipv6.addr",
        "eth.addr",
        "arp.src.proto_ipv4",
        "dns.a",
        "dns.aaaa",
        "dns.qry.name",
    ]
    options = ["-Tfields", *(f"-e{field}" for field in fields)]
    old, new = (
        set(re.split(r"[\s,]+", tshark(file_of(packets), tmp_path / "c.pcapng", *options)))
        for packets in (before, after)
    )
    kept = {"", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "ff02::1", "ff02::2", "ff02::16"}
    assert len(old - kept) == len(new - kept)
    assert not (old & new) - kept


@pytest.mark.parametrize(
    "name",
    ["capture-ip-fragments/client.pcap.gz", "capture-vxlan-any/client.pcap", "healthy-dns-typos/client.pcap",
     "icmp.unreachable-v6-host-reject/client.pcap", "tcp.connection_refused-any-bridge/router.pcap"],
)  # fmt: skip
def test_the_same_verdicts(name: str, tmp_path: Path) -> None:
    before = packets_of(name)
    after, _ = sanitized(before, Passing())
    assert judged(after, tmp_path) == judged(before, tmp_path)


def judged(packets: list[Taken], folder: Path) -> list[tuple[object, ...]]:
    path = folder / "c.pcapng"
    path.write_bytes(file_of(packets))
    report = analyze([path], AnalyzeOptions(all_connections=True))
    found: list[tuple[object, ...]] = []
    for one in report.connections:
        verdict, who = one.verdict, one.verdict.attribution
        found.append(
            (one.stream, verdict.code, who.side, who.party, verdict.ended_by, verdict.frames)
        )
        found.append((round(verdict.confidence, 2), round(who.confidence, 2)))
    return [*found, *((finding.code,) for finding in report.findings)]
