"""Which TCP stack an end runs, told only where its packets leave little doubt (measured)."""

from __future__ import annotations

from typing import Literal

from pcapdiag.diagnose.attribution.ttl import initial_ttl
from pcapdiag.diagnose.attribution.view import ResetView

Stack = Literal["linux", "apple or FreeBSD", "windows", "unknown"]

ENOUGH = 4
"""Packets with IP ID 0 and DF, data among them, from which on a stack never counts."""
LINUX_TTL, WINDOWS_TTL = 64, 128


def stack(view: ResetView) -> Stack:
    """Return the stack of the RST's alleged sender by its other packets.

    Linux answers a SYN with IP ID 0 and counts from then on, which other connections may show;
    FreeBSD and Apple (sysctl rfc6864) set it to 0 in all packets that have DF; Windows starts with
    TTL 128.
    """
    own = view.earlier
    if view.story.ip_version != 4 or not own:
        return "unknown"
    initial = {initial_ttl(p.ttl) for p in own}
    if initial == {WINDOWS_TTL} and any(p.ip_id for p in own):
        return "windows"
    if initial != {LINUX_TTL}:
        return "unknown"
    answer = next((p for p in own if p.is_syn_ack), None)
    others = [p for p in own if not p.is_syn and not p.is_syn_ack]
    counts = any(p.ip_id for p in others) or (not others and _counts_elsewhere(view))
    if answer and answer.ip_id == 0 and answer.df and counts:
        return "linux"
    silent = all(p.ip_id == 0 and p.df for p in own)
    if silent and len(own) >= ENOUGH and any(p.length for p in own):
        return "apple or FreeBSD"
    return "unknown"


def _counts_elsewhere(view: ResetView) -> bool:
    """Return whether the address's packets on other connections have IP IDs, all from one place."""
    host = view.context.host(view.end.address)
    sent = sum(host.ttls.values()) - host.answered
    return len(host.ttls) == 1 and not host.ip_ids_zero and sent >= ENOUGH
