"""What the ends do after the RST (Weaver 2009, measured)."""

from __future__ import annotations

from functools import lru_cache

from pcapdiag.diagnose.attribution.ip_id import continuity
from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.tcp_header import live_socket
from pcapdiag.diagnose.attribution.view import MAX_VIEWS, ResetView, duration, view_reset
from pcapdiag.model.packet import PacketFact, seq_after, seq_distance
from pcapdiag.model.units import MS

OVERTAKEN = MS
"""A packet this soon (ns) after the RST may have been overtaken by it."""
RECENT_IDS = 1000
BOTH_AT_ONCE = 5 * MS
"""Resets of both ends within this time (ns), or one round trip, are one event."""
REPLY_WITHIN = 3
"""Round trips within which a host's reply follows what it answers."""


def goes_on(view: ResetView) -> Signal | None:
    """Find new data or ACKs by the alleged sender after its RST: a socket that reset is gone."""
    for packet in view.later:
        if not _is_new(view, packet) or _sent_before(view, packet):
            continue
        late, told = packet.time - view.reset.time, _comparable(view, packet)
        if not told and late <= _reordered(view):
            continue
        soon = late < OVERTAKEN and not told
        what = "sent new data" if packet.length else "acknowledged more"
        if packet.is_syn_ack:
            what = "accepted the connection"
        elif packet.is_fin and not packet.length:
            what = "sent its FIN"
        detail = (
            f"{view.end.address} {what} {duration(late)} after its alleged RST "
            f"(frame {packet.frame}): it had not reset"
        )
        counted = packet.length or packet.is_syn_ack or packet.is_fin
        name = "data_after" if counted else "acks_after"
        return signal(name, "path", detail, (view.reset.frame, packet.frame), confounded=soon)
    return None


def beyond_fin(view: ResetView) -> Signal | None:
    """Find new data by the alleged sender of a FIN behind it: the stream of a socket ends there."""
    fin = view.reset
    if not fin.is_fin:
        return None
    for packet in view.later:
        if not packet.length or seq_distance(packet.end_seq, fin.end_seq) <= 0:
            continue
        if _sent_before(view, packet):
            continue
        late = packet.time - fin.time
        detail = (
            f"{view.end.address} sent new data {duration(late)} after its alleged FIN "
            f"(frame {packet.frame}): it had not closed"
        )
        soon = late < OVERTAKEN and not _comparable(view, packet)
        return signal("data_behind_fin", "path", detail, (fin.frame, packet.frame), soon)
    return None


def open_after_fin(view: ResetView) -> Signal | None:
    """Find an ACK by the alleged sender of a FIN whose numbers know nothing of that FIN.

    A socket that has sent one writes the number behind it into all that follows, and never
    acknowledges less than it did (RFC 9293 3.4). Probes of an idle connection go one back
    (RFC 9293 3.8.4), and repeat the last acknowledgment.
    """
    fin = view.reset
    if not fin.is_fin:
        return None
    known = {p.ack for p in view.earlier} | {fin.ack}
    for packet in view.later:
        if packet.is_syn or not packet.has_ack:
            continue
        less = seq_distance(packet.ack, fin.ack) < 0
        bare = not packet.length and not packet.is_fin and packet.ack not in known
        before = bare and seq_distance(packet.seq, fin.end_seq) < 0
        late = packet.time - fin.time
        if not (less or before) or late < OVERTAKEN or _sent_before(view, packet):
            continue
        what = "acknowledged less" if less else "used numbers from before it"
        detail = (
            f"{view.end.address} {what} {duration(late)} after its alleged FIN "
            f"(frame {packet.frame}): it had not closed"
        )
        return signal("acks_after", "path", detail, (fin.frame, packet.frame), view.lossy)
    return None


def own_reset(view: ResetView) -> Signal | None:
    """Find the end's own RST after this one: its socket was still alive, and sends only one.

    Before it, it proves nothing: a host answers late segments by more of them (measured). Nor as
    soon after it as packets of this end overtake each other.
    """
    reset = view.reset
    overtaken = reset.time + _reordered(view)
    later = [
        other
        for other in view.story.resets
        if other.frame > reset.frame and other.from_initiator == reset.from_initiator
        if other.window and other.time > overtaken  # As a live socket's has.
    ]
    if not later or _is_own(view):
        return None
    for other in later:
        if _is_own(view_reset(view.story, other, view.context)):
            detail = (
                f"{view.end.address} sent a RST of its own later, with its window and next IP ID "
                f"(frame {other.frame}): its socket was still alive"
            )
            return signal("own_reset", "path", detail, (reset.frame, other.frame))
    return None


def both_ends(view: ResetView) -> Signal | None:
    """Find RSTs in both directions at once, neither a live socket's nor an answer.

    Where both are what a live socket without timestamps sends, both programs may have ended.
    """
    reset = view.reset
    if view.story.initiator.fin_frame or view.story.responder.fin_frame or _marked(reset):
        return None
    at_once = max(BOTH_AT_ONCE, view.min_rtt or 0)
    for other in view.story.resets:
        if other.from_initiator == reset.from_initiator or _marked(other):
            continue
        apart = abs(other.time - reset.time)
        if apart > at_once:
            continue
        opposite = view_reset(view.story, other, view.context)
        if _is_answer(opposite):
            continue
        if _is_answer(view):
            return None
        both_own = _is_own(view) and _is_own(opposite)
        detail = f"both ends were reset within {duration(apart)}, neither RST answers anything"
        frames = (reset.frame, other.frame)
        return signal("reset_both", "path", detail, frames, confounded=both_own)
    return None


@lru_cache(MAX_VIEWS)
def _is_own(view: ResetView) -> bool:
    """Whether the RST is all that a live socket's is: window, numbers, timestamps and IP ID."""
    if live_socket(view) is None:
        return False
    follows = continuity(view)
    return follows is not None and follows.name == "ip_id_continuous"


def _is_new(view: ResetView, packet: PacketFact) -> bool:
    if packet.is_syn_ack:
        return True
    if packet.length or packet.is_fin:
        return seq_distance(packet.end_seq, view.reset.seq) > 0
    if not packet.has_ack:
        return False
    known = max((seq_distance(p.ack, packet.ack) for p in view.earlier if p.has_ack), default=0)
    return known < 0 and packet.time - view.reset.time >= OVERTAKEN


def _sent_before(view: ResetView, packet: PacketFact) -> bool:
    """Whether the packet was made before the RST, or before an earlier one that overtook it too."""
    return any(made_before(packet, reset) for reset in (*view.resets_before, view.reset))


def made_before(packet: PacketFact, reset: PacketFact) -> bool:
    """Return whether a packet is older than a RST that came before it, by timestamp or IP ID.

    So are those that it overtook on the way (measured).
    """
    if packet.tsval is not None and reset.tsval is not None and packet.tsval != reset.tsval:
        return seq_after(reset.tsval, packet.tsval)
    if packet.ip_id and reset.ip_id:
        return 0 < (reset.ip_id - packet.ip_id) & 0xFFFF < RECENT_IDS
    return False


@lru_cache(MAX_VIEWS)
def _reordered(view: ResetView) -> int:
    """Return how long (ns) behind a newer one a packet of this end came at most.

    A RST without a timestamp may have overtaken others by as much.
    """
    newest, late = None, 0
    for packet in view.own:
        if newest is not None and _is_older(packet, newest):
            late = max(late, packet.time - newest.time)
        else:
            newest = packet
    return late


def _is_older(packet: PacketFact, newest: PacketFact) -> bool:
    """Whether it was made before one that came earlier; nobody acknowledges less than before."""
    less = packet.has_ack and newest.has_ack and seq_distance(packet.ack, newest.ack) < 0
    return less or made_before(packet, newest)


def _comparable(view: ResetView, packet: PacketFact) -> bool:
    """Whether timestamps or near IP IDs tell which of the two was made first."""
    if packet.tsval is not None and view.reset.tsval is not None:
        return True
    near = (packet.ip_id - view.reset.ip_id) & 0xFFFF < RECENT_IDS
    return bool(packet.ip_id and view.reset.ip_id) and near


def _marked(reset: PacketFact) -> bool:
    return reset.tsval is not None


@lru_cache(MAX_VIEWS)
def _is_answer(view: ResetView) -> bool:
    """Whether a bare RST may be a host's reply to a segment of the last round trips.

    Where those were left out of the story it may be.
    """
    if not view.bare or view.apart:
        return view.bare
    reset, rtt = view.reset, view.min_rtt or 0
    earliest = reset.time - max(BOTH_AT_ONCE, REPLY_WITHIN * rtt)
    latest = reset.time - rtt * 4 // 5
    answered = (p for p in view.peer_earlier if p.ack == reset.seq)
    return any(earliest <= p.time <= latest for p in answered)
