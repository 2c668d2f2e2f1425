"""capture.partial: The capture does not hold enough to tell.

What happened
    Something looks wrong, but the file cannot tell failure from success.

How pcapdiag can tell
    A SYN or a request is still unanswered when the file ends and more time was due; only one
    direction was captured; the capture lost the packets that would say; a repeated segment waits
    for its acknowledgment at the end. What is open at the end with nothing wrong is `ok`.

Usual causes
    - The capture was stopped too early, or started too late.
    - It was taken where one direction passes only: asymmetric routing, a mirror of one port.
    - It was filtered too tightly.
    - The machine could not keep up.

Fixes
    - First: capture again, longer, at a point that sees both directions.
    - Kubernetes: capture in the pod's network namespace, where both directions pass.
    - Capture: `--immediate-mode` with tcpdump, and end it by ^C: else the last second is missing. A
      bigger buffer (`-B 65536`), a filter by host and not by direction.

Can be confused with
    - tcp.response_timeout, tcp.connection_timeout: with more of the file it may turn out to be one
      of them.
    - capture.dropped, capture.one_direction: the findings that say why it holds too little.

What would settle it
    - A capture that starts before the connection and goes on for a minute after it.

References
    - tcpdump(1), `--immediate-mode`, `-B`, `-U`.
    - Measured in the lab (docs/lab.md): tcpdump killed right after the exchange wrote none of its
      packets without `--immediate-mode`.
"""

from __future__ import annotations

from pcapdiag.diagnose.disorder import fin_came_early
from pcapdiag.diagnose.ending import ending, frames_of, sent_unseen
from pcapdiag.diagnose.filtered import only_first_syn, only_first_syn_ack
from pcapdiag.diagnose.icmp.quoted import only_quoted
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.one_way import never_answered
from pcapdiag.diagnose.tcp.handshake_stalled import STILL_DUE
from pcapdiag.diagnose.tcp.unacknowledged import goes_on, stuck_data
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.unanswered import asks_nothing
from pcapdiag.diagnose.waits import is_waiting
from pcapdiag.diagnose.work import (
    Work,
    answer_may_be_missing,
    connected,
    may_be_half_close,
    one_direction,
    request_may_be_missing,
    work,
)
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="capture.partial",
    title="cannot tell: {why}",
    explanation=(
        "The capture does not hold enough of {initiator} to {responder} to say whether it failed: "
        "{why}."
    ),
    fixes=(
        "capture longer, and let tcpdump end by itself (or use --immediate-mode), so that the "
        "last second is not lost",
        "capture at a point that sees both directions, with a filter that lets both pass",
        "packets lost by the capture: a bigger buffer (tcpdump -B 65536), a shorter snaplen, a "
        "filter",
    ),
    commands=("tcpdump -ni any -B 65536 --immediate-mode -w out.pcap '{filter}'",),
)

RESET_UNSEEN = "it was reset, and what was sent before was not captured"
"""A filter for SYN, FIN and RST makes such captures."""
FIN_EARLY = "the first FIN acknowledges what was captured behind it"
"""A tap or mirror with a queue for each direction makes such captures."""
RESET_BEHIND_FIN = (
    "the initiator sent FIN right behind its request: it had left, or read on for the answer when "
    "the RST came"
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a connection that looks wrong where the capture cannot tell."""
    found = _doubt(story, context)
    if found is None:
        return None
    why, frames = found
    end = ending(story)
    return Judgement(
        code=KIND.code,
        failed=False,
        phase=None,
        confidence=0.85,
        frames=frames_of(*frames),
        ended_by=end.actor if end else None,
        notes=(why,),
        facts={"why": why},
    )


def _doubt(story: Story, context: Context) -> tuple[str, tuple[int, ...]] | None:
    """Return what looks wrong and its frames, or None where nothing does."""
    if only_quoted(story):
        return "nothing of it was captured but ICMP errors that quote it", (story.icmp[0].frame,)
    if one_direction(story):
        return _one_sided(story)
    if not connected(story):
        return _handshake_open(story, context)
    end, stuck = ending(story), stuck_data(story)
    if stuck is not None and (end is None or goes_on(end, stuck)):
        why = "the file ends while data is repeated and not acknowledged"
        return why, (stuck.first_frame, stuck.last_frame)
    if end is None:
        return _open_and_waiting(story, context)
    state = work(story)
    if end.reset is not None and state is Work.NOTHING and sent_unseen(story, end.reset):
        return RESET_UNSEEN, (end.frame,)
    if end.reset is not None and state is Work.WAITING and answer_may_be_missing(story):
        why = "the capture lost packets, and the answer may have been among them"
        return why, (story.turn.request_frame, end.frame)
    unanswered = state in (Work.WAITING, Work.ANSWERING)
    behind = story.half(not end.by_initiator).last_data_frame > end.frame
    if unanswered and behind and fin_came_early(story, end.by_initiator):
        return FIN_EARLY, (story.turn.request_frame, end.frame)
    if may_be_half_close(story, context):
        why = "the file ends behind the initiator's FIN, and the answer may have come after it"
        reset = next((r for r in story.resets if not r.from_initiator), None)
        if reset is not None:
            why = f"{RESET_BEHIND_FIN} (frame {reset.frame})"
        return why, (story.turn.request_frame, end.frame)
    early = not end.by_initiator and state in (Work.NOTHING, Work.WAITING)
    if early and request_may_be_missing(story):
        why = "bytes of the initiator were not captured, maybe its request or its farewell"
        return why, (story.turn.request_frame, end.frame)
    return None


def _one_sided(story: Story) -> tuple[str, tuple[int, ...]] | None:
    end = ending(story)
    if end is None or end.reset is None:
        return None
    seen = "responder" if story.initiator.packets == 0 else "initiator"
    why = f"it was reset, and only the packets of the {seen} were captured"
    return why, (end.frame,)


def _handshake_open(story: Story, context: Context) -> tuple[str, tuple[int, ...]] | None:
    unseen = [reset.frame for reset in story.resets if sent_unseen(story, reset)]
    if unseen:
        return RESET_UNSEEN, (*story.syn_frames[:1], unseen[0])
    if story.syn_ack_count and not story.resets:
        why = "the file ends (or starts) within the handshake"
        if only_first_syn_ack(story) and context.last_time - story.end >= STILL_DUE:
            why = "nothing behind its SYN-ACK was captured, and neither end repeated its own"
        return why, (*story.syn_frames[:1], *story.syn_ack_frames[:1])
    refused = any(not reset.from_initiator for reset in story.resets)
    lost = story.lost_to is not None and story.syn_count == 1
    if story.syn_count and not story.syn_ack_count and not refused and not lost:
        why = "the file ends before the SYN's answer was overdue"
        if only_first_syn(story, context):
            why = f"its SYN was not repeated, and {_why_unheard(context)}"
        return why, story.syn_frames
    return None


def _why_unheard(context: Context) -> str:
    if context.firewall_log:
        return "a firewall's log may have no more than the first packet of a connection"
    if context.nobody_answers:
        return "nobody answers in this capture: like a filter's work"
    return "no packet of that host was captured at all"


def _open_and_waiting(story: Story, context: Context) -> tuple[str, tuple[int, ...]] | None:
    if answer_may_be_missing(story) or never_answered(story, context):
        return None
    if asks_nothing(story) or is_waiting(story, story.end):
        return None
    if work(story) is Work.WAITING:
        waited = duration(max(0, story.end - story.turn.request_last_time))
        why = f"the file ends with a request unanswered ({waited} of packets after it)"
        return why, (story.turn.request_frame,)
    return None
