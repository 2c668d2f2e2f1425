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

SACK_EDGE = {"pcaps/healthy-loss-3-percent/upstream.pcap.gz"}
"""A retransmission that tshark calls out of order: docs/tcp-analysis.md, Edge of a SACK block."""

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
            "-E",
            "occurrence=l",
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


def by_pcapdiag(capture: Path) -> tuple[Counts, int]:
    """The same from the report, and how many packets it took for duplicates of the capture."""
    result = CliRunner().invoke(cli, ["analyze", "--all", "--format", "json", str(capture)])
    report = json.loads(result.stdout)
    counts: Counts = {}
    for connection in report["connections"]:
        ends = {
            side: f"{connection[side]['ip']}:{connection[side]['port']}"
            for side in ("initiator", "responder")
        }
        counts[connection["stream"]] = {
            member: Counter({end: connection[member][side] for side, end in ends.items()})
            for member in ANALYSIS
        }
    return counts, report["capture"]["duplicate_packets"]


@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("capture", CAPTURES, ids=name_of)
def test_counts_agree(capture: Path) -> None:
    theirs = by_tshark(capture)
    ours, duplicates = by_pcapdiag(capture)
    assert sorted(ours) == sorted(theirs)
    if name_of(capture) in SACK_EDGE:
        for counts in (*ours.values(), *theirs.values()):
            counts["retransmissions"] += counts.pop("out_of_order")
    more = sum(difference(theirs[stream], ours[stream]).total() for stream in ours)
    less = sum(difference(ours[stream], theirs[stream]).total() for stream in ours)
    assert (more <= duplicates, less) == (True, 0), (ours, theirs, duplicates)


def difference(one: dict[str, Counter[str]], other: dict[str, Counter[str]]) -> Counter[str]:
    """What the first counted above the second, by sender."""
    return sum((one[member] - other[member] for member in one), Counter())
