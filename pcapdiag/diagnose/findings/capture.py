"""capture.dropped: The capture itself lost packets.

What happened
    The network delivered packets that the capture did not record.

How pcapdiag can tell
    Acknowledgments for bytes that the capture never saw, and the counters of pcapng. Verdicts that
    rest on something missing are not given for the connections concerned. Bytes that come behind
    their acknowledgment (a mirror port with a queue for each direction) are not missing.

Usual causes
    - The buffer was too small for a burst, or the disk too slow.
    - A capture filter for flags or sizes: SYN, FIN and RST alone say little of requests.
    - Too much was captured.

Fixes
    - First: capture again with a bigger buffer, or less of the traffic.
    - Capture: `tcpdump -B 65536`, `dumpcap -B 64`; a filter; a shorter snaplen (`-s 256`); a file
      on a fast disk; `-w` and no printing.

Can be confused with
    - path.loss: the network lost them.
    - capture.truncated: packets are there, and cut.
    - capture.one_direction: all of one direction is missing.

What would settle it
    - tcpdump's last line: "packets dropped by kernel".

References
    - tcpdump(1), `-B`; pcapng, Interface Statistics Block (isb_ifdrop).


capture.duplicates: The same packet was captured more than once.

What happened
    Copies of packets are in the capture. They count once, and are not called retransmissions.

How pcapdiag can tell
    The same bytes within moments, told apart from real repeats by IP ID, TTL, interface and time.

Usual causes
    - `-i any` on a host that forwards, or with bridges.
    - A mirror port that copies both directions of a packet's way.

Fixes
    - First: nothing, unless the file is too big: the copies are not counted.
    - Kubernetes: on a node, the pod's veth or the node's own interface, not `any`.
    - Capture: one interface (`-i eth0`); mirror one side only.

Can be confused with
    - capture.mixed_points: files of two points given as one.
    - path.loss: a real repeat comes a round trip or a timeout later.

What would settle it
    - `tshark -r FILE -T fields -e frame.interface_name -e ip.id -e ip.ttl`: copies differ in the
      interface or by one hop.

References
    - Measured in the lab (docs/lab.md): with `-i any` on a router each packet comes twice, 3 to 15
      microseconds apart, the TTL one lower.


capture.truncated: The snaplen cut packets.

What happened
    Packets are shorter in the file than they were on the wire.

How pcapdiag can tell
    The captured length against the packet's own. TCP verdicts do not need the payload; what TLS and
    HTTP said may be unreadable, and then a verdict is less sure.

Usual causes
    - A short snaplen (`-s 96`), or a tool that keeps headers only.

Fixes
    - First: capture again with whole packets, if the answer hangs on HTTP or TLS.
    - Capture: `-s 0` (tcpdump's default), or at least `-s 1600`.

Can be confused with
    - capture.dropped: packets are missing altogether.
    - capture.partial: what a connection becomes of which too little is left.

What would settle it
    - `capinfos FILE` shows the snaplen.

References
    - tcpdump(1), `-s`.


capture.one_direction: Only one direction was captured.

What happened
    Of some connections the capture holds the packets of one end only.

How pcapdiag can tell
    Connections with packets of one end, whose acknowledgments show that the other end spoke. What
    one end alone shows is judged; the rest is capture.partial.

Usual causes
    - Packets take another way in the other direction (asymmetric routing, direct server return).
    - A mirror port that copies one direction.
    - A filter by source or destination: `src A`.

Fixes
    - First: capture at an end, or at a place that both directions pass.
    - Kubernetes: in the pod's network namespace both directions pass.
    - Network: merge the captures of both ways, and give both files to pcapdiag.
    - Capture: filter `host A and host B`, not `src A`; mirror both directions of the port.

Can be confused with
    - capture.dropped: parts of both directions are missing.
    - tcp.handshake_stalled: the other direction really failed.

What would settle it
    - A capture on one of the two hosts.

References
    - docs/verdicts.md, capture.partial.


capture.mixed_points: Files of two capture points were given as one.

What happened
    The files hold the same packets as two points see them. Read as one capture, the second copy
    looks like a duplicate, and the time between the points is lost.

How pcapdiag can tell
    The same packet in two files, with another TTL or at another time.

Usual causes
    - `pcapdiag analyze` was given the captures of a client and a server together.
    - Files of two points were merged by mergecap.

Fixes
    - First: compare them instead. That says more: which packet left one point and never reached the
      next.
    - Capture: `pcapdiag correlate LABEL=FILE LABEL=FILE`; keep the files of each point apart.

Can be confused with
    - capture.duplicates: copies within one capture.
    - capture.clock: the clock of one capture stepped.

What would settle it
    - `capinfos -e -a FILE` of each: do they overlap in time?

References
    - docs/correlate.md: how points are compared.
"""

from __future__ import annotations

from collections.abc import Callable

from pcapdiag.diagnose.findings.capture_clock import clock
from pcapdiag.model.report import CaptureSummary, Finding

MOSTLY = 0.5
"""Share of connections from which a one-sided capture is the rule and not an accident."""
FILTERED = 0.1
"""Share of packets from which so many missing bytes look like the work of a capture filter."""
_LACKS = "the capture lacks packets: lost, or left out by its filter"
_WHOLE = "a filter for addresses and ports, not for flags or sizes: it lets whole connections pass"
FEW = 0.01
"""Share of packets below which duplicates need no word of warning."""


def capture_findings(
    summary: CaptureSummary, connections: int, mixed: int = 0, mixed_frame: int = 0
) -> list[Finding]:
    """Return the findings about a capture with that many connections.

    ``mixed`` counts packets that two files hold with different TTL or time, as two capture points
    do; ``mixed_frame`` is the first of them.
    """
    found = [make(summary) for make in _BY_SUMMARY]
    found.append(_one_direction(summary, connections))
    found.append(_mixed_points(summary, mixed, mixed_frame))
    return [finding for finding in found if finding is not None]


def _dropped(summary: CaptureSummary) -> Finding | None:
    unseen, kernel = summary.counts.lost_by_capture, summary.counts.dropped_by_kernel
    if not unseen and not kernel:
        return None
    parts = []
    if unseen:
        are = "acknowledgment is" if unseen == 1 else "acknowledgments are"
        parts.append(f"{unseen:,} {are} for bytes that are not in the capture")
    if kernel:
        parts.append(f"the capturing system counted {_packets(kernel, 'dropped ')}")
    filtered = unseen >= FILTERED * summary.packets > 0
    return Finding(
        code="capture.dropped",
        severity="warning",
        title=_LACKS if filtered else "the capture itself lost packets",
        detail=_sentence(" and ".join(parts)),
        explanation=(
            "The network delivered these packets; the capture did not record them. Verdicts that "
            "rest on something missing are not given for the connections concerned."
        ),
        streams=[],
        count=max(unseen, kernel),
        numbers={"lost_by_capture": unseen, "dropped_by_kernel": kernel},
        fixes=[
            *([_WHOLE] if filtered else []),
            "a bigger buffer: tcpdump -B 65536, dumpcap -B 64",
            "less to write: a capture filter, a shorter snaplen (-s 256), a faster disk",
        ],
    )


def _duplicates(summary: CaptureSummary) -> Finding | None:
    number = summary.duplicate_packets
    if not number:
        return None
    share = number / max(1, summary.packets)
    return Finding(
        code="capture.duplicates",
        severity="info",
        title="packets were captured more than once",
        detail=_sentence(f"{_packets(number)} ({share:.0%}) repeat another one, and count once"),
        explanation=(
            "Usual with -i any on a host that forwards, with bridges, and with mirror ports that "
            "copy both directions. On one interface of an end host the network may deliver them "
            "twice: a loop, a mirror, teamed links. Copies are not counted as retransmissions."
        ),
        streams=[],
        count=number,
        numbers={"duplicates": number, "share": round(share, 4)},
        fixes=["capture on one interface (-i eth0)"] if share >= FEW else [],
    )


def _truncated(summary: CaptureSummary) -> Finding | None:
    number = summary.truncated_packets
    if not number:
        return None
    share = number / max(1, summary.packets)
    return Finding(
        code="capture.truncated",
        severity="warning" if share >= FEW else "info",
        title="the snaplen cut packets",
        detail=_sentence(
            f"{_packets(number)} ({share:.0%}) cut: shorter in the file than on the wire"
        ),
        explanation=(
            "TCP verdicts do not need the payload. Whether an HTTP answer was complete, and what "
            "TLS said, may be unreadable, and then the verdict is less sure."
        ),
        streams=[],
        count=number,
        numbers={"truncated": number, "share": round(share, 4)},
        fixes=["capture with -s 0 (tcpdump's default), or at least -s 1600"],
    )


def _one_direction(summary: CaptureSummary, connections: int) -> Finding | None:
    number = summary.counts.one_direction
    if not number:
        return None
    mostly = number >= MOSTLY * connections
    return Finding(
        code="capture.one_direction",
        severity="warning" if mostly else "info",
        title="only one direction was captured",
        detail=_sentence(
            f"of {number:,} of {connections:,} connections the capture holds one end only"
        ),
        explanation=(
            "Packets take another way in the other direction, or a mirror port copies one of them "
            "only. What one end alone shows is judged; the rest is capture.partial."
        ),
        streams=[],
        count=number,
        numbers={"one_direction": number, "connections": connections},
        fixes=[
            "capture at an end, or at a place that both directions pass",
            "a filter for both directions: host A and host B, not src A",
        ],
    )


def _mixed_points(summary: CaptureSummary, mixed: int, frame: int) -> Finding | None:
    if not mixed:
        return None
    import shlex  # Only here: few captures have it.

    named = enumerate((shlex.quote(file.path) for file in summary.files), 1)
    points = " ".join(f"point{number}={path}" for number, path in named)
    return Finding(
        code="capture.mixed_points",
        severity="warning",
        title="these files were taken at different points",
        detail=_sentence(f"{_packets(mixed)} in more than one file, as two points see them"),
        explanation=(
            "Read as one capture, the second copy looks like a duplicate and the time between the "
            "points is lost. Compared with each other the files say more: which packet left one "
            "point and never reached the next."
        ),
        streams=[],
        frames=[frame] if frame else [],
        count=mixed,
        numbers={"packets": mixed},
        commands=[f"pcapdiag correlate {points}"] if points else [],
    )


def _packets(number: int, kind: str = "") -> str:
    return f"{number:,} {kind}{'packet' if number == 1 else 'packets'}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


_BY_SUMMARY: tuple[Callable[[CaptureSummary], Finding | None], ...] = (
    _dropped,
    _duplicates,
    _truncated,
    clock,
)
