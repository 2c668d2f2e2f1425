"""What ended a connection: the first FIN or RST that counts; all after it are effects."""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.bare import overtaken_abort
from pcapdiag.diagnose.timing import round_trip
from pcapdiag.diagnose.tls_state import tls_facts
from pcapdiag.model.ends import Actor, side_of
from pcapdiag.model.moment import moment
from pcapdiag.model.once import once
from pcapdiag.model.packet import ACK, RST, PacketFact, seq_add, seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS

NOTHING_MORE = "Then nothing more came."
LEFT_AT_ONCE = 5 * MS
"""An initiator that closes this soon after its last bytes did not wait for an answer to them."""
WAITED = 100 * MS
"""A TLS client that closes so long after its last byte had waited for the answer."""
SURVIVED_AFTER = 50 * MS
"""Packets later than this (or two round trips) after a RST were not in flight when it came."""


class Ending(msgspec.Struct, frozen=True):
    """The FIN or RST that ended the connection; ``reset`` is None for a FIN.

    MP_FASTCLOSE on an ACK ends one of Multipath TCP, and is answered by RST (RFC 8684 section 3.5).
    """

    by_initiator: bool
    frame: int
    time: int
    reset: PacketFact | None = None
    is_fast_close: bool = False
    is_goodbye: bool = False
    """It is a close_notify, which the other end's FIN answers."""

    @property
    def word(self) -> str:
        """What it was."""
        if self.is_fast_close:
            return "MP_FASTCLOSE"
        if self.is_goodbye:
            return "TLS goodbye"
        return "RST" if self.reset is not None else "FIN"

    @property
    def actor(self) -> Actor:
        """Whose packet it was, at face value."""
        return side_of(self.by_initiator)


@once
def ending(story: Story) -> Ending | None:
    """Return what ended the connection; None when nothing has.

    A FIN after which the initiator went on reading an answer (half close), a RST that both ends
    outlived, and one within a handshake that succeeded all the same do not count. Who half-closes
    without having asked has left: whatever the other end still says answers that.
    """
    words = _in_order(story, _closing_words(story))
    first = words[0] if words else None
    fin = first is not None and first.word == "FIN" and first.by_initiator
    left = _gave_up_in_tls(story) or _cannot_finish(story) or _aborted_at_once(story)
    half = half_closed(story) and not left
    if fin and story.turn.index and (half or _lost_its_answer(story)):
        return words[1] if len(words) > 1 else None
    return first


def _gave_up_in_tls(story: Story) -> bool:
    """Return whether a TLS client that had waited left without its goodbye.

    Who only closes its own direction says close_notify first (RFC 8446 section 6.1). Java's
    HttpClient leaves by FIN, and its kernel still acknowledges the answer (measured).
    """
    facts, half = tls_facts(story), story.initiator
    if facts is None or not facts.established or not facts.client_data:
        return False
    said = any(alert.from_initiator for alert in facts.alerts)
    return not said and half.fin_time - half.last_data_time > WAITED


def _cannot_finish(story: Story) -> bool:
    """Return whether the initiator's FIN came before its Finished: a handshake needs both ends'."""
    facts = tls_facts(story)
    if facts is None or facts.incomplete or facts.client_finished:
        return False
    return facts.server_hello is not None


def _aborted_at_once(story: Story) -> bool:
    """Return whether the first bytes behind the initiator's FIN made it reset, with more to come.

    Its program had left, and had only not closed for reading: HAProxy at its timeouts (measured).
    """
    fin, half = story.initiator.fin_frame, story.responder
    resets = (r for r in story.resets if r.from_initiator and r.frame > fin and r.has_ack)
    reset = next(resets, None)
    behind = (p for p in story.packets if p.frame > fin and not p.from_initiator and p.length)
    first = next(behind, None)
    if reset is None or first is None or seq_distance(half.data_end, reset.ack) <= 0:
        return False
    return 0 <= reset.time - first.time <= LEFT_AT_ONCE + round_trip(story)


def gave_up(story: Story, end: Ending | None) -> str:
    """Return the last sentence of a wait in vain: who gave up, and in which frame."""
    if end is None:
        return NOTHING_MORE
    return f"Then {story.half(end.by_initiator).address} gave up ({end.word} in frame {end.frame})."


def _in_order(story: Story, words: list[Ending]) -> list[Ending]:
    """Return the closing words as they were said, earliest first.

    By time, save for a FIN that acknowledges the other end's: it answers that one, though a mirror
    port may have captured it first; and for an abort that bare RSTs overtook.
    """
    words.sort(key=moment)
    earliest = words[0].reset if words else None
    abort = overtaken_abort(story, earliest) if earliest is not None else None
    words.sort(key=lambda word: abort is None or word.reset != abort)
    if len(words) > 1 and not words[0].reset and not words[1].reset:
        first, second = words[:2]
        if acknowledges_fin(story, first.by_initiator):
            words[:2] = [second, first]
    return words


def acknowledges_fin(story: Story, by_initiator: bool) -> bool:
    """Return whether one end's FIN acknowledges the other end's FIN."""
    mine, other = story.half(by_initiator), story.half(not by_initiator)
    both = bool(mine.fin_frame and other.fin_frame)
    return both and seq_distance(mine.fin_ack, other.fin_seq) > 0


def closed_at_once(story: Story, end: Ending) -> bool:
    """Return whether the initiator closed right behind its last bytes.

    Within one tick of its timestamps, too, however far apart they came: most tick every millisecond
    (RFC 7323 section 5.4).
    """
    if end.time - story.turn.request_last_time <= LEFT_AT_ONCE:
        return True
    asked, closed = story.turn.request_last_frame, end.frame
    ticks = [p.tsval for p in story.packets if p.frame in (asked, closed) and p.from_initiator]
    return len(ticks) > 1 and None not in ticks and ticks[0] == ticks[-1]


def _lost_its_answer(story: Story) -> bool:
    """Return whether an answer went unheard whose asker had closed its own direction at once.

    Its host would have met the answer by RST if it had left (RFC 9293 3.10.7.1), and did neither
    that nor acknowledge the answer, which was repeated. What its FIN acknowledges it had heard
    before, wherever the capture has that.
    """
    fin, half = story.initiator, story.responder
    at_once = fin.fin_time - story.turn.request_last_time <= LEFT_AT_ONCE
    heard = half.last_data_time <= fin.fin_time or seq_distance(half.data_end, fin.fin_ack) <= 0
    if not at_once or heard or half.acked is None:
        return False
    behind = (p for p in story.packets if p.frame > fin.fin_frame and p.from_initiator)
    unheard = all(seq_distance(p.ack, half.acked) == 0 and not p.is_rst for p in behind)
    return unheard and half.retransmissions > 0


def _closing_words(story: Story) -> list[Ending]:
    words = [
        Ending(initiator, half.fin_frame, half.fin_time)
        for initiator, half in ((True, story.initiator), (False, story.responder))
        if half.fin_frame
    ]
    words += [
        Ending(p.from_initiator, p.frame, p.time, is_fast_close=True)
        for p in story.packets
        if p.fast_close and not p.is_rst
    ]
    early, later = story.resets[: story.early_resets], story.resets[story.early_resets :]
    later = (*(r for r in early if _overtook_its_ack(story, r) or _ended_both(story, r)), *later)
    resets = (reset for reset in later if not outlived(story, reset))
    words += [Ending(r.from_initiator, r.frame, r.time, r) for r in resets]
    return words


def _overtook_its_ack(story: Story, reset: PacketFact) -> bool:
    """Return whether the initiator closed by a RST that a path brought before its final ACK."""
    isn = story.initiator.isn
    expected = isn is not None and reset.seq == seq_add(isn, 1)
    return reset.from_initiator and reset.has_ack and expected


def _ended_both(story: Story, reset: PacketFact) -> bool:
    """Return whether a RST in the initiator's name took, though the initiator went on.

    The responder, which had answered the SYN, then knew the connection no more (RFC 9293 3.10.7.4).
    """
    behind = [p for p in story.packets if p.frame > reset.frame and not p.from_initiator]
    met = [r for r in story.resets if r.frame > reset.frame and not r.from_initiator]
    gone = bool(met) and all(r.flags & (RST | ACK) == RST for r in met)
    return reset.from_initiator and gone and all(p.is_rst for p in behind)


def half_closed(story: Story) -> bool:
    """Return whether the initiator acknowledged data that came after its own FIN."""
    acked = story.responder.acked
    if not story.initiator.fin_frame or acked is None:
        return False
    return seq_distance(acked, story.initiator.fin_ack) > 1


def outlived(story: Story, reset: PacketFact) -> bool:
    """Return whether both ends went on after a RST: nobody accepted it (RFC 5961)."""
    frame, by_initiator = reset.frame, reset.from_initiator
    after = [p for p in story.packets if p.frame > frame and not p.flags & RST and not p.is_syn]
    if not any(p.from_initiator == by_initiator for p in after):
        return False
    later = reset.time + max(SURVIVED_AFTER, 2 * round_trip(story))
    return any(p.from_initiator != by_initiator and p.time > later for p in after)


def behind_unseen_bytes(story: Story, reset: PacketFact) -> bool:
    """Return whether a RST's host had sent more than was captured: its FIN may be missing."""
    sent = story.half(reset.from_initiator).next_seq
    return sent is not None and seq_distance(reset.seq, sent) > 0


def sent_unseen(story: Story, reset: PacketFact) -> bool:
    """Return whether a RST's numbers show bytes of either end that were never captured."""
    other = story.half(not reset.from_initiator).next_seq
    acked = reset.has_ack and other is not None and seq_distance(reset.ack, other) > 0
    return acked or behind_unseen_bytes(story, reset)


def frames_of(*frames: int) -> tuple[int, ...]:
    """Return the frame numbers that exist, each once, in order."""
    return tuple(sorted({frame for frame in frames if frame > 0}))
