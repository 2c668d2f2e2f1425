"""Signals for failures without a decisive RST: who was reached, who spoke up by ICMP (measured)."""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.diagnose.attribution.across import host_alive
from pcapdiag.diagnose.attribution.damage import came_damaged, may_be_damaged, refused_some
from pcapdiag.diagnose.attribution.recurring import idle_silence
from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.vantage import vantage
from pcapdiag.diagnose.attribution.view import duration
from pcapdiag.diagnose.filtered import asked_once
from pcapdiag.diagnose.icmp.quoted import hides_its_sender
from pcapdiag.diagnose.tcp.unacknowledged import stuck_data
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.story import Half, Story
from pcapdiag.model.units import SECOND

RESPONDER_SILENT = frozenset(
    {
        "tcp.connection_timeout",
        "tcp.data_timeout",
        "tcp.keepalive_timeout",
        "tcp.accept_queue_overflow",
        "tls.handshake_timeout",
        "http2.ping_timeout",
    }
)
"""Codes where segments of the initiator, as a rule, stayed without an answer."""
INITIATOR_SILENT = frozenset({"tcp.handshake_stalled"})
"""Codes where the responder's answer stayed without one."""
LOST_DATA = frozenset({"tcp.data_timeout", "tcp.keepalive_timeout"})
CONNECTING = frozenset({"tcp.connection_timeout", "tcp.handshake_stalled"})
"""Codes where no connection came up."""
QUEUED = CONNECTING | {"tcp.accept_queue_overflow"}
"""Codes where the listener may not have taken the connection."""
TRIES, ENOUGH, MOSTLY = 2, 3, 0.8
"""SYNs that were captured once; packets captured twice beside them, and their least share."""
MEANWHILE = SECOND
"""Time (ns) from an end's last packet on after which it may be called silent."""
NEIGHBOUR_ASKED = 4 * SECOND
"""Time (ns) within which a router has asked in vain for a neighbour (measured: three seconds)."""
SHOWN = 4


def weigh_silence(story: Story, code: str, context: Context) -> list[Signal]:
    """Return the signals for a failure by silence; empty for other codes."""
    found: list[Signal | None] = []
    spoke_up = code in INITIATOR_SILENT and story.initiator.rst_count
    if code in RESPONDER_SILENT | INITIATOR_SILENT and not spoke_up and not story.goes_on:
        damaged = damaged_on_the_way(story, code, context)
        found.append(
            damaged or not_passed_on(story, code, context) or reached(story, code, context)
        )
        found.append(endpoint_serves(story, code, context))
        found.append(idle_silence(story, context) if code in LOST_DATA else None)
    if code == "tcp.connection_timeout":
        found.append(host_alive(story, context))
    return [s for s in found if s is not None]


def damaged_on_the_way(
    story: Story, code: str, context: Context, elsewhere: Sequence[Story] = ()
) -> Signal | None:
    """Find that what stayed without an answer did not come as it was sent.

    ``elsewhere`` are the stories of the same connection in other captures.
    """
    if code not in RESPONDER_SILENT | INITIATOR_SILENT:
        return None
    return came_damaged(story, not _silent_is_initiator(story, code), context, elsewhere)


def reached(story: Story, code: str, context: Context) -> Signal | None:
    """Use a capture taken on the very host that did not answer: the segments got there.

    Not those of which only the hole was seen.

    With the capture on the responder, a SYN that is not answered means that host's own firewall or
    full queue. With a SYN-ACK in the initiator's own capture and no ACK, its host dropped it behind
    the tap.
    """
    silent_is_initiator = _silent_is_initiator(story, code)
    silent = story.half(silent_is_initiator)
    other = story.half(not silent_is_initiator)
    seen = vantage(story, context)
    stuck = stuck_data(story)
    if stuck is not None and stuck.hole:
        return None
    if seen.place != side_of(silent_is_initiator):
        return None
    if code == "tcp.connection_timeout" and asked_once(story, context):
        return None
    where = f"the capture was taken {'on' if seen.sure else 'beside'} {silent.address}"
    if silent_is_initiator:
        detail = (
            f"{where}: what {other.address} sent got there, and that host did not take it (INPUT "
            "rule, rp_filter)"
        )
        name = "reached_initiator" if seen.sure else "reached_near"
        frames = story.syn_ack_frames[-1:] or (story.responder.last_frame,)
        return signal(name, "initiator", detail, frames, confounded=_doubtful(story, True))
    why = "its firewall or a full accept queue; `nstat` there tells"
    if code not in QUEUED:
        why = "it, its network or its program stands still, or its firewall drops"
    detail = f"{where}: the segments got there, and that host did not answer ({why})"
    frames = story.syn_frames or (story.turn.request_frame or story.first_frame,)
    name = "reached_responder" if seen.sure else "reached_near"
    return signal(name, "responder", detail, frames, confounded=_doubtful(story, False))


def _doubtful(story: Story, silent_is_initiator: bool) -> bool:
    """Return whether what got there may have been damaged."""
    return may_be_damaged(story, not silent_is_initiator) or refused_some(story)


def not_passed_on(story: Story, code: str, context: Context) -> Signal | None:
    """Find that the capturing device had not passed the unanswered SYNs or SYN-ACKs on.

    A router captured on all interfaces (or a mirror of both sides) shows twice what it passes on.
    In the first seconds it may only be asking for the receiver's MAC address, and says so by ICMP
    when nobody answers. What goes to a service's address goes on to another one.
    """
    if code not in CONNECTING or story.initiator.data_segments:
        return None
    silent_is_initiator = _silent_is_initiator(story, code)
    sender, receiver = story.half(not silent_is_initiator), story.half(silent_is_initiator)
    if sender.duplicates or sender.packets < TRIES:
        return None
    if context.host(receiver.address).translated:
        others = (
            f"other connections to {receiver.address} go on to another address in this capture; "
            f"these {sender.packets} packets do not"
        )
    else:
        others = _seen_twice(sender, context) or _seen_twice(receiver, context)
    if not others:
        return None
    detail = f"{others}: the capturing device did not pass them on to {receiver.address}"
    frames = story.syn_ack_frames if silent_is_initiator else story.syn_frames
    soon = context.last_time - story.start < NEIGHBOUR_ASKED
    return signal("not_passed_on", "path", detail, frames[:SHOWN], confounded=soon)


def _seen_twice(half: Half, context: Context) -> str:
    """Say that an address's other packets were captured on their way in and out; else empty."""
    host = context.host(half.address)
    others, twice = host.packets - half.packets, host.duplicates - half.duplicates
    if others < ENOUGH or twice < MOSTLY * others:
        return ""
    return (
        f"{twice} of {others} other packets of {half.address} were captured twice, on their way "
        "in and out; what was sent here only once"
    )


def endpoint_serves(story: Story, code: str, context: Context) -> Signal | None:
    """Find that the silent address and port took new connections meanwhile.

    A host that lives and has lost the connection answers with RST, one that has it with ACK; a
    device that forgot it, or has a rule against it, drops it while SYNs pass (measured). So does a
    load balancer at that address whose server behind is gone.
    """
    silent = story.responder
    if code in CONNECTING or _silent_is_initiator(story, code) or not silent.last_time:
        return None
    last = context.endpoint(silent.address, silent.port).last_established
    if not silent.last_time + MEANWHILE <= last <= story.end + MEANWHILE:
        return None
    later = duration(last - silent.last_time)
    detail = (
        f"{silent.address} port {silent.port} took another connection {later} after its last "
        "packet here: a host that lives would have answered by ACK or RST"
    )
    return signal("endpoint_serves", "path", detail, (silent.last_frame,))


def weigh_icmp(story: Story) -> list[Signal]:
    """Return a signal for the last ICMP error: it names its sender."""
    if not story.icmp:
        return []
    error = story.icmp[-1]
    if hides_its_sender(story, error):
        return []
    quoted_by = story.half(error.from_initiator)
    target = story.half(not error.from_initiator)
    frames = (error.frame,)
    if error.source == target.address:
        side = side_of(not error.from_initiator)
        detail = f"the ICMP error came from {error.source} itself: its own firewall, or no listener"
        return [signal("icmp_from_end", side, detail, frames)]
    if error.source == quoted_by.address:
        side = side_of(error.from_initiator)
        detail = f"the ICMP error came from {error.source}, the sender's own host or its firewall"
        return [signal("icmp_from_end", side, detail, frames)]
    detail = f"the ICMP error came from {error.source}, which is neither end"
    return [signal("icmp_from_path", "path", detail, frames)]


def _silent_is_initiator(story: Story, code: str) -> bool:
    """Return whether it was the initiator that did not answer, by who repeated itself in vain."""
    initiator, responder = story.initiator, story.responder
    if code == "tcp.keepalive_timeout":
        return responder.keep_alives > initiator.keep_alives
    if code in ("tcp.data_timeout", "http2.ping_timeout"):
        answered = initiator.rst_count and not responder.retransmissions
        return responder.unacked > 0 and not initiator.unacked and not answered
    lost_way_back = bool(story.syn_ack_count) and responder.unacked > 0 and not story.turn.index
    return code in INITIATOR_SILENT or lost_way_back
