"""A firewall's log has what its rules say: of a connection that passed, its first packet alone."""

from __future__ import annotations

from pathlib import Path

import pcapdiag
from pcapdiag.capture.writing.blocks import enhanced_packet, interface_description, section_header
from pcapdiag.model.options import AnalyzeOptions
from tests.decode.scapy_packets import ip4, tcp
from tests.decode.wrappings import pflog

PASSED, BLOCKED = 0, 1
PFLOG = 117
MICROSECONDS = 1_000_000


def test_what_passed_was_answered_unseen_and_what_is_blocked_repeats(tmp_path: Path) -> None:
    logged = [(0, 40000, PASSED), *((at, 40001, BLOCKED) for at in (20, 21, 23)), (90, 1, PASSED)]
    blocks = [section_header("<"), interface_description("<", PFLOG, 0)]
    for at, port, action in logged:
        syn = ip4(ttl=64) / tcp(sport=port, flags="S", ack=0, seq=7)
        data = bytearray(pflog(syn))
        data[2] = action
        blocks.append(enhanced_packet("<", 0, at * MICROSECONDS, len(data), bytes(data)))
    path = tmp_path / "pflog.pcapng"
    path.write_bytes(b"".join(blocks))
    report = pcapdiag.analyze(path, options=AnalyzeOptions(all_connections=True))
    assert [one.verdict.code for one in report.connections] == [
        "capture.partial",
        "tcp.connection_timeout",
        "capture.partial",
    ]
    assert "a firewall's log may have no more" in report.connections[0].verdict.notes[0]
    assert report.capture.notes == ["the firewall whose log this is blocked 3 packets of it"]
