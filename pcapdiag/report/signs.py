"""One line on what the resets of a group share: the device, the idle time, the window, the text."""

from __future__ import annotations

from pcapdiag.model.report import Connection, Group, ResetSigns
from pcapdiag.model.units import counted
from pcapdiag.report.escape import shown

SAME_TIME, LEAST, MOST = 0.02, 0.05, 1.0
"""Quiet times within this share of each other (at least, at most: seconds) are told as one."""


def signs_text(group: Group, sample: Connection, vantage: str) -> str:
    """Return what nearly all resets of a group share; empty where that says nothing.

    ``vantage`` is where the capture was taken (``capture.vantage``).
    """
    signs = group.signs
    if signs is None or signs.resets < 2:
        return ""
    told = [fact for fact in (_quiet(signs), _text(signs)) if fact]
    if group.side == "path" and signs.window:
        told.append(f"window {signs.window}")
    if not told and (group.side != "path" or signs.hops is None):
        return ""
    many = counted(signs.resets, "connection")
    return ", ".join([_by_whom(group, signs, sample, vantage), many, *told])


def _by_whom(group: Group, signs: ResetSigns, sample: Connection, vantage: str) -> str:
    if group.side == "path":
        if signs.hops is None:
            return "reset by devices at different distances"
        from_where = _place(sample, vantage)
        if signs.hops == 0:
            return f"reset by a device on the link of {from_where}"
        return f"reset by a device {counted(signs.hops, 'hop')} from {from_where}"
    if group.side == "unknown":
        return "reset" if signs.ttl is None else f"reset with TTL {signs.ttl}"
    end = sample.endpoint(group.side)
    return f"reset by {shown(end.ip)}"


def _place(sample: Connection, vantage: str) -> str:
    if vantage not in {"initiator", "responder"}:
        return "the capture point"
    end = sample.endpoint(vantage)
    return f"the {end.role}" if end.role != "unknown" else shown(end.ip)


def _quiet(signs: ResetSigns) -> str:
    shortest, longest = signs.idle_shortest, signs.idle_longest
    if shortest is None or longest is None:
        return ""
    who = "all" if signs.idle == signs.resets else f"{signs.idle:,}"
    until = ""
    if longest - shortest > min(max(SAME_TIME * shortest, LEAST), MOST):
        until = f" to {_seconds(longest)}"
    return f"{who} after {_seconds(shortest)}{until} of quiet"


def _seconds(value: float) -> str:
    """Return seconds, however many: timers are set in them."""
    return f"{value:,.0f} s" if value >= 100 else f"{value:.3g} s"


def _text(signs: ResetSigns) -> str:
    return f'text "{shown(signs.text)}"' if signs.text else ""
