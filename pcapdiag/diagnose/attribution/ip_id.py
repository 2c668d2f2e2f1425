"""IP identification of the RST (IPv4; measured). ID 0 with DF says nothing."""

from __future__ import annotations

from itertools import pairwise

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.stack import LINUX_TTL
from pcapdiag.diagnose.attribution.ttl import initial_ttl
from pcapdiag.diagnose.attribution.view import ResetView
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.units import SECOND

SLACK = 3
"""IDs that packets outside the capture may have used between two captured ones."""
DEFAULT_MSS = 1460
RECENT = 4
"""Packets of the end that show whether its IDs count up."""
QUIET = SECOND
"""Time (ns) in which a host that has one counter for all its packets sends others."""


def continuity(view: ResetView) -> Signal | None:
    """Weigh whether the RST continues the flow's own IDs: ahead by what was sent (measured).

    Linux counts by connection; some others (Windows, lwIP, libslirp) have one counter for all, and
    whoever leaves DF clear shares one among connections (RFC 6864 asks for IDs only there).
    """
    own = _numbered(view)
    reset = view.reset
    if not own or not reset.ip_id or view.story.ip_version != 4:
        return None
    last = next((p for p in view.overtook if _follows(view, p, reset)), own[-1])
    # A host that answers each late segment by a RST counts on.
    for earlier in view.resets_before:
        last = earlier if _follows(view, last, earlier) else last
    again = next((p for p in view.later if p.ip_id == reset.ip_id), None)
    if again is not None:
        detail = (
            f"{view.word} has IP ID {reset.ip_id}, which {view.end.address} itself used after it"
        )
        return signal("ip_id_taken", "path", detail, (reset.frame, again.frame))
    if view.apart:
        return None
    if _follows(view, last, reset):
        detail = (
            f"{view.word} has IP ID {reset.ip_id}, next in the flow's own count "
            f"({last.ip_id} before it): the host's own"
        )
        return signal("ip_id_continuous", view.side, detail, (last.frame, reset.frame))
    if len(own) == 1 or not all(_follows(view, a, b) for a, b in pairwise(own)):
        return None
    detail = f"{view.word} has IP ID {reset.ip_id}; the flow's own count stood at {last.ip_id}"
    shared = reset.time - last.time >= QUIET and initial_ttl(last.ttl) != LINUX_TTL
    doubtful = shared or not last.df or view.echoes_unseen
    return signal("ip_id_off", "path", detail, (last.frame, reset.frame), doubtful)


def copied(view: ResetView) -> Signal | None:
    """Find IP ID or window taken over from the packet that the RST answers (Weaver 2009)."""
    trigger, reset = view.trigger, view.reset
    if trigger is None or view.apart or (view.earlier and _follows(view, view.earlier[-1], reset)):
        return None
    same_id = reset.ip_id != 0 and reset.ip_id == trigger.ip_id
    windows = {p.window for p in view.earlier}
    same_window = 0 < reset.window == trigger.window and reset.window not in windows
    if not same_id:
        return None
    what = f"IP ID {reset.ip_id}" + (f" and window {reset.window}" if same_window else "")
    detail = f"RST has {what} copied from the packet that it answers: hosts do not copy"
    name = "header_copied_twice" if same_window else "header_copied"
    return signal(name, "path", detail, (trigger.frame, reset.frame))


def _numbered(view: ResetView) -> list[PacketFact]:
    return [p for p in view.earlier if p.ip_id and not p.is_syn_ack][-RECENT:]


def _follows(view: ResetView, before: PacketFact, after: PacketFact) -> bool:
    if not before.ip_id or not after.ip_id:
        return False
    step = (after.ip_id - before.ip_id) & 0xFFFF
    size = min(view.end.mss or DEFAULT_MSS, view.peer.mss or DEFAULT_MSS)
    return 1 <= step <= max(1, -(-before.length // size)) + SLACK
