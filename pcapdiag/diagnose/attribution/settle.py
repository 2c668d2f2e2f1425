"""The second capture that would tell the ends from the path, and the commands that use it."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.vantage import vantage
from pcapdiag.model.context import Context
from pcapdiag.model.report import Attribution, Role
from pcapdiag.model.story import Half, Story

THIS = "this.pcap"
"""Stands for the capture at hand: its name is the user's, and goes into no command."""

SETTLE = "settle it with a capture on"
"""How evidence says that; a report that has the capture leaves it out."""


def would_settle(who: Attribution) -> bool:
    """Return whether a second capture tells more: an end or the path, and not which end."""
    return who.side == "unknown" and any(c.side == "path" for c in who.candidates)


def capture_that_settles(story: Story, context: Context) -> str:
    """Return where a capture would tell the ends from the path: on the end not captured yet."""
    place, _ = _missing(story, context)
    return f"{SETTLE} {place.address} at the same time"


def settling_commands(story: Story, context: Context, roles: tuple[Role, Role]) -> tuple[str, str]:
    """Return the commands for that capture and for both together; ``roles`` are those of the ends.

    Only addresses, ports and our own words go in.
    """
    place, other = _missing(story, context)
    initiator, responder = _labels(roles)
    there, here = (responder, initiator) if place is story.responder else (initiator, responder)
    port = story.responder.port
    return (
        f"tcpdump -ni any -w {there}.pcap 'host {other.address} and tcp port {port}'"
        f"  # on {place.address}, while it fails; and here once more, into {THIS}",
        f"pcapdiag correlate {here}={THIS} {there}={there}.pcap",
    )


def _missing(story: Story, context: Context) -> tuple[Half, Half]:
    """Return the end on which to capture, and the other one."""
    if vantage(story, context).place == "responder":
        return story.initiator, story.responder
    return story.responder, story.initiator


def _labels(roles: tuple[Role, Role]) -> tuple[str, str]:
    """Return a label for each end: its role, where that tells them apart."""
    initiator, responder = roles
    if initiator == responder or "unknown" in roles:
        return "initiator", "responder"
    return initiator, responder
