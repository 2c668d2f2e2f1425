"""ok: The connection worked, or nothing shows that it did not.

What happened
    The connection worked. Trouble that was overcome, and closes that look alarming but came after
    the work was done, are told in notes.

How pcapdiag can tell
    No other verdict fits. A RST after a complete answer or behind a FIN, a layer-4 health check
    (SYN, SYN-ACK, RST), a scanner, loss that was repaired, a window that closed and opened again, a
    SYN-ACK repeated by a listener that waits for data and then served: all of these worked.

Usual causes
    - The work was done.

Fixes
    - First: nothing to mend. Where users still see errors, look at the other leg, or at a capture
      of another point.

Can be confused with
    - capture.partial: something looks wrong, but the capture cannot tell.
    - http.server_errors: an origin's own 5xx is an answer, not a failed connection.
    - http.response_lost: an answer that came whole, and was lost at the other end.

What would settle it
    - `pcapdiag analyze --all CAPTURE` lists what worked, with notes.

References
    - docs/verdicts.md, "What counts as failed".
    - Measured in the lab (docs/lab.md): clients that answer a late close_notify by a RST, HAProxy's
      layer-4 checks, listeners with TCP_DEFER_ACCEPT.
"""

from __future__ import annotations

from pcapdiag.diagnose.bare import is_bare
from pcapdiag.diagnose.ending import ending, outlived
from pcapdiag.diagnose.http.response_lost import early_answer_note
from pcapdiag.diagnose.http.response_rejected import rejection_note
from pcapdiag.diagnose.http.stream_idle_timeout import idle_note
from pcapdiag.diagnose.http2.known import is_incomplete
from pcapdiag.diagnose.icmp.quoted import is_too_big
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.mtu.recovered import mtu_notes
from pcapdiag.diagnose.multipath import NOTE as MULTIPATH
from pcapdiag.diagnose.multipath import UNUSED as UNUSED_SUBFLOW
from pcapdiag.diagnose.multipath import is_multipath, joined_in_vain
from pcapdiag.diagnose.spare import is_spare
from pcapdiag.diagnose.syn_asks import tried_without
from pcapdiag.diagnose.tcp.accept_queue_overflow import REPEAT_MARGIN
from pcapdiag.diagnose.tcp.port_reuse import challenge_ack
from pcapdiag.diagnose.tcp.unacknowledged import fins_in_vain, has_unacked_data
from pcapdiag.diagnose.tls.certificates import lacks_address
from pcapdiag.diagnose.tls.words import subject
from pcapdiag.diagnose.tls_state import (
    is_answered_check,
    left_first,
    nothing_asked,
    request_number,
    tls_facts,
)
from pcapdiag.diagnose.work import Work, connected, one_direction, work
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from pcapdiag.model.units import counted
from pcapdiag.protocols.http.local_reply import IN_PLACE

KIND = Kind(
    code="ok",
    title="worked: {initiator} to {responder}, {requests}",
    explanation="Nothing shows a failure of this connection. {remark}",
)

HIGH_LOSS = 3
"""Retransmissions from which a note is worth its line."""
LEFT_AFTER_TLS = (
    "The initiator finished the TLS handshake and left without a request: a health check, a spare "
    "connection, or a client that did not like the certificate and did not say so."
)
TURNS_OF_A_HANDSHAKE = 3
"""Of TLS 1.2; one more is in use."""
MAX_REQUEST_NOTES = 3
STATUS_LINE = 12
"""Bytes of an answer's beginning that tell its outcome, if any do: HTTP/1.1 and the status."""
PAGE = 128
"""Bytes of an error's page, or all of it, that tell who wrote it."""


def match(story: Story, context: Context) -> Judgement:
    """Return the verdict ``ok`` with notes on what looked alarming and was not."""
    notes = tuple(_notes(story, context))
    end = ending(story)
    return Judgement(
        code=KIND.code,
        failed=False,
        phase=None,
        confidence=0.7 if one_direction(story) or _unread(story) else 0.95,
        ended_by=end.actor if end else None,
        notes=notes,
        facts={
            "requests": _requests(story),
            "remark": " ".join(notes),
        },
    )


def _unread(story: Story) -> list[str]:
    """Tell of bytes that are missing, and could have told of a failure.

    Behind a hole no header of HTTP/2 can be decoded. A refusal in TLS 1.3 is told by the sizes of
    records, and nothing but a few turns comes before it.
    """
    if story.midstream:
        return []
    cut = story.initiator.truncated or story.responder.truncated
    least = STATUS_LINE if story.responder.truncated else 1
    if len(story.hello_responder) < min(least, story.responder.payload_bytes):
        return ["What was asked and answered was not kept: an error in an answer is not seen."]
    if story.http2 is not None and is_incomplete(story):
        return ["The capture lacks bytes of its HTTP/2: what each request got is not known."]
    if cut and tls_facts(story) is not None and 0 < story.turn.index <= TURNS_OF_A_HANDSHAKE:
        return ["The snaplen cut its TLS records: whether an end refused the other is not known."]
    refused = filter(_may_be_refused, story.exchanges) if cut else ()
    return [_cut_refusal(one) for one in refused][:1]


def _may_be_refused(exchange: Exchange) -> bool:
    """Return whether a gateway's status was kept, and not what would say that a gateway gave it."""
    page = len(exchange.body_head) >= min(exchange.length or 0, PAGE)
    return exchange.status in IN_PLACE and not (exchange.complete and page)


def _cut_refusal(exchange: Exchange) -> str:
    answer = f"its answer {exchange.status} (frame {exchange.response_frame})"
    return (
        f"The snaplen cut {answer}: whether a proxy gave it in the upstream's place is not known."
    )


def _requests(story: Story) -> str:
    """Return how many requests were made, in words: those that were read, or else the turns.

    The turns of a TLS handshake are none; in HTTP/2 several requests may be one turn.
    """
    read = story.http.requests if story.http else 0
    number = read or (0 if nothing_asked(story) else request_number(story))
    return counted(number, "request") if number else "no request"


def _notes(story: Story, context: Context) -> list[str]:
    notes = [*_handshake_notes(story), *_reset_notes(story), *_repair_notes(story)]
    notes += [*_request_notes(story), *_tls_notes(story)]
    if one_direction(story):
        notes.append("Only one direction was captured.")
    notes += _unread(story)
    if is_multipath(story) and work(story) is Work.UNKNOWN:
        notes.append(MULTIPATH)
    if joined_in_vain(story):
        notes.append(UNUSED_SUBFLOW)
    if story.midstream:
        notes.append("The capture started within the connection.")
    end = ending(story)
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    if end and end.by_initiator and work(story) is Work.WAITING and not endpoint.turns:
        notes.append("Nobody answers on this port in the capture: read as a one-way transfer.")
    return notes


def _tls_notes(story: Story) -> list[str]:
    if is_answered_check(story):
        return ["HAProxy's TLS health check (ssl-hello-chk): any answer is a good one."]
    end = ending(story)
    left = end and (end.by_initiator or left_first(story, end))
    if not left or not nothing_asked(story):
        return []
    return [LEFT_AFTER_TLS, *_unnamed(story)]


def _unnamed(story: Story) -> list[str]:
    """Tell what a client by address found in the certificate, where it sent no server name."""
    address = story.responder.address
    told = lacks_address(tls_facts(story), address)
    if told is None:
        return []
    return [
        f"It sent no server name, and the certificate is for {subject(told)}, not for {address}: a "
        "client that was given the address alone refuses it."
    ]


def _handshake_notes(story: Story) -> list[str]:
    notes = []
    if challenge_ack(story) is not None and story.syn_ack_count:
        notes.append("The ports were still held by an old connection; the repeated SYN cured it.")
    answered = story.syn_ack_frames[:1]
    if any(r.frame < frame for frame in answered for r in story.resets):
        notes.append("A first SYN was refused; the repeated one was accepted.")
    if story.lost_to is not None and not connected(story):
        note = f"The same host came through over the other address family (stream {story.lost_to})"
        notes.append(f"{note}: this attempt lost the race (RFC 8305).")
    if is_spare(story):
        note = f"A spare connection: {story.initiator.address} went on with stream {story.spare_to}"
        notes.append(f"{note} and closed this one unused.")
    if story.syn_count > 1 and connected(story):
        notes.append(_sent_again(story))
    served_from = story.established_time + REPEAT_MARGIN
    if story.handshake_done and story.syn_ack_times and story.syn_ack_times[-1] > served_from:
        served = "then served" if story.responder.payload_bytes else "to a client that said nothing"
        notes.append(f"SYN-ACK repeated after the handshake, {served} (TCP_DEFER_ACCEPT).")
    return notes


def _reset_notes(story: Story) -> list[str]:
    notes = [
        f"RST in frame {reset.frame} was not accepted: both ends went on."
        for reset in story.resets
        if outlived(story, reset)
    ]
    end = ending(story)
    if end is None or not story.resets or notes:
        return notes
    if not story.turn.index and end.reset and end.by_initiator:
        what = "a port scan" if is_bare(end.reset) else "a layer-4 health check"
        notes.append(f"Opened and reset by the initiator without a request: like {what}.")
    elif end.reset is None:
        notes.append(f"RST in frame {story.resets[0].frame} came after the close: an effect.")
    elif work(story) is Work.DONE:
        notes.append(f"RST in frame {end.frame} came after the answer was complete.")
    return notes


def _sent_again(story: Story) -> str:
    times = f"The SYN was sent {story.syn_count} times"
    asked = tried_without(story)
    if asked is None:
        return f"{times}."
    return (
        f"{times}: with {asked} in vain, and answered without; a device on the way may drop such."
    )


def _request_notes(story: Story) -> list[str]:
    """Tell of answers that were complete, and may have been of no use all the same."""
    http = story.http
    found = (
        tell(story, exchange)
        for exchange in (http.exchanges if http else [])
        for tell in (early_answer_note, rejection_note, idle_note)
    )
    return [note for note in found if note][:MAX_REQUEST_NOTES]


def _repair_notes(story: Story) -> list[str]:
    notes = []
    repeats = story.initiator.retransmissions + story.responder.retransmissions
    if repeats >= HIGH_LOSS:
        missing = has_unacked_data(story.initiator) or has_unacked_data(story.responder)
        in_vain = missing or fins_in_vain(story) > 1
        outcome = "not all was acknowledged" if in_vain else "the loss was repaired"
        notes.append(f"{repeats} segments were sent again; {outcome}.")
    if story.initiator.zero_windows + story.responder.zero_windows:
        notes.append("A receive window was closed for a time and opened again.")
    others = [error.frame for error in story.icmp if not is_too_big(error)]
    if others:
        went_on = any(packet.frame > others[0] for packet in story.packets)
        outcome = "; it went on all the same" if went_on else ", the last that is seen of it"
        notes.append(f"ICMP errors quoted it (frame {others[0]}){outcome}.")
    return notes + mtu_notes(story)
