"""When the RST came, and what had prompted it (vendors, measured)."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.view import ResetView, duration
from pcapdiag.diagnose.idle_defaults import products
from pcapdiag.model.once import once
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS, SECOND

LONG_PATH = 5 * MS
"""Round trip (ns) from which on a nearer device would clearly be faster."""
MEASURABLE = MS
"""Round trip (ns) below which jitter hides who was faster."""
TOO_FAST = 0.6
UNITS = (SECOND, 100 * MS, 10 * MS, MS)
"""Units (ns) of clocks too coarse to tell who was faster: converted captures, some appliances."""
USUAL = (0.8, 3.0)
"""Shares of the smallest round trip between which an answer is as fast as usual."""
SEVERAL = 3
"""Connections whose handshakes were not all slow."""
ROUND_TRIPS = 10
"""No answer takes more of them."""
QUIET = SECOND
"""Without a packet of the peer for this long (ns) nothing prompted the RST."""
TIMER_SLACK = 0.01
"""How far, as a share, a quiet time may be from a device's default."""


def answer_time(view: ResetView) -> Signal | None:
    """Compare the RST's delay after what it answers with the way to that end and back."""
    rtt = view.min_rtt
    prompts = answered(view, rtt) if rtt else []
    if not rtt or not prompts:
        return None
    delay = view.reset.time - prompts[0].time
    frames = (prompts[0].frame, view.reset.frame)
    least = min(rtt, view.context.host(view.end.address).min_rtt or rtt)
    if too_fast(delay, least, clock_unit(view.story)):
        if not view.keeps_all_since(view.reset.time - least):
            return None
        detail = (
            f"{view.word} came {duration(delay)} after the segment that it answers; "
            f"{view.end.address} never took less than {duration(least)}"
        )
        sure = _well_measured(view) and _answers_only(view, prompts)
        name = "too_fast_ack" if sure else "too_fast"
        return signal(name, "path", detail, frames)
    delay = view.reset.time - prompts[-1].time
    if delay < USUAL[0] * rtt or any(p.time >= prompts[-1].time for p in view.earlier):
        return None
    frames = (prompts[-1].frame, view.reset.frame)
    detail = f"{view.word} came after {duration(delay)}, the usual round trip of {view.end.address}"
    detail += f" ({duration(rtt)})"
    name = "usual_rtt" if rtt >= LONG_PATH else "usual_rtt_short"
    return signal(name, view.side, detail, frames)


def too_fast(delay: int, rtt: int, unit: int) -> bool:
    """Return whether an answer came sooner than the way takes, whatever a coarse clock cut off."""
    return rtt >= MEASURABLE and delay + unit < TOO_FAST * (rtt - unit)


@once
def clock_unit(story: Story) -> int:
    """Return the coarse unit that all times of a connection are multiples of; 0 where none is."""
    times = [packet.time for packet in story.packets]
    return next((unit for unit in UNITS if all(time % unit == 0 for time in times)), 0)


def _well_measured(view: ResetView) -> bool:
    """Whether the end had answered more than one SYN: that alone may have been slow.

    A radio that wakes up, a full queue, or a relay that connects onwards first delays the SYN-ACK.
    """
    several = view.context.host(view.end.address).answered >= SEVERAL
    return several or any(not p.is_syn_ack for p in view.earlier)


def _answers_only(view: ResetView, prompts: list[PacketFact]) -> bool:
    """Whether the RST answers just these: its numbers were not known from any earlier packet.

    A RST,ACK acknowledges their data. A bare one has their ACK number, and answers a packet.
    """
    if not view.bare:
        return prompts[0].length > 0
    first = next(p for p in view.peer_earlier if p.has_ack and p.ack == view.reset.seq)
    return first.frame == prompts[0].frame and not view.own_window


def unprompted(view: ResetView) -> Signal | None:
    """Find a bare RST that answers nothing: most hosts abort by RST,ACK (measured, bare.py)."""
    trigger = view.trigger
    if not view.bare or trigger is None or view.own_window or view.apart:
        return None
    quiet = view.reset.time - trigger.time
    if quiet <= max(QUIET, ROUND_TRIPS * (view.min_rtt or 0)):
        return None
    detail = (
        f"bare RST after {duration(quiet)} without a segment to answer: a host sends RST,ACK "
        "of its own accord, and a bare one only in reply"
    )
    return signal("unprompted_bare", "path", detail, (trigger.frame, view.reset.frame), view.lossy)


def idle_timer(view: ResetView) -> Signal | None:
    """Note a quiet time that is a device's default. The number alone never names the product."""
    for quiet in (view.story.turn.gap, _quiet(view)):
        if quiet < QUIET:
            continue
        seconds = quiet / 1e9
        devices = products(seconds / (1 + TIMER_SLACK), seconds * (1 + TIMER_SLACK))
        if devices:
            detail = (
                f"quiet for {duration(quiet)} before: a default of {devices}; the number alone "
                "proves nothing"
            )
            return signal("idle_timer", "path", detail, (view.reset.frame,))
    return None


def answered(view: ResetView, rtt: int) -> list[PacketFact]:
    """Return the peer's packets, within an answer's usual time, that the RST's numbers answer."""
    reset = view.reset
    since = reset.time - USUAL[1] * rtt
    recent = [p for p in view.peer_earlier if p.time >= since]
    if view.bare:
        return [p for p in recent if p.ack == reset.seq and p.has_ack]
    return [p for p in recent if p.end_seq == reset.ack and p.end_seq != p.seq]


def _quiet(view: ResetView) -> int:
    if view.apart:
        return 0
    before = [p.time for p in (*view.earlier[-1:], *view.peer_earlier[-1:])]
    return view.reset.time - max(before) if before else 0
