"""How far the connection's work had come when it ended: nothing asked, waiting, answering, done."""

from __future__ import annotations

from enum import Enum

from msgspec.structs import replace

from pcapdiag.diagnose.completeness import (
    HTTP1,
    Completeness,
    pipelined_behind,
    request_incomplete,
    response_completeness,
)
from pcapdiag.diagnose.disorder import answers_unseen, clock_stepped, fin_came_early
from pcapdiag.diagnose.ending import Ending, closed_at_once, ending
from pcapdiag.diagnose.goodbye import (
    asks_for_answer,
    bytes_not_captured,
    responder_said_goodbye,
    waits_for_no_stream,
)
from pcapdiag.diagnose.greeting import refused_at_the_door
from pcapdiag.diagnose.http2.known import drained, first_open, has_begun, tells_all
from pcapdiag.diagnose.multipath import is_multipath
from pcapdiag.diagnose.one_way import known_to_answer
from pcapdiag.diagnose.postgres import last_word
from pcapdiag.diagnose.statements import is_unfinished
from pcapdiag.diagnose.tls_asked import unanswered_request
from pcapdiag.diagnose.tls_state import data_came_late, nothing_answered, nothing_asked
from pcapdiag.model.context import Context
from pcapdiag.model.moment import moment
from pcapdiag.model.once import once
from pcapdiag.model.packet import PacketFact, seq_add, seq_distance
from pcapdiag.model.story import Story, Turn
from pcapdiag.model.units import SECOND


class Work(Enum):
    """Where the last request stood."""

    NOTHING = "nothing asked"
    WAITING = "request without a byte of answer"
    ANSWERING = "answer begun, and known not to be complete"
    UNKNOWN = "answer begun, in a protocol whose end cannot be read"
    DONE = "answered, or nothing that needed an answer"


@once
def work(story: Story) -> Work:
    """Return where the last request stood when the connection ended, as far as its bytes tell.

    What a subflow of Multipath TCP lacks is not known, unless a RST cut it before any answer.
    """
    state = _by_bytes(story)
    if state not in (Work.WAITING, Work.ANSWERING) or not is_multipath(story):
        return state
    end = ending(story)
    cut = state is Work.WAITING and end is not None and end.reset is not None
    return state if cut else Work.UNKNOWN


def _by_bytes(story: Story) -> Work:
    turn = story.turn
    if story.responder.payload_bytes and clock_stepped(story):
        return Work.UNKNOWN
    if turn.index == 0 or nothing_asked(story) or refused_at_the_door(story):
        return Work.NOTHING
    by_streams = _by_streams(story)
    if by_streams is not None:
        unsure = by_streams in (Work.WAITING, Work.ANSWERING) and answers_unseen(story)
        return Work.UNKNOWN if unsure else by_streams
    in_time = answer_in_time(story)
    if not asks_for_answer(story) and not in_time:
        return Work.DONE if unanswered_request(story) is None else Work.WAITING
    if in_time == 0:
        apart = _answer_in_disorder(story) or opened_by_both(story)
        unsure = apart and not nothing_answered(story)
        unsure = unsure or answers_unseen(story) or waits_for_no_stream(story)
        return Work.UNKNOWN if unsure else Work.WAITING
    if last_word(story) and not story.responder.rst_count:
        return Work.WAITING
    if in_time < turn.response_bytes and turn.response_head.startswith(HTTP1):
        return Work.DONE if _was_complete(turn, in_time) else Work.ANSWERING
    if pipelined_behind(story) is not None and not answers_unseen(story):
        return Work.WAITING
    state = response_completeness(turn)
    if state is Completeness.COMPLETE or responder_said_goodbye(story):
        return Work.DONE
    if state is Completeness.UNREADABLE:
        return Work.UNKNOWN
    return Work.WAITING if state is Completeness.INTERIM else Work.ANSWERING


def _was_complete(turn: Turn, in_time: int) -> bool:
    """Return whether the bytes that came in time were the whole answer; then the rest was none."""
    told = replace(turn, response_bytes=in_time, response_tail=b"")
    return response_completeness(told) is Completeness.COMPLETE


def _by_streams(story: Story) -> Work | None:
    """Return where HTTP/2's first unfinished stream stood; None where the streams are not known.

    A client that leaves a stream whose answer goes on, or a gRPC call that need not answer yet, may
    have had all that it wanted. A drain's lost streams are judged one by one.
    """
    if not tells_all(story):
        return None
    stream, end = first_open(story), ending(story)
    if not story.responder.payload_bytes and end is not None and not end.by_initiator:
        # A server's SETTINGS answer the preface itself (RFC 9113 section 3.4).
        return Work.WAITING
    if stream is None or drained(story) is not None:
        return Work.DONE
    begun = has_begun(stream)
    if end is not None and end.by_initiator:
        # What a server still says to a client that has left answers nobody.
        begun = begun and (stream.response_time or 0) <= end.time
        if begun or stream.grpc is not None:
            return Work.UNKNOWN
    return Work.ANSWERING if begun else Work.WAITING


@once
def answer_in_time(story: Story) -> int:
    """Return how many bytes of the answer came before the FIN or RST that ended the connection.

    What a live sender still sends after a forged RST or behind a forged FIN, or after the initiator
    left, reached nobody.
    """
    if nothing_answered(story):
        return 0
    end = ending(story)
    sent = story.turn.response_bytes
    half = story.responder
    if end is None or not sent:
        return sent
    if data_came_late(story, end):
        return 0
    if end.reset is None and not end.by_initiator:
        return max(0, sent - max(0, seq_distance(half.data_end, half.fin_seq)))
    if (half.last_data_time, half.last_data_frame) <= moment(end):
        return sent
    return max(0, sent - max(0, seq_distance(half.data_end, _sent_until(story, end))))


def _sent_until(story: Story, end: Ending) -> int:
    """Return the sequence number after the responder's last byte that came before the end."""
    before = [
        seq_add(packet.seq, packet.length)
        for packet in story.packets
        if not packet.from_initiator
        and packet.length
        and not packet.is_rst
        and _came_before(packet, end)
    ]
    read = story.initiator.fin_ack if end.reset is None else story.responder.acked or 0
    if end.by_initiator and (end.reset is None or end.reset.has_ack):
        # What it acknowledges had come, wherever the capture has it.
        before.append(read if end.reset is None else end.reset.ack)
    return max(before, key=lambda seq: seq_distance(seq, read), default=read)


def _came_before(packet: PacketFact, end: Ending) -> bool:
    """Return whether the responder's packet came before the end, or was overtaken by its RST."""
    if moment(packet) < moment(end):
        return True
    if end.reset is None or end.by_initiator:
        return False
    return seq_distance(seq_add(packet.seq, packet.length), end.reset.seq) <= 0


def _answer_in_disorder(story: Story) -> bool:
    """Return whether the answer was captured before its request, or behind the FIN that follows it.

    A mirror port may do that; its bytes then count for no turn. An answer that acknowledges the
    initiator's FIN was sent behind it.
    """
    half, asked = story.initiator, story.turn.request_frame
    request_end = half.data_end
    sent: set[int] = set()
    closed = story.responder.fin_frame > 0 and not story.resets and not story.packets_left_out
    for packet in story.packets:
        if packet.from_initiator or not packet.length:
            continue
        answers = packet.has_ack and seq_distance(packet.ack, request_end) >= 0
        behind = closed and packet.frame > asked and packet.seq not in sent
        behind = behind and not (half.fin_frame and seq_distance(packet.ack, half.fin_seq) > 0)
        if answers and (packet.frame < asked or behind):
            return True
        sent.add(packet.seq)
    return False


def opened_by_both(story: Story) -> bool:
    """Return whether both ends sent a SYN (RFC 9293 section 3.5): peers, of whom neither asks."""
    return any(p.is_syn and not p.from_initiator for p in story.packets)


def sending_request(story: Story) -> bool:
    """Return whether the request itself was still being sent."""
    if tells_all(story):
        stream = first_open(story)
        return stream is not None and not stream.request_complete
    return request_incomplete(story.turn) or is_unfinished(story)


def connected(story: Story) -> bool:
    """Return whether it was established, also where the capture missed a handshake packet."""
    if story.established:
        return True
    talked = story.responder.payload_bytes > 0 or story.responder.fin_frame > 0
    if talked or (story.syn_count == 0 and story.initiator.payload_bytes > 0):
        return True
    # Before its SYN-ACK an initiator acknowledges nothing, save by RST.
    acks = (p for p in story.packets if p.from_initiator and p.has_ack and not p.is_rst)
    return not story.syn_ack_count and any(acks)


def one_direction(story: Story) -> bool:
    """Return whether one end's packets are missing although it must have sent some.

    An initiator that sends data or acknowledges was answered; a responder alone was asked.
    """
    if story.responder.packets == 0:
        return story.initiator.packets > story.syn_count + resets_unheard(story)
    return story.initiator.packets == 0


def resets_unheard(story: Story) -> int:
    """Return how many RSTs the initiator sent that acknowledge nothing, though they bear an ACK.

    A program that closes while its SYN is unanswered makes some kernels say so (Android, seen); in
    answer to a SYN-ACK it would be a bare RST (RFC 9293 section 3.10.7.3).
    """
    return sum(1 for r in story.resets if r.from_initiator and r.has_ack and r.ack == 0)


def answer_may_be_missing(story: Story) -> bool:
    """Return whether the capture lost bytes of the answer: then "no answer" is no fact."""
    if story.initiator.acked_unseen or one_direction(story) or _lost_before_fin(story):
        return True
    if story.responder.payload_bytes and clock_stepped(story):
        return True
    return work(story) is Work.WAITING and _acknowledged_answer(story)


def _acknowledged_answer(story: Story) -> bool:
    """Return whether the initiator acknowledged more bytes than were captured of the responder."""
    asked = story.packet(story.turn.request_frame)
    acked, half = story.responder.acked, story.responder
    if asked is None or not asked.has_ack or acked is None:
        return False
    if half.fin_frame and seq_distance(acked, half.fin_seq) > 0:
        acked = half.fin_seq
    seen = asked.ack
    if half.last_data_frame:
        last = half.data_end
        seen = last if seq_distance(last, seen) > 0 else seen
    return seq_distance(acked, seen) > (0 if half.fin_frame else 1)


def _lost_before_fin(story: Story) -> bool:
    """Return whether bytes are missing between what was captured of the responder and its FIN.

    Not where the initiator, having got the FIN, went on asking for them: the path lost those.
    """
    half = story.responder
    if not half.fin_frame or (half.isn is None and not half.last_data_frame):
        return False
    last = half.data_end
    if not half.last_data_frame:
        last = seq_add(half.isn or 0, 1)
    if seq_distance(half.fin_seq, last) <= 0:
        return False
    behind = (p for p in story.packets if p.from_initiator and p.frame > half.fin_frame)
    return half.acked != last or not any(p.has_ack and p.ack == last for p in behind)


def request_may_be_missing(story: Story) -> bool:
    """Return whether the capture lost bytes of the initiator, or its FIN, or cut them off.

    Then "nothing was asked", or "the responder closed first", is no fact.
    """
    half = story.initiator
    if (
        bytes_not_captured(story)
        or answers_unseen(story)
        or fin_came_early(story, by_initiator=False)
    ):
        return True
    if half.payload_bytes and story.responder.payload_bytes and clock_stepped(story):
        return True
    if not half.last_data_frame:
        return story.responder.acked_unseen > 0 or _acknowledged_request(story)
    if not story.responder.acked_unseen:
        return False
    seen = half.data_end
    closed = story.responder.fin_frame > 0 and not half.fin_frame
    return closed and seq_distance(story.responder.fin_ack, seen) > 0


def may_be_half_close(story: Story, context: Context) -> bool:
    """Return whether the file ends so soon behind the initiator's FIN that it may still read on.

    Answers here may have taken longer than what is left of the file.
    """
    end = ending(story)
    if end is None or end.reset is not None or not end.by_initiator:
        return False
    if story.responder.fin_frame and not _unread_behind_fin(story):
        return False
    if work(story) not in (Work.WAITING, Work.ANSWERING):
        return False
    if unanswered_request(story) is not None:
        return False
    if not closed_at_once(story, end):
        return False
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    due = max(SECOND, endpoint.longest_answer)
    return not known_to_answer(story) or context.last_time - end.time < due


def _unread_behind_fin(story: Story) -> bool:
    """Return whether an answer came behind the initiator's FIN, and no packet says if it was read.

    A host whose program has left meets it by RST (RFC 9293 3.10.7.1).
    """
    half = story.responder
    came = half.unacked > 0 and half.last_data_time > story.initiator.fin_time
    return came and not any(reset.from_initiator for reset in story.resets)


def _acknowledged_request(story: Story) -> bool:
    """Return whether the responder acknowledged payload since its SYN-ACK, by its RST at last."""
    syn_ack = next((p for p in story.packets if p.is_syn_ack and not p.from_initiator), None)
    if syn_ack is None:
        return False
    acks = [r.ack for r in story.resets if r.has_ack and not r.from_initiator]
    acks += [story.initiator.acked] if story.initiator.acked is not None else []
    return any(seq_distance(ack, syn_ack.ack) > 1 for ack in acks)
