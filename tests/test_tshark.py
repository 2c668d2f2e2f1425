"""Wireshark as the oracle: stream numbers, and what its tcp.analysis counts, by side."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag.cli.main import cli
from tests.captures import CAPTURES, name_of

pytestmark = pytest.mark.once

ANALYSIS = {
    "retransmissions": (
        "tcp.analysis.retransmission",
        "tcp.analysis.fast_retransmission",
        "tcp.analysis.spurious_retransmission",
    ),
    "out_of_order": ("tcp.analysis.out_of_order",),
    "duplicate_acks": ("tcp.analysis.duplicate_ack",),
    "zero_windows": ("tcp.analysis.zero_window",),
}
"""Members of the JSON, and the fields of tshark whose packets they count."""
FIELDS = (
    "tcp.stream",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    *(field for fields in ANALYSIS.values() for field in fields),
)

DIFFERENCES: dict[str, str] = {}
"""Captures whose counts differ, each with the section of docs/tcp-analysis.md that says why."""

Counts = dict[int, dict[str, Counter[str]]]


def by_tshark(capture: Path) -> Counts:
    """Per stream and member, how many packets of each sender count."""
    options = [word for field in FIELDS for word in ("-e", field)]
    done = subprocess.run(
        [
            "tshark",
            "-n",
            "-r",
            str(capture),
            "-Y",
            "tcp && !icmp && !icmpv6",
            "-T",
            "fields",
            *options,
        ],
        capture_output=True,
        check=True,
        text=True,
    )
    counts: Counts = {}
    for line in done.stdout.splitlines():
        stream, ip4, ip6, port, *marks = line.split("\t")
        found = counts.setdefault(int(stream), {member: Counter() for member in ANALYSIS})
        set_fields = {field for field, mark in zip(FIELDS[4:], marks, strict=True) if mark}
        for member, fields in ANALYSIS.items():
            found[member][f"{ip4 or ip6}:{port}"] += bool(set_fields & set(fields))
    return counts


def by_pcapdiag(capture: Path) -> Counts:
    """The same from the report."""
    result = CliRunner().invoke(cli, ["analyze", "--all", "--format", "json", str(capture)])
    counts: Counts = {}
    for connection in json.loads(result.stdout)["connections"]:
        ends = {side: connection[side] for side in ("initiator", "responder")}
        counts[connection["stream"]] = {
            member: Counter(
                {
                    f"{end['ip']}:{end['port']}": connection[member][side]
                    for side, end in ends.items()
                }
            )
            for member in ANALYSIS
        }
    return counts


@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("capture", CAPTURES, ids=name_of)
def test_counts_agree(capture: Path) -> None:
    theirs, ours = by_tshark(capture), by_pcapdiag(capture)
    assert sorted(ours) == sorted(theirs)
    if name_of(capture) not in DIFFERENCES:
        assert {s: plain(c) for s, c in ours.items()} == {s: plain(c) for s, c in theirs.items()}


def plain(counts: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    """Without the zeros."""
    return {member: dict(+counted) for member, counted in counts.items() if +counted}
