"""What response_timeout and initiator_abort share: an initiator that left without its answer."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pcapdiag.diagnose.bare import held_by_its_sender
from pcapdiag.diagnose.cancel import Cancel, at_deadline, cancelled, like_others
from pcapdiag.diagnose.completeness import HTTP1
from pcapdiag.diagnose.disorder import fin_came_early
from pcapdiag.diagnose.ending import (
    Ending,
    acknowledges_fin,
    behind_unseen_bytes,
    closed_at_once,
    ending,
)
from pcapdiag.diagnose.goodbye import (
    LARGEST_ALERT,
    asks_for_answer,
    bytes_not_captured,
    initiators_goodbye,
    responders_goodbye,
    speaks_tls,
)
from pcapdiag.diagnose.http2.asked import asked_at
from pcapdiag.diagnose.http2.known import first_open, tells_all
from pcapdiag.diagnose.one_way import is_one_way, known_to_answer, never_answered
from pcapdiag.diagnose.other_leg import client_left, told_its_client
from pcapdiag.diagnose.patience import EARLY, MOST_SURE, Patience, patience
from pcapdiag.diagnose.spare import is_spare
from pcapdiag.diagnose.tcp.unacknowledged import goes_on, stuck_data
from pcapdiag.diagnose.timing import duration, timeless
from pcapdiag.diagnose.tls_asked import too_short_for_http1
from pcapdiag.diagnose.unanswered import asks_nothing, is_encrypted
from pcapdiag.diagnose.waits import is_waiting
from pcapdiag.diagnose.work import (
    Work,
    answer_in_time,
    answer_may_be_missing,
    may_be_half_close,
    sending_request,
    work,
)
from pcapdiag.flow.screen import check_kind
from pcapdiag.model.context import Context
from pcapdiag.model.http_methods import BODILESS, STARTS
from pcapdiag.model.packet import ZERO_WINDOW, seq_distance
from pcapdiag.model.story import LegMoment, Story, Turn
from pcapdiag.model.units import MS, SECOND
from pcapdiag.protocols.http.heads import head_end

PUSHED = 100 * MS
"""A FIN this soon after the last byte, where nobody ever answers, ends a one-way transfer."""
MOST_SURE_UNREAD = 0.75
"""Probability of a timeout at most in a protocol that cannot be read: maybe no answer was due."""
ENDLESS = (b"text/event-stream", b"multipart/x-mixed-replace", b"icy-name:", b"icy-metaint:")
"""Bodies that go on until the client has had enough."""
RADIO, OF_A_LENGTH = b"\r\ncontent-type: audio/", b"\r\ncontent-length:"
"""The same without a length: Icecast."""
FAREWELL = LARGEST_ALERT
"""A TLS alert record is at most this long."""
REPEATED = 200 * MS
"""What was lost is sent again by then (Linux, TCP_RTO_MIN)."""
LAST_WORDS = 512
"""Bytes at most that a server still says when it has read its client's FIN: an error, a goodbye."""
WITHOUT_BODY = tuple(f"{name} ".encode() for name in BODILESS)
LIMIT_FOR_ALL = 0.4
"""Probability of such a limit where one's value fits: its initiator, the path or the responder may
be the slow one then (judgement)."""
BUFFER = 16_384
"""What a host takes of a request at once, at least (Linux, tcp_wmem)."""
SENT_SLOWLY = 0.3
"""Probability of a timeout at least where a request was sent for longer than it was waited for."""
STALLED_ANSWER = SECOND
"""An answer that paused this long before the initiator left was not on its way any more."""
HALF_CLOSING = 0.25
"""Probability of a half close where a FIN follows its request at once and nothing ever came back:
hardly anybody asks and leaves at once (judgement)."""
KNOWN, NAMELESS, OLD = 1, 2, b" HTTP/1.0\r\n"
"""Kinds of requests whose user agent is a health check's, and that have none."""
TIMEOUT, ABORT = "tcp.response_timeout", "tcp.initiator_abort"


class Leaving(msgspec.Struct, frozen=True):
    """How and when the initiator left, and how likely that was a timeout."""

    end: Ending
    waited: Patience
    in_answer: bool
    """The answer had begun."""
    cancel: Cancel | None = None
    """How it took its request back, where it did that by RST_STREAM."""
    missing: bool = False
    """Bytes of the answer had been lost before the capture, and were not repeated in time."""

    @property
    def is_timeout(self) -> bool:
        """True where a timeout is the likelier of the two."""
        return self.waited.timeout >= 0.5


def leaving(story: Story, context: Context) -> Leaving | None:
    """Return how the initiator left with its request unanswered or its answer unfinished."""
    if answer_may_be_missing(story):
        return None
    cancel = cancelled(story)
    if cancel is not None:
        word = Ending(by_initiator=True, frame=cancel.frame, time=cancel.time)
        told = at_deadline(cancel) or like_others(story, cancel)
        waited = told or _weighed(story, context, cancel.asked, word)
        return Leaving(word, waited, False, cancel)
    end = initiators_goodbye(story, ending(story)) or ending(story)
    if end is None or not end.by_initiator or is_spare(story):
        return None
    if may_be_half_close(story, context):
        return None
    if end.reset is not None and behind_unseen_bytes(story, end.reset):
        return None
    if end.reset is None and fin_came_early(story, by_initiator=True):
        return None
    if responders_goodbye(story, end) is not None:
        return None
    stuck = stuck_data(story)
    if stuck is not None and goes_on(end, stuck):
        return None
    state = work(story)
    turn = story.turn
    if state is Work.WAITING and bytes_not_captured(story):
        return None
    if state is Work.WAITING and not _one_way(story, context, end):
        since = asked_at(story) or max(_asked_until(story, end), story.established_time)
        waited = _weighed(story, context, since, end)
        return None if _may_be_last_words(story, end, waited) else Leaving(end, waited, False)
    if _may_be_endless(turn, _unread(story, end)):
        return None
    awaits = asks_for_answer(story) and not (tells_all(story) and first_open(story) is None)
    unread = turn.response_bytes > 0 and awaits and _left_bytes_unread(story, end)
    if unread and not answer_in_time(story):
        return Leaving(end, _weighed(story, context, turn.request_last_time, end), False)
    if state is Work.ANSWERING or unread:
        if _wanted_the_status(turn, end):
            return None
        waited = patience(story, context, turn.response_last_time, end.time)
        if end.time - turn.response_last_time < STALLED_ANSWER and not timeless(story):
            waited = _while_arriving(waited)
        elif _had_not_read(story, end):
            reason = "its own window was shut, so that nothing more could come"
            waited = Patience(waited.waited, 0.05, None, reason)
        lost = _missing_for(story, end)
        if lost >= REPEATED:
            reason = f"bytes of the answer had been missing for {duration(lost)}, behind which "
            reason += "others had come"
            waited = replace(waited, timeout=max(0.5, waited.timeout), reason=reason)
        return Leaving(end, waited, True, missing=lost >= REPEATED)
    if state is Work.NOTHING and _waited_for_greeting(story, context, end):
        return Leaving(end, patience(story, context, story.established_time, end.time), False)
    return None


def _asked_until(story: Story, end: Ending) -> int:
    """Return when the last byte of the request was sent; a goodbye behind it is none."""
    if not end.is_goodbye:
        return story.turn.request_last_time
    sent = [p.time for p in story.packets if p.from_initiator and p.length and p.frame < end.frame]
    return max(sent, default=story.turn.request_time)


def _had_not_read(story: Story, end: Ending) -> bool:
    """Return whether the last that the initiator told before it left was that it has no room."""
    told = [p for p in story.packets if p.from_initiator and p.frame < end.frame and not p.is_rst]
    return bool(told) and bool(told[-1].marks & ZERO_WINDOW)


def _while_arriving(waited: Patience) -> Patience:
    """Weigh leaving in the middle of an answer: at no timer's value nobody waited for anything."""
    reason, value = "the answer was still arriving", waited.round_value
    if value is None or value * SECOND <= waited.waited + EARLY or value < 1:
        return Patience(waited.waited, 0.05, None, reason)
    reason += f", {value:g} s after it had begun, as a limit for the whole would have it"
    return Patience(waited.waited, LIMIT_FOR_ALL, value, reason)


def _wanted_the_status(turn: Turn, end: Ending) -> bool:
    """Return whether a health check went by RST when it had the head of its answer.

    HAProxy reads no further than it must, and asks in HTTP/1.0 with no user agent (measured).
    """
    said, asked = turn.response_head, bytearray(turn.request_head)
    known = said.startswith(HTTP1) and head_end(said) >= 0 and asked.startswith(STARTS)
    if not known or end.reset is None or end.time - turn.response_last_time >= STALLED_ANSWER:
        return False
    kind = check_kind(memoryview(asked), 0, len(asked))
    return kind == KNOWN or (kind == NAMELESS and OLD in asked)


def _may_be_endless(turn: Turn, unread: int) -> bool:
    """Return whether the answer goes on by its nature, or snaplen cut off what would say so.

    Events come a few bytes at a time; who leaves more of it unread has left a download.
    """
    head = turn.response_head
    low = head.lower()
    if any(kind in low for kind in ENDLESS) or (RADIO in low and OF_A_LENGTH not in low):
        return True
    cut = head.startswith(HTTP1) and head_end(head) < 0 and turn.response_bytes > len(head)
    return cut and unread <= LAST_WORDS


def _weighed(story: Story, context: Context, since: int, end: Ending) -> Patience:
    if sending_request(story):
        return Patience(max(0, end.time - since), 0.1, None, "it was still sending the request")
    waited = patience(story, context, since, end.time)
    at_once = end.reset is None and closed_at_once(story, end)
    if at_once and not story.responder.fin_frame:
        reason = f"{waited.reason}, or closed its own direction and went on waiting"
        waited = Patience(waited.waited, max(HALF_CLOSING, waited.timeout), None, reason)
    if waited.round_value is None and _sent_slowly(story.turn, waited.waited):
        reason = f"{waited.reason}, and had waited already while its request was being sent"
        waited = replace(waited, timeout=max(SENT_SLOWLY, waited.timeout), reason=reason)
    told = told_its_client(story, end.time)
    if told is not None:
        return _told(story, waited, told)
    left = client_left(story, end.time)
    if left is not None:
        reason = f"{waited.reason}; its own client had left just before (stream {left.stream})"
        return Patience(waited.waited, waited.timeout, waited.round_value, reason)
    cut_off = story.turn.index == 1 and not story.turn.request_head
    unread = (story.turn.index > 1 or cut_off) and not known_to_answer(story)
    if unread or _may_have_more_to_send(story):
        return replace(waited, timeout=min(waited.timeout, MOST_SURE_UNREAD))
    return waited


def _told(story: Story, waited: Patience, told: LegMoment) -> Patience:
    """Return what it says that the initiator, a proxy, ended its client's request as well.

    Who answers had given up. Who only closes may be a proxy that knows no answer (TCP, tinyproxy),
    at a timeout's value, or have been stopped itself: then all is closed, by FIN where nothing was
    left unread (measured). A RST of its own will, as HAProxy's in TCP mode, is no such end.
    """
    aborted = any(r.from_initiator and r.has_ack and r.window for r in story.resets)
    chosen = aborted and not story.turn.response_bytes and waited.round_value is not None
    if told.kind == "answered" or chosen:
        reason = f"it told its own client so at that moment (stream {told.stream})"
        sure = MOST_SURE_UNREAD if _may_have_more_to_send(story) else MOST_SURE
        return replace(waited, timeout=sure, reason=reason)
    reason = f"{waited.reason}; it closed on its own client then (stream {told.stream})"
    sure = waited.timeout if waited.alike else min(waited.timeout, MOST_SURE_UNREAD)
    return replace(waited, timeout=sure, reason=reason)


def _sent_slowly(turn: Turn, waited: int) -> bool:
    """Return whether the request took longer on the way than the initiator then waited.

    A program's timer runs from when its host has taken the bytes, which may be long before.
    """
    return turn.request_bytes > BUFFER and turn.request_last_time - turn.request_time > waited


def _may_be_last_words(story: Story, end: Ending, waited: Patience) -> bool:
    """Return whether nothing says that the last bytes of a talk that had worked wanted an answer.

    They cannot be read, or are no request of HTTP inside TLS, or both ends closed upon them. Who
    then leaves at no timeout's value, for no known reason, may have had all that it wanted: a chat
    that its user closes.
    """
    if story.turn.index < 2 or timeless(story):
        return False
    unknown = not known_to_answer(story) and (is_encrypted(story) or _both_closed(story))
    if not unknown and not too_short_for_http1(story):
        return False
    timer = waited.round_value is not None or waited.alike > 0
    leg = told_its_client(story, end.time) or client_left(story, end.time)
    return not timer and leg is None


def _both_closed(story: Story) -> bool:
    """Return whether the responder closed upon the last bytes, not knowing of the initiator's FIN.

    Both then took them for the last (RFC 9293 section 3.6, case 3).
    """
    mine, other = story.initiator, story.responder
    if not (mine.fin_frame and other.fin_frame) or story.resets:
        return False
    knew = acknowledges_fin(story, by_initiator=False)
    return not knew and seq_distance(other.fin_ack, mine.data_end) >= 0


def _may_have_more_to_send(story: Story) -> bool:
    """Return whether snaplen cut off the head that says how long the request's body is."""
    head = story.turn.request_head
    cut = story.initiator.truncated and head_end(head) < 0 and story.turn.request_bytes > len(head)
    return bool(cut) and head.startswith(STARTS) and not head.startswith(WITHOUT_BODY)


def _one_way(story: Story, context: Context, end: Ending) -> bool:
    if asks_nothing(story) or is_waiting(story, end.time):
        return True
    soon = end.reset is None and end.time - story.turn.request_last_time < PUSHED
    return is_one_way(story, context) or (soon and never_answered(story, context))


def _left_bytes_unread(story: Story, end: Ending) -> bool:
    """Return whether the initiator left while answer bytes that it had not read were under way.

    A farewell of the responder that came after the initiator's FIN (a late close_notify, the most
    frequent false alarm of all: measured) is no answer.
    A bare RST does not say what its sender had read; one of a live socket is taken as having read.
    """
    if end.reset is not None and not end.reset.has_ack:
        return story.responder.unacked > 1 and not held_by_its_sender(story, end.reset)
    unread = _unread(story, end)
    if end.reset is None and unread <= LAST_WORDS and _heard_the_end(story):
        return False
    readable = story.hello_initiator and not speaks_tls(story)
    return unread > (0 if readable else FAREWELL)


def _unread(story: Story, end: Ending) -> int:
    """Return how many of the responder's bytes the initiator's closing word leaves out."""
    reader = end.reset.ack if end.reset and end.reset.has_ack else story.initiator.fin_ack
    half = story.responder
    return seq_distance(half.data_end, reader)


def _heard_the_end(story: Story) -> bool:
    """Return whether all that the responder sent behind the initiator's FIN acknowledges it."""
    fin = story.initiator
    behind = [
        packet.has_ack and seq_distance(packet.ack, fin.fin_seq) > 0
        for packet in story.packets
        if packet.frame > fin.fin_frame and not packet.from_initiator and packet.length
    ]
    return bool(behind) and all(behind)


def _missing_for(story: Story, end: Ending) -> int:
    """Return how long (ns) the initiator had lacked bytes of the answer that others followed."""
    reader = end.reset.ack if end.reset and end.reset.has_ack else story.initiator.fin_ack
    before = [p for p in story.packets if p.length and not p.from_initiator and p.time < end.time]
    behind = [p.time for p in before if seq_distance(p.seq, reader) > 0]
    came = any(
        seq_distance(p.seq, reader) <= 0 < seq_distance(p.seq, reader) + p.length for p in before
    )
    return end.time - min(behind) if behind and not came else 0


def _waited_for_greeting(story: Story, context: Context, end: Ending) -> bool:
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    quiet = end.time - story.established_time
    greeted = 0 < story.responder.first_data_time <= end.time
    expected = endpoint.speaks_first > 0 and not greeted
    return story.handshake_done and expected and quiet >= SECOND
