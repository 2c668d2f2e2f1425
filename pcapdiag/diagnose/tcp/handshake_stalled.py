"""tcp.handshake_stalled: A SYN-ACK came, but the handshake was never completed.

What happened
    The responder said yes. The initiator did not hear it, or heard it too late, and the connection
    never came up.

How pcapdiag can tell
    SYN and SYN-ACK, no final ACK: the SYN-ACK is repeated (after 1, 3, 7 s), or the SYN is, or a
    SYN-ACK that took longer than the initiator was willing to wait is met by its bare RST (seen at
    the responder: the RST comes long after a prompt SYN-ACK). A RST right after a prompt SYN-ACK is
    a layer-4 health check or a port scan and `ok`. Two SYN-ACKs or more with a number, or an
    echoed timestamp, that no SYN had are not accepted either: the initiator answers each by a bare
    RST, and repeats its SYN. Where they are right, something else makes these RSTs.

Usual causes
    - The way back is broken: asymmetric routing through a stateful firewall, no route back, a NAT
      that lost its entry.
    - The initiator's own host drops the SYN-ACK: an INPUT rule, `rp_filter`, connection tracking
      that calls it invalid.
    - The responder or the path is slower than the initiator's connect timeout.
    - A rule rejects the SYN-ACK by RST, on the way back or on the initiator's own host: to its
      connection tracking an answer to a SYN that went another way is invalid.
    - A firewall that randomises sequence numbers, and answers that do not come back through it.
    - A SYN proxy that tests callers by a wrong number, and does not hear their RST.
    - The SYNs were spoofed (a SYN flood).

Fixes
    - First: capture on the initiator. The SYN-ACK arrives there: its own host drops it. It does
      not: the path loses it.
    - Envoy: a longer `connect_timeout` only where the path is rightly slow.
    - Istio: `connectionPool.tcp.connectTimeout` likewise.
    - NGINX: `proxy_connect_timeout`.
    - HAProxy: `timeout connect`.
    - Linux: `net.ipv4.conf.all.rp_filter` to 2 (loose) with several interfaces; let ESTABLISHED
      pass in INPUT; `net.ipv4.tcp_syncookies=1` against a flood.
    - Network: the answer must pass the same firewall or NAT as the SYN: one path, or firewalls that
      share state.
    - Cloud: Azure and AWS balancers that keep the client's address need the server's answers to go
      back through them, not round them.

Can be confused with
    - tcp.connection_timeout: no SYN-ACK came at all.
    - tcp.accept_queue_overflow: the final ACK was sent, and the SYN-ACK repeated all the same.

What would settle it
    - A capture on the initiator (or, where this one is, on the responder) for the same seconds.
    - `ip route get` on both ends: do they use the same way?

References
    - RFC 9293 section 3.5: the handshake.
    - RFC 3704: reverse path filtering.
    - Measured in the lab (docs/lab.md): Linux answers a SYN-ACK for an abandoned connect() by a
      bare RST.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pcapdiag.diagnose.attribution.vantage import vantage
from pcapdiag.diagnose.bare import is_bare
from pcapdiag.diagnose.ending import frames_of, sent_unseen
from pcapdiag.diagnose.filtered import only_first_syn_ack
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import connected
from pcapdiag.model.context import Context
from pcapdiag.model.packet import PacketFact, seq_add
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS, SECOND

KIND = Kind(
    code="tcp.handshake_stalled",
    title="half open: {responder} sent SYN-ACK, the handshake with {initiator_ip} never completed",
    explanation=(
        "{responder} answered the SYN {delay} after it was sent (frame {syn_ack_frame}), but "
        "{initiator} {what}. The connection never came up."
    ),
    phases=("connect",),
    envoy=Envoy("UF", "connection timeout"),
    nginx="upstream timed out (110: Connection timed out) while connecting to upstream",
    haproxy="sC",
    fix_at=("path", "initiator", "responder"),
    fixes=(
        "does the SYN-ACK take another way back than the SYN came (asymmetric routing, two NATs)?",
        "does {initiator_ip} drop it itself: INPUT rule, rp_filter, conntrack INVALID?",
        "answered too late: is the connect timeout shorter than the path needs? Envoy and Istio "
        "connect_timeout/connectTimeout, NGINX proxy_connect_timeout, HAProxy timeout connect",
    ),
    commands=(
        "tcpdump -ni any 'tcp port {responder_port} and host {responder_ip}'  # on {initiator_ip}",
        "ip route get {responder_ip}; sysctl net.ipv4.conf.all.rp_filter  # on {initiator_ip}",
        "ip route get {initiator_ip}  # on {responder_ip}",
    ),
)

LATE = 900 * MS
"""A SYN-ACK this long after the first SYN may have come after a connect timeout."""
SLOW_FACTOR = 10
"""... or one that took this many times the host's usual round trip."""
ABANDONED = 150 * MS
"""... or one to a program's connect (scanners send SYNs without a window scale) that took this."""
PROMPT_SHARE = 0.2
"""A SYN-ACK within this share of the whole time was not what took long."""
AS_EVER = 2
"""The way to the initiator and back took no more than this many times the shortest there was."""
STILL_DUE = 3 * SECOND
"""Silence after the last SYN-ACK from which the handshake counts as given up."""
TRIES = 3
"""... or this many tries: that one SYN-ACK and its repeat get lost is rare."""
AT_ONCE = 300 * MS
"""Tries are farther apart: SYN-ACKs are repeated after a second (RFC 6298 section 5)."""
SEVERAL = 2
"""SYN-ACKs with a wrong number from which on it is no left-over."""
SURE_OF_LOSS = 0.95
"""Probability of the code where another capture shows that the final ACK never arrived."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a SYN-ACK that was never taken up."""
    if not story.syn_ack_frames or connected(story) or story.initiator.packets == 0:
        return None
    if _acked(story) or story.lost_to is not None:
        return None
    wrong = _wrong_numbers(story)
    if wrong is not None:
        return _never_matched(story, wrong)
    other = _met_by_other_numbers(story)
    if other is not None:
        return _renumbered(story, other)
    if any(sent_unseen(story, reset) for reset in story.resets):
        return None
    reset = next((r for r in story.resets if r.from_initiator), None)
    if reset is not None:
        return _rejected(story) or _abandoned(story, context, reset)
    repeated = story.syn_ack_count > 1 or _syn_repeated_after_answer(story)
    left = context.last_time - story.end
    tries = max(_tries(_syns_since_answered(story)), _tries(story.syn_ack_times))
    if (left < STILL_DUE and tries < TRIES) or only_first_syn_ack(story):
        return None
    what = "never acknowledged it, though it was repeated" if repeated else "never acknowledged it"
    confidence = 0.96 if repeated else 0.85
    return _judgement(story, confidence, what, None, _who(story, context))


def _tries(times: Sequence[int]) -> int:
    """Return how often it was tried: for a repeated SYN and by the timer, at once, is one try."""
    return sum(t - before >= AT_ONCE for t, before in zip(times, (0, *times), strict=False))


def ack_lost(story: Story) -> Judgement:
    """Return the verdict for a handshake whose final ACK got lost on the way.

    For callers that know that from another capture: by itself it looks like a full accept queue.
    """
    frames = story.syn_ack_frames[:1]
    who = (SideHint("path", 0.93, "the final ACK got lost on the way", frames),)
    return _judgement(story, SURE_OF_LOSS, "acknowledged it, but that never arrived", None, who)


def _wrong_numbers(story: Story) -> PacketFact | None:
    """Return the initiator's RST where every SYN-ACK, of several, answers what it never sent.

    By the ACK number, or by the timestamp that it echoes: Linux rejects either (measured). Once it
    may be left from an older connection on the same ports.
    """
    isn = story.initiator.isn
    answers = [p for p in story.packets if p.is_syn_ack]
    sent = {p.tsval for p in story.packets if p.is_syn}
    matched = any(p.ack == seq_add(isn or 0, 1) and p.tsecr in (None, 0, *sent) for p in answers)
    if isn is None or len(answers) < SEVERAL or matched:
        return None
    acks = [p.ack for p in answers]
    return next((r for r in story.resets if r.from_initiator and r.seq in acks), None)


def _met_by_other_numbers(story: Story) -> PacketFact | None:
    """Return the initiator's RST where several have a number that no SYN-ACK here acknowledged.

    A host answers a SYN-ACK that it cannot match by the ACK number in it, and repeats its SYN (RFC
    9293 section 3.10.7.3): so what arrived there had another one.
    """
    acked = {p.ack for p in story.packets if p.is_syn_ack}
    own = (r for r in story.resets if r.from_initiator and is_bare(r))
    others = [reset for reset in own if reset.seq not in acked]
    if min(len(others), story.syn_ack_count) < SEVERAL or not story.syn_times:
        return None
    tried_again = story.syn_times[-1] > others[0].time
    return others[0] if tried_again and len({r.seq for r in others}) == 1 else None


def _renumbered(story: Story, reset: PacketFact) -> Judgement:
    """Return the verdict for SYN-ACKs whose numbers were changed behind the capture."""
    frames = (*story.syn_ack_frames[:1], reset.frame)
    why = (
        "its RSTs answer an ACK number that no SYN-ACK here has: something behind this point "
        "renumbers, in one direction only"
    )
    who = (
        SideHint("path", 0.85, why, frames),
        SideHint("initiator", 0.12, "its own host's firewall may renumber", frames),
    )
    what = f"answered it by RST with another number (frame {reset.frame}), and tried again"
    return _judgement(story, 0.9, what, None, who)


def _never_matched(story: Story, reset: PacketFact) -> Judgement:
    """Return the verdict for SYN-ACKs with a number that answers no SYN of this capture."""
    frames = story.syn_ack_frames[:2]
    path = (
        "it acknowledges another number than was sent, or echoes another timestamp: something "
        "changes them in one direction only (its answers take another way), or tests callers so "
        "and does not let them pass"
    )
    who = (
        SideHint("path", 0.75, path, frames),
        SideHint("responder", 0.22, "it may be a SYN proxy's own address", frames),
    )
    by = f"RST (frame {reset.frame})"
    what = f"never sent what it acknowledges or echoes, so that it answered by {by}"
    return _judgement(story, 0.93, what, None, who)


def _rejected(story: Story) -> Judgement | None:
    """Return the verdict for SYN-ACKs that are met by RST while the initiator goes on calling.

    A host whose program has given up calls no more, and one that has not takes the SYN-ACK (RFC
    9293 section 3.10.7.3). Tools that scan may send each SYN twice, but without a window scale.
    """
    own = [r for r in story.resets if r.from_initiator and is_bare(r)]
    if _tries([r.time for r in own]) < SEVERAL or story.initiator.window_scale is None:
        return None
    if max(story.syn_times, default=0) <= own[0].time:
        return None
    frames = (*story.syn_ack_frames[:1], own[0].frame)
    why = "it calls again after its RST: a rule on the way or on its host rejects the SYN-ACK"
    who = (SideHint("path", 0.55, why, frames), SideHint("initiator", 0.42, why, frames))
    what = f"calls again and again: a RST in its name (frame {own[0].frame}) meets each SYN-ACK"
    return replace(_judgement(story, 0.93, what, own[0], who), reset=own[0])


def _acked(story: Story) -> bool:
    """Return whether the initiator acknowledged the SYN-ACK: complete, as far as it knew."""
    return any(p.from_initiator and p.has_ack and not p.is_rst for p in story.packets)


def _syns_since_answered(story: Story) -> Sequence[int]:
    """Return the times of the SYNs that an answer met, with the one that it answered."""
    answered = story.syn_ack_times[0] if story.syn_ack_times else 0
    before = [time for time in story.syn_times if time <= answered]
    return (*before[-1:], *(time for time in story.syn_times if time > answered))


def _syn_repeated_after_answer(story: Story) -> bool:
    return bool(story.syn_ack_times and story.syn_times[-1:] > story.syn_ack_times[:1])


def _abandoned(story: Story, context: Context, reset: PacketFact) -> Judgement | None:
    """Return the verdict for a SYN-ACK that came too late, wherever on its way it was captured."""
    delay, whole = _delay(story), reset.time - story.start
    usual = context.host(story.responder.address).min_rtt or delay
    late = whole >= LATE
    slow = delay >= max(100 * MS, SLOW_FACTOR * usual)
    abandoned = whole >= ABANDONED and story.initiator.window_scale is not None
    if not is_bare(reset) or not (late or slow or abandoned):
        return None
    prompt = delay < PROMPT_SHARE * whole
    took = f"answered {duration(whole - delay)} later with RST" if prompt else "answered with RST"
    what = f"had given up when it came and {took} (frame {reset.frame})"
    who = _who_was_late(story, context, whole - delay, prompt=prompt)
    return _judgement(story, 0.93 if late else 0.7, what, reset, who)


def _who_was_late(
    story: Story, context: Context, behind: int, *, prompt: bool
) -> tuple[SideHint, ...]:
    """Return who made a SYN-ACK too late whose RST came ``behind`` ns after it."""
    frames = story.syn_ack_frames[:1]
    if prompt and vantage(story, context).place == "initiator":
        why = "the SYN-ACK came in time to the initiator's link, where the capture was taken"
        return (SideHint("initiator", 0.8, why, frames), SideHint("path", 0.15, why, frames))
    usual = context.host(story.initiator.address).min_rtt or 0
    if prompt and behind < max(LATE, AS_EVER * usual):
        why = "it may always be so far to the initiator, and that one may wait too short a time"
        return (SideHint("initiator", 0.6, why, frames), SideHint("path", 0.35, why, frames))
    if prompt:
        why = "the SYN-ACK passed the capture in time, and was late behind it"
        return (SideHint("path", 0.85, why, frames), SideHint("initiator", 0.1, why, frames))
    why = "it answered later than the initiator waited; a slow host and a slow path look the same"
    return (SideHint("responder", 0.5, why, frames), SideHint("path", 0.45, why, frames))


def _who(story: Story, context: Context) -> tuple[SideHint, ...]:
    frames = story.syn_ack_frames[:2]
    if story.initiator.address in context.capture_hosts:
        why = "the SYN-ACK reached the initiator's own host, which dropped it behind the capture"
        return (SideHint("initiator", 0.85, why, frames), SideHint("path", 0.1, why, frames))
    why = "a SYN-ACK or ACK lost on the way and an initiator that does not answer look the same"
    return (SideHint("path", 0.58, why, frames), SideHint("initiator", 0.38, why, frames))


def _delay(story: Story) -> int:
    return (story.syn_ack_times[0] if story.syn_ack_times else story.start) - story.start


def _judgement(
    story: Story,
    confidence: float,
    what: str,
    reset: PacketFact | None,
    who: tuple[SideHint, ...],
) -> Judgement:
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="connect",
        confidence=confidence,
        frames=frames_of(*story.syn_frames[:1], *story.syn_ack_frames, reset.frame if reset else 0),
        ended_by="initiator" if reset else None,
        candidates=who,
        alternatives=(OtherCode("tcp.connection_timeout", 0.03),),
        facts={
            "delay": duration(_delay(story)),
            "syn_ack_frame": str(story.syn_ack_frames[0]),
            "what": what,
        },
    )
