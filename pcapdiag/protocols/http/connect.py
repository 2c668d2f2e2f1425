"""Tunnels that a client got by HTTP/1's CONNECT (RFC 9110 section 9.3.6), as far as turns tell."""

from __future__ import annotations

from pcapdiag.model.once import once
from pcapdiag.model.story import Story
from pcapdiag.protocols.http.heads import request_head, status_head

CONNECT = b"CONNECT "


@once
def granted_target(story: Story) -> str | None:
    """Return what a proxy granted a tunnel to: any 2xx is its yes; None where none was granted."""
    if not story.hello_initiator.startswith(CONNECT):
        return None
    asked, answer = request_head(story.hello_initiator), status_head(story.hello_responder)
    return asked.target if asked.method and 200 <= answer.status < 300 else None


def connect_target(story: Story) -> str | None:
    """Return what the last turn's bytes go to through a tunnel; None where they go through none."""
    return granted_target(story) if story.turn.index > 1 else None
