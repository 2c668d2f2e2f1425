"""Findings about the capture itself: what it lost, doubled, cut, or took at the wrong place.

Each says what that means for the verdicts: a reader must know how far to trust them. Only counts
that the reader and the tracker kept go in.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from pcapdiag.model.report import CaptureSummary, Finding

MOSTLY = 0.5
"""Share of connections from which a one-sided capture is the rule and not an accident."""
_NO_STEPS = "let NTP slew instead of step (chronyd -x off, makestep only at start)"
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
    return Finding(
        code="capture.dropped",
        severity="warning",
        title="the capture itself lost packets",
        detail=_sentence(" and ".join(parts)),
        explanation=(
            "The network delivered these packets; the capture did not record them. Verdicts that "
            "rest on something missing are not given for the connections concerned."
        ),
        streams=[],
        count=max(unseen, kernel),
        numbers={"lost_by_capture": unseen, "dropped_by_kernel": kernel},
        fixes=[
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
            "copy both directions. Copies are not counted as retransmissions."
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


def _clock(summary: CaptureSummary) -> Finding | None:
    steps = summary.counts.clock_steps
    if not steps:
        return None
    return Finding(
        code="capture.clock",
        severity="warning",
        title="the capture's clock stepped",
        detail=_sentence(
            "time ran backwards by more than a millisecond "
            + ("once" if steps == 1 else f"{steps:,} times")
        ),
        explanation=(
            "The capturing host's clock was set, or files were joined in the wrong order. Packets "
            "are judged in the order of the file; times across a step say nothing."
        ),
        streams=[],
        count=steps,
        numbers={"steps": steps},
        fixes=[_NO_STEPS],
    )


def clock_set(jumps: Sequence[float], first: str) -> Finding:
    """Return the finding that a point's clock was set: ``jumps`` in seconds, forward positive.

    ``first`` is the label of the point whose clock it was compared with.
    """
    told = ", ".join(f"{abs(jump):,.6f} s {'forward' if jump > 0 else 'back'}" for jump in jumps)
    return Finding(
        code="capture.clock",
        severity="warning",
        title="the capture's clock stepped",
        detail=_sentence(f"compared with {first}'s clock it was set {told}"),
        explanation=(
            "Packets that both points saw show it. The times of this report are corrected; around "
            "a step nothing is concluded from times between the points."
        ),
        count=len(jumps),
        numbers={"steps": len(jumps)},
        fixes=[_NO_STEPS],
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
    _clock,
)
