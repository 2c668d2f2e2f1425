"""Where a connection stood when it failed (the report's ``phase``)."""

from __future__ import annotations

from pcapdiag.diagnose.goodbye import is_tls
from pcapdiag.diagnose.judgement import Phase
from pcapdiag.diagnose.timing import IDLE, quiet_before
from pcapdiag.diagnose.tls_state import handshake_open
from pcapdiag.diagnose.work import Work, connected, sending_request, work
from pcapdiag.model.story import Story

TLS_HANDSHAKE = (0x14, 0x15, 0x16)


def phase_at(story: Story, time: int) -> Phase:
    """Return the phase in which the connection was at ``time``, the moment of its failure."""
    if not connected(story):
        return "connect"
    if in_tls_handshake(story):
        return "tls_handshake"
    state = work(story)
    if state is Work.NOTHING:
        return "idle" if story.midstream else "before_request"
    if state is Work.WAITING:
        return "in_request" if sending_request(story) else "before_response"
    if state is Work.ANSWERING:
        return "in_response"
    if _closing(story, time):
        return "closing"
    idle = state is Work.DONE or quiet_before(story, time) >= IDLE
    return "idle" if idle else "in_response"


def in_tls_handshake(story: Story) -> bool:
    """Return whether the TLS handshake had begun and was not finished by both ends.

    Without facts: whether nothing but handshake records had been sent by the initiator, the
    ClientHello, and in TLS 1.2 the flight after it; once the last flight carries application data
    (or what TLS 1.3 shows as such) the handshake is over for the initiator.
    """
    is_open = handshake_open(story)
    if is_open is not None:
        return is_open
    turn = story.turn
    if not is_tls(story) or turn.index > 2:
        return False
    if turn.index == 1:
        return True
    head = turn.request_head
    return not turn.response_bytes and head[:1] == b"\x16" and not _holds_data(head)


def _holds_data(head: bytes) -> bool:
    at = 0
    while at + 5 <= len(head):
        if head[at] not in TLS_HANDSHAKE:
            return True
        at += 5 + (head[at + 3] << 8 | head[at + 4])
    return False


def _closing(story: Story, time: int) -> bool:
    fins = (story.initiator.fin_time, story.responder.fin_time)
    return any(0 < fin < time for fin in fins)
