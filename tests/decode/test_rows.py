"""Rows: what was decoded ahead is what would have been decoded now."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import SupportsBytes

import pytest
from scapy.layers.inet import UDP
from scapy.layers.l2 import Dot1Q
from scapy.layers.vxlan import VXLAN

import pcapdiag.flow
from pcapdiag.capture import Capture, reader, source
from pcapdiag.decode.headers import TCP, Packet
from pcapdiag.decode.rows import WORDS, Rows, pack, unpack
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.pipeline import analyze
from pcapdiag.report.json import render_json
from tests.captures import FIXTURES, name_of
from tests.decode.scapy_packets import RAW, decode, ether, ip4, ip6, tcp

FIELDS = (
    *("version", "ttl", "ip_id"),
    *("source_low", "source_high", "target_low", "target_high", "source_port", "target_port"),
    *("seq", "ack", "flags", "window", "bad_checksum", "cut"),
    *("payload", "payload_length", "payload_captured"),
    *("has_timestamps", "tsval", "tsecr", "mss", "window_scale"),
    *("sack_permitted", "sack_within", "sack_blocks", "sack_left", "sack_right"),
    *("mac", "vlan", "vni", "direction", "ifindex"),
    *("numbers", "stamps", "traits", "sizes", "fingerprint"),
)
OF_OTHERS = {
    *("icmp_type", "icmp_code", "icmp_mtu", "icmp_ttl", "icmp_version", "icmp_high", "icmp_low"),
    *("hash", "pair_hash", "quote_full", "quote_ttl"),
    *("position", "end", "view", "load", "decode", "decode_ip"),
}
"""What is asked of packets that are no TCP segments, or is no fact of one."""
SEED = 0x123456789ABCDEF
OFFSET = 3
"""Where the packets begin, for all that their rows know."""
READ_AHEAD = [
    path
    for path in sorted((FIXTURES / "pcaps").glob("*/*.pcap"))[::40]
    if path.stat().st_size > 2_000
]


def facts(p: Packet) -> dict[str, int]:
    return {name: getattr(p, name) for name in FIELDS}


def there_and_back(p: Packet) -> dict[str, int]:
    """A segment's facts after it was packed, and unpacked over one that had everything."""
    rows = memoryview(array("Q", bytes(8 * 3 * WORDS)))
    pack(p, rows, WORDS, OFFSET, SEED)
    assert not any(rows[:WORDS]), "it writes outside of its row"
    assert not any(rows[2 * WORDS :]), "it writes outside of its row"
    _, other = decode(ether() / Dot1Q(vlan=7) / ip6() / tcp(options=EVERY_OPTION) / b"yyyyyyyyy")
    assert unpack(other, rows, WORDS, OFFSET) == 1
    assert other.hash == p.pair_hash(SEED) == other.pair_hash(SEED)
    return facts(other)


EVERY_OPTION = [
    ("MSS", 0xFFFF),
    ("WScale", 14),
    ("SAckOK", b""),
    ("Timestamp", (0xFFFFFFFF, 0xFFFFFFFE)),
    ("SAck", (0xFFFFFFFF, 0xFFFFFFFD)),
]
MULTIPATH = [(30, b"\x20\x01" + bytes(4))]


@pytest.mark.parametrize(
    "data",
    [
        ether() / ip4() / tcp(),
        ether() / ip4(tos=255, ttl=255, id=0xFFFF, flags="DF") / tcp(flags="SAFRPU") / b"x",
        ether() / ip4() / tcp(sport=0xFFFF, dport=0xFFFE, window=0xFFFF, seq=0xFFFFFFFF),
        ether() / ip4() / tcp(options=[("NOP", None), ("NOP", None), ("Timestamp", (7, 8))]),
        ether() / ip4(src="255.255.255.254") / tcp(flags="S", options=EVERY_OPTION),
        ether() / ip4() / tcp(options=[("SAck", (20, 30, 10, 30))]),
        ether() / ip4() / tcp(flags="S", options=[("MSS", 0)]),
        ether() / ip4() / tcp(options=MULTIPATH),
        ether() / ip4() / tcp(flags="S", options=[("WScale", 0)]),
        ether() / Dot1Q(vlan=4095) / ip4() / tcp(),
        ether() / ip6(fl=0xFFFFF, tc=255) / tcp(options=EVERY_OPTION) / (b"x" * 70),
        ether() / ip6(fl=0) / tcp(),
        ether() / ip4() / UDP(dport=4789) / VXLAN(vni=0xFFFFFF) / ether() / ip4() / tcp() / b"x",
    ],
)
def test_a_segment_is_the_same_again(data: SupportsBytes) -> None:
    kind, p = decode(data)
    assert kind == TCP
    assert there_and_back(p) == facts(p)


def test_a_cut_segment_is_the_same_again() -> None:
    kind, p = decode(ip4() / tcp() / (b"x" * 900), RAW, captured=100)
    assert (kind, p.cut, p.payload_length, p.payload_captured) == (TCP, 1, 900, 60)
    assert there_and_back(p) == facts(p)


def segments(path: Path) -> Iterator[Packet]:
    capture = Capture.open([path])
    p = Packet()
    for batch in capture.batches():
        assert batch is not None
        p.load(batch.buffer)
        links = [one.link_type for one in capture.interfaces]
        for i in range(batch.count):
            link = links[batch.interfaces[i]]
            if p.decode(batch.offsets[i], batch.captured[i], batch.lengths[i], link) == TCP:
                yield p


def test_segments_of_real_captures_are_the_same_again() -> None:
    seen = 0
    for path in sorted((FIXTURES / "pcaps").glob("*/*.pcap"))[::10]:
        for p in segments(path):
            seen += 1
            assert there_and_back(p) == facts(p), f"{path}: packet {seen}"
    assert seen > 1_000


@pytest.mark.parametrize("path", READ_AHEAD, ids=name_of)
def test_a_report_is_the_same_read_ahead(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = AnalyzeOptions(all_connections=True)
    report = analyze([path], options)
    as_usual = "".join(render_json(report))
    taken: list[int] = []
    monkeypatch.setattr(source, "WORTH_READING_AHEAD", 0)
    monkeypatch.setattr(source, "processors", lambda: 2)
    monkeypatch.setattr(reader, "FIRST_BYTES", 512)
    capture = Capture.open([path])
    capture.prepare = partial(Rows, SEED)
    for batch in capture.batches():
        assert batch is not None
        taken += [batch.words[i * WORDS + 4] for i in range(batch.count if batch.width else 0)]
    # Around a step of the clock packets are brought into another order, without their rows.
    assert any(taken) or report.capture.counts.clock_steps, "nothing was decoded ahead"
    assert "".join(render_json(analyze([path], options))) == as_usual


def test_all_that_is_asked_of_a_segment_is_in_its_row() -> None:
    folder = Path(pcapdiag.flow.__file__).parent
    compiled = [path for path in folder.glob("*.py") if path.with_suffix(".pxd").exists()]
    assert folder / "tracker.py" in compiled
    asked = {
        name
        for path in compiled
        for name in re.findall(r"\bp\.([a-z]\w*)", path.read_text(encoding="utf-8"))
    }
    assert asked - OF_OTHERS == set(FIELDS)


def test_rare_facts_do_not_stay_for_the_next_segment() -> None:
    rows = memoryview(array("Q", bytes(8 * 2 * WORDS)))
    _, rare = decode(ether() / Dot1Q(vlan=7) / ip6() / tcp(options=EVERY_OPTION) / b"y")
    pack(rare, rows, 0, OFFSET, SEED)
    _, plain = decode(ether() / ip4() / tcp())
    pack(plain, rows, WORDS, OFFSET, SEED)
    p = Packet()
    for _ in range(2):
        assert unpack(p, rows, 0, OFFSET) == 1
        assert facts(p) == facts(rare)
        assert unpack(p, rows, WORDS, OFFSET) == 1
        assert facts(p) == facts(plain)
