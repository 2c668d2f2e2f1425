"""Flags, window, options and payload of the RST: which generator made it (measured)."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.stack import LINUX_TTL, stack
from pcapdiag.diagnose.attribution.ttl import initial_ttl
from pcapdiag.diagnose.attribution.view import TICKS_PER_SECOND, TOLERATED, ResetView
from pcapdiag.model.packet import SYN, seq_distance
from pcapdiag.model.units import SECOND

CLOCK_SLACK = 1000
"""Ticks that a timestamp may be off its line: queueing, and captures that get packets in batches,
up to 1 s late (NFLOG). Who invents a timestamp is off by far more."""
LINE = SECOND
"""Time (ns) between two timestamps from which on their line gives the clock's rate."""
NEAR_WINDOW = 4
"""A live socket's window stays within this factor of its last one."""
SHOWN_TEXT = 60
NETSCALER_CODES = frozenset(
    (8196, 8201, 8202, 8204, 8205, 8207, 8212, 9100, *range(9201, 9210), 9212, *range(9300, 9305))
) | {9310, 9400, 9401, 9700, 9701, 9702, 9800, 9811, 9812, 9814, 9817, 9822, 9827, 9830, 9845, 9952}
"""Window values that NetScaler puts into a RST (vendors)."""
SEVERAL = 3
"""Connections of one address reset with a vendor's code before the vendor is named."""


def live_socket(view: ResetView) -> Signal | None:
    """Find the RST of a live socket: RST,ACK with the flow's own window and timestamps.

    Some stacks leave the ACK flag out; then the window must be the very last one (bare.py).
    """
    reset = view.reset
    last = view.earlier[-1] if view.earlier else None
    if last is None or not reset.window or reset.seq != view.next_seq:
        return None
    if not (view.own_window if view.bare else _near(reset.window, last.window)):
        return None
    if _timestamps_used(view) and not view.bare:
        if reset.tsval is None or _clock_error(view) is not False:
            return None
        name, words, says = "live_socket", "window and timestamps", "made by a live socket"
    else:  # lwIP's answers without a socket look so, too (measured).
        name, words, says = "live_socket_plain", "window", "as a live socket makes it"
    kind = "RST" if view.bare else "RST,ACK"
    detail = f"{kind} has the flow's own {words} and the exact next number: {says}"
    return signal(name, view.side, detail, (last.frame, reset.frame))


def timestamp_clock(view: ResetView) -> Signal | None:
    """Find a timestamp that is not on the sender's clock line."""
    if _clock_error(view) is not True:
        return None
    last = [p for p in view.earlier if p.tsval is not None][-1]
    was = f"({last.tsval} before)"
    detail = f"{view.word} has timestamp {view.reset.tsval}, off the sender's clock {was}"
    return signal("timestamp_off", "path", detail, (last.frame, view.reset.frame))


def timestamp_echo(view: ResetView) -> Signal | None:
    """Find a RST,ACK that echoes a timestamp which the peer had not reached (RFC 7323 3.2)."""
    reset = view.reset
    sent = [p.tsval for p in view.peer_earlier if p.tsval is not None]
    known = bool(sent) and not view.apart and not view.echoes_unseen
    if not known or not reset.has_ack or reset.tsval is None or reset.tsecr is None:
        return None
    ahead = min(seq_distance(reset.tsecr, each) for each in sent)
    if ahead <= 0:
        return None
    detail = (
        f"{view.word} echoes timestamp {reset.tsecr}, {ahead:,} beyond what {view.peer.address} "
        "had sent"
    )
    return signal("timestamp_echo_off", "path", detail, (reset.frame,), view.lossy)


def bare_timestamps(view: ResetView) -> Signal | None:
    """Find a bare RST with timestamps from a Linux host, whose reply never has options."""
    reset = view.reset
    if not view.bare or reset.tsval is None or stack(view) != "linux":
        return None
    detail = f"bare RST with timestamps: {view.end.address} runs Linux, whose reply has no options"
    return signal("timestamps_bare", "path", detail, (reset.frame,))


def timestamps_missing(view: ResetView) -> Signal | None:
    """Find a RST,ACK that lacks the flow's timestamps (normal for Apple, where it has a window).

    Linux answers what has an ACK by a bare RST, so its RST,ACK is a live socket's, with timestamps.
    """
    reset = view.reset
    if view.bare or reset.tsval is not None or not view.earlier or not _timestamps_used(view):
        return None
    if not reset.seq:  # It answers what has no ACK (RFC 9293 3.10.7.1), as any host would.
        return None
    detail = f"RST,ACK {'with a' if reset.window else 'with no'} window lacks the timestamps that "
    detail += "the flow uses"
    kind = stack(view)
    if kind == "linux":
        detail += ": Linux would have put them in"
        return signal("timestamps_missing_linux", "path", detail, (reset.frame,))
    if not reset.window:
        # Windows aborts so, and some balancers, which start with TTL 128 or 255.
        ours = initial_ttl(reset.ttl) == LINUX_TTL
        return signal("timestamps_missing", "path", detail, (reset.frame,)) if ours else None
    detail += " (Apple's stacks do that)"
    name = "timestamps_missing_apple" if kind == "apple or FreeBSD" else "timestamps_missing"
    return signal(name, "path", detail, (reset.frame,))


def timestamps_dropped(view: ResetView) -> Signal | None:
    """Find a segment, no RST, without the timestamps that both ends use (RFC 7323 3.2: a MUST)."""
    if view.reset.is_rst or view.reset.tsval is not None:
        return None
    used = any(p.tsval is not None for p in view.earlier)
    if not used or not any(p.tsval is not None for p in view.peer_earlier if not p.is_syn):
        return None
    if any(p.tsval is None for p in view.own):
        return None
    detail = f"{view.word} lacks the timestamps that both ends put into every other segment"
    return signal("timestamps_dropped", "path", detail, (view.reset.frame,))


def reply_form(view: ResetView) -> Signal | None:
    """Note the reply of whoever holds no socket: a host and a filter send the very same."""
    reset = view.reset
    if not view.bare or reset.window or reset.option_bytes or reset.seq not in view.peer_acks:
        return None
    detail = (
        "RST is bare, seq = the ACK before it, no options, window 0: a host without the socket "
        "and a filter or NAT send the same"
    )
    return signal("reply_form", view.side, detail, (reset.frame,))


def odd_window(view: ResetView) -> Signal | None:
    """Find a bare RST with a window: neither of a Linux host's two generators makes it."""
    if not view.bare or not view.reset.window or view.own_window or _vendor_code(view):
        return None
    detail = f"bare RST with window {view.reset.window}: a host's reply has window 0"
    return signal("window_odd", "path", detail, (view.reset.frame,))


def odd_refusal(view: ResetView) -> Signal | None:
    """Find a RST to a SYN that does not have the form of RFC 9293 3.10.7.1.

    Any window is right there: lwIP and libslirp put theirs in (measured). Without ACK the caller
    ignores it (3.10.7.3); passt answers so for whatever it cannot reach (measured), and filters do
    (Raman 2023).
    """
    syn = view.trigger
    if not view.answers_syn or syn is None:
        return None
    reset = view.reset
    if reset.has_ack and reset.seq == 0 and reset.ack == syn.end_seq:
        return None
    if view.bare:
        detail = "bare RST to a SYN: no host's TCP sends it, and the caller's ignores it"
        return signal("refusal_bare", "path", detail, (syn.frame, reset.frame))
    detail = "RST to the SYN is not as a closed port sends it (RST,ACK, seq 0, ack of the SYN)"
    return signal("refusal_odd", "path", detail, (syn.frame, reset.frame))


def vendor_window(view: ResetView) -> Signal | None:
    """Name NetScaler by its reason codes, on several connections only (vendors, measured)."""
    if not _vendor_code(view):
        return None
    detail = f"window {view.reset.window} is one of NetScaler's reason codes, on several resets"
    return signal("vendor_code", view.side, detail, (view.reset.frame,))


def text(view: ResetView) -> Signal | None:
    """Show text carried by the RST; F5 and the like write a reason (RFC 9293 3.5.3)."""
    payload = view.story.reset_payload
    if not payload or not view.reset.length:
        return None
    shown = reset_text(payload)
    detail = f'RST carries the text "{shown}": written by a load balancer or firewall'
    at_host = view.reset.ttl in view.end.ttls
    return signal("reset_text", "path", detail, (view.reset.frame,), confounded=at_host)


def reset_text(payload: bytes) -> str:
    """Return what a RST carries as printable text; a dot stands for anything else."""
    return "".join(chr(b) if 32 <= b < 127 else "." for b in payload[:SHOWN_TEXT])


def _timestamps_used(view: ResetView) -> bool:
    return any(p.tsval is not None for p in view.earlier if not p.is_syn)


def _clock_error(view: ResetView) -> bool | None:
    """Whether the RST's timestamp is off the line of the end's own; None without both."""
    own = [p for p in view.earlier if p.tsval is not None]
    if view.reset.tsval is None or not own:
        return None
    # A SYN may have waited for its neighbour's address (ARP): its timestamp is then too old.
    first, last = next((p for p in own if not p.flags & SYN), own[0]), own[-1]
    gone = seq_distance(view.reset.tsval, last.tsval or 0)
    passed = view.reset.time - last.time
    low, high = 0.0, passed * TICKS_PER_SECOND * TOLERATED / SECOND + CLOCK_SLACK
    if last.time - first.time >= LINE:
        rate = seq_distance(last.tsval or 0, first.tsval or 0) / (last.time - first.time)
        low = passed * rate * 0.9 - CLOCK_SLACK
        high = passed * rate * 1.1 + CLOCK_SLACK
    return not low <= gone <= high


def _near(window: int, last: int) -> bool:
    return last == 0 or last <= window * NEAR_WINDOW <= last * NEAR_WINDOW**2


def _vendor_code(view: ResetView) -> bool:
    window = view.reset.window
    if window not in NETSCALER_CODES or any(p.window == window for p in view.earlier):
        return False
    marks = view.context.host(view.end.address).marks_of_resets
    return marks is not None and marks.windows.get(window, 0) >= SEVERAL
