"""Wireshark as the oracle: stream numbers, and what its tcp.analysis counts, by side."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

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
    "window_probes": ("tcp.analysis.zero_window_probe",),
    "keep_alives": ("tcp.analysis.keep_alive",),
    "keep_alive_acks": ("tcp.analysis.keep_alive_ack",),
}
"""Members of the JSON, and the fields of tshark whose packets they count."""
FIELDS = (
    "tcp.stream",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    *(field for fields in ANALYSIS.values() for field in fields),
)

SPLIT_OTHERWISE = {
    "pcaps/healthy-loss-3-percent/upstream.pcap.gz",
    "pcaps/healthy-reordering-beyond-a-round-trip/client.pcap.gz",
    "pcaps/healthy-reordering-beyond-a-round-trip/upstream.pcap.gz",
    "pcaps/path.loss-to-the-client/upstream.pcap.gz",
}
"""Retransmissions that tshark calls out of order: docs/tcp-analysis.md, Edge of a SACK block."""

OVERTAKEN = {
    "pcaps/tcp.injected_reset-copied-from-trigger/client.pcap": 1,
    "pcaps/tcp.injected_reset-matched-ttl-both-ends/client.pcap": 1,
    "pcaps/tcp.injected_reset-sprayed/client.pcap": 1,
    "pcaps/tcp.reset_in_response-overtakes-data/client.pcap": 1,
}
"""Segments behind a RST that was ahead of them: docs/tcp-analysis.md, Data behind a reset."""

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
            "--disable-protocol",
            "socks",  # It would count a stream more for each tunnel.
            "-Y",
            "tcp && !icmp && !icmpv6",
            "-T",
            "fields",
            "-E",
            "occurrence=l",
            *options,
        ],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode in (0, 2), done.stderr  # 2: the file was cut
    counts: Counts = {}
    for line in done.stdout.splitlines():
        stream, ip4, ip6, port, *marks = line.split("\t")
        found = counts.setdefault(int(stream), {member: Counter() for member in ANALYSIS})
        set_fields = {field for field, mark in zip(FIELDS[4:], marks, strict=True) if mark}
        for member, fields in ANALYSIS.items():
            found[member][f"{ip4 or ip6}:{port}"] += bool(set_fields & set(fields))
    return counts


def by_pcapdiag(capture: Path) -> tuple[Counts, dict[str, Any]]:
    """The same from the report, and what it says of the capture."""
    result = CliRunner().invoke(cli, ["analyze", "--all", "--format", "json", str(capture)])
    report = json.loads(result.stdout)
    counts: Counts = {}
    told = report["capture"]
    told["redirected"] = [n for one in report["connections"] for n in one["streams"][1:]]
    for connection in report["connections"]:
        if not any(connection["packets"].values()):
            continue  # Only ICMP errors quote it; the filter leaves those out.
        ends = {
            side: f"{connection[side]['ip']}:{connection[side]['port']}"
            for side in ("initiator", "responder")
        }
        counts[connection["stream"]] = {
            member: Counter({end: connection[member][side] for side, end in ends.items()})
            for member in ANALYSIS
        }
    return counts, told


@pytest.mark.needs(program="tshark reordercap")
@pytest.mark.parametrize("capture", CAPTURES, ids=name_of)
def test_counts_agree(capture: Path, tmp_path: Path) -> None:
    name = name_of(capture)
    ours, told = by_pcapdiag(capture)
    if told["counts"]["disordered"]:
        capture = in_time_order(capture, tmp_path)
    theirs = by_tshark(capture)
    for answers in told["redirected"]:
        # Their packets are put to the connection whose answers they are, under its own address.
        theirs.pop(answers)
    assert sorted(ours) == sorted(theirs)
    if name in SPLIT_OTHERWISE:
        for counts in (*ours.values(), *theirs.values()):
            counts["retransmissions"] += counts.pop("out_of_order")
    more = {stream: difference(theirs[stream], ours[stream]) for stream in ours}
    less = {stream: difference(ours[stream], theirs[stream]) for stream in ours}
    assert not any(less.values()), f"tshark counts less: {less}"
    surplus = sum(counts.total() for counts in more.values())
    explained = told["duplicate_packets"] + OVERTAKEN.get(name, 0)
    assert surplus <= explained, f"tshark counts more: {more}"


def difference(one: dict[str, Counter[str]], other: dict[str, Counter[str]]) -> Counter[str]:
    """What the first counted above the second, by member and sender."""
    return Counter(
        {
            f"{member} {sender}": count
            for member in one
            for sender, count in (one[member] - other[member]).items()
        }
    )


def in_time_order(capture: Path, folder: Path) -> Path:
    """A copy with the records in time order: slight disorder is put right before counting."""
    copy = folder / "ordered.pcap"
    subprocess.run(["reordercap", str(capture), str(copy)], capture_output=True, check=True)
    return copy
