"""capture.clock: The capture's clock stepped.

What happened
    Time ran backwards within the file, or a point's clock was set. Times across the step say
    nothing.

How pcapdiag can tell
    One capture: times that go back by more than a millisecond, in the order of the file. By less
    than 100 ms they are told as such, without a warning: NTP slews what is less, and cards with
    several queues hand packets over late. Several: packets that two points saw show a jump between
    their clocks; the report's times are corrected.

Usual causes
    - NTP stepped the clock; a virtual machine was resumed.
    - Files were joined in the wrong order.

Fixes
    - First: packets are judged in the order of the file. Look at times across the step with care.
    - Linux: let NTP slew and not step: `makestep` only at the start in chrony.conf.
    - Capture: give the files one by one; pcapdiag orders them by time.

Can be confused with
    - capture.mixed_points: files of two points given as one.

What would settle it
    - `chronyc tracking`, and the journal of that minute.

References
    - chrony.conf(5), makestep.
"""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.model.report import CaptureSummary, Finding

_NO_STEPS = "let NTP slew instead of step (chronyd -x off, makestep only at start)"


def clock(summary: CaptureSummary) -> Finding | None:
    """Return the finding about times that go back within a capture, or None."""
    steps = summary.counts.clock_steps
    if not steps:
        return None
    times = "once" if steps == 1 else f"{steps:,} times"
    if steps == summary.counts.slight_clock_steps:
        return _slight(steps, times)
    return Finding(
        code="capture.clock",
        severity="warning",
        title="the capture's clock stepped",
        detail=f"Time ran backwards by more than a millisecond {times}.",
        explanation=(
            "The capturing host's clock was set, or files were joined in the wrong order. Packets "
            "are judged in the order of the file; times across a step say nothing."
        ),
        streams=[],
        count=steps,
        numbers={"steps": steps},
        fixes=[_NO_STEPS],
    )


def _slight(steps: int, times: str) -> Finding:
    return Finding(
        code="capture.clock",
        severity="info",
        title="times in the capture go back a little",
        detail=f"By 1 to 100 ms {times}, in the order of the file.",
        explanation=(
            "Packets that the network card stamped and the kernel handed over late, several "
            "queues, or a clock that was set by so little. Packets are judged in the order of the "
            "file."
        ),
        streams=[],
        count=steps,
        numbers={"steps": steps},
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
        detail=f"Compared with {first}'s clock it was set {told}.",
        explanation=(
            "Packets that both points saw show it. The times of this report are corrected; around "
            "a step nothing is concluded from times between the points."
        ),
        count=len(jumps),
        numbers={"steps": len(jumps)},
        fixes=[_NO_STEPS],
    )
