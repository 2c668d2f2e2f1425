"""tcp.zero_window: The receiver stopped reading.

What happened
    One end's receive buffer filled up because its program did not read. It told the other end to
    stop (window 0) and never opened the window again.

How pcapdiag can tell
    The last window it advertised was zero, the other end had data and probed, for a second or more,
    until one of them ended the connection.

Usual causes
    - The program hangs, or waits for something else.
    - Back-pressure: a proxy cannot pass the data on, because its own client is slow or gone.
    - A consumer was paused.

Fixes
    - First: why does that program not read? If it is a proxy, look at its other leg.
    - Application: blocked handler, lock, full disk, full queue; read in a thread of its own.
    - Envoy: `per_connection_buffer_limit_bytes` (1 MiB) is what it takes before it stops reading;
      `stream_idle_timeout` ends a stream that stands.
    - NGINX: `proxy_request_buffering` and `proxy_buffering` decide whether a slow side stops the
      other; `send_timeout`, `proxy_send_timeout`.
    - HAProxy: `timeout client` and `timeout server` end a side that does not move.
    - Linux: `net.ipv4.tcp_rmem` only moves the point at which it stops.

Can be confused with
    - tcp.response_timeout: all was read, and nothing was sent.
    - http2.flow_control_stall: one layer above, where single streams stand.
    - `ok`: a window that closed and opened again.

What would settle it
    - On that host, while it lasts: `ss -tnpm 'sport = :PORT or dport = :PORT'`: Recv-Q is full
      and does not fall.
    - A capture of the proxy's other leg.

References
    - RFC 9293 section 3.8.6: zero windows and probes.
    - Envoy's documentation, "How do I configure flow control?".
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.timing import capture_left, duration
from pcapdiag.diagnose.work import connected, one_direction
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.packet import KEEP_ALIVE, WINDOW_PROBE, PacketFact
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND, counted

KIND = Kind(
    code="tcp.zero_window",
    title="stopped reading: {receiver} kept its window at zero for {stuck}",
    explanation=(
        "{receiver} told {sender} to stop sending (window 0, frame {zero_frame}) and did not read "
        "again for {stuck}. {probes} {then}"
    ),
    phases=("in_request", "before_response", "in_response"),
    envoy=Envoy("UT", "response timeout"),
    nginx="upstream timed out (110: Connection timed out) while sending request to upstream",
    haproxy="sD",
    fix_at=("responder", "initiator"),
    fixes=(
        "why does the program on {receiver} not read: hung, blocked on a lock or disk, paused?",
        "is {receiver} a proxy? then its other leg is slow: the cause is there (back-pressure)",
    ),
    commands=(
        "ss -tnpm 'sport = :{responder_port} or dport = :{responder_port}'  # on {receiver}: "
        "Recv-Q full and not falling",
        "ss -tni 'dst {receiver_host}'  # on {sender}: timer:(persist,...), rwnd_limited",
    ),
)

PROBES = WINDOW_PROBE | KEEP_ALIVE
STUCK = SECOND
STILL_STUCK = 5 * SECOND
"""Without an end in the file the window must have been shut this long."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a receiver that shut its window until the end."""
    if not connected(story) or one_direction(story):
        return None
    for initiator in (True, False):
        shut = _shut_since(story, initiator)
        if shut is None or not _had_more(story, not initiator, shut):
            continue
        end = ending(story)
        until = end.time if end else story.end + min(capture_left(story, context), SECOND)
        if until - shut.time >= (STUCK if end else STILL_STUCK):
            return _judgement(story, initiator, shut, end, until - shut.time)
    return None


def _shut_since(story: Story, initiator: bool) -> PacketFact | None:
    """Return the first packet of the last unbroken run of zero windows of one end."""
    first = None
    for packet in reversed(story.packets):
        if packet.from_initiator != initiator or packet.is_rst or packet.is_fin or packet.is_syn:
            continue
        if packet.window or packet.is_syn_ack:
            break
        first = packet
    return first


def _had_more(story: Story, initiator: bool, shut: PacketFact) -> bool:
    """Return whether the other end wanted to send on: probes, or data that did not fit.

    Linux probes as a keep-alive does, without a byte (measured). Who has no more to send loses
    nothing by a buffer that stays full.
    """
    return bool(_probes(story, initiator, shut)) or story.half(initiator).unacked > 1


def _probes(story: Story, initiator: bool, shut: PacketFact) -> int:
    """Return how often one end asked for the window since it was shut, as far as it was kept."""
    return sum(
        p.from_initiator == initiator and p.time >= shut.time and p.marks & PROBES > 0
        for p in story.packets
    )


def _judgement(
    story: Story, by_initiator: bool, shut: PacketFact, end: Ending | None, stuck: int
) -> Judgement:
    side = side_of(by_initiator)
    why = "it advertised window 0 itself: its program did not read"
    number = _probes(story, not by_initiator, shut)
    least = "at least " if story.packets_left_out else ""
    then = "The capture ends there."
    if end is not None:
        who = story.half(end.by_initiator).address
        then = f"Then {who} ended it ({end.word} in frame {end.frame})."
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, shut.time),
        confidence=0.93 if end else 0.82,
        frames=frames_of(shut.frame, end.frame if end else 0),
        ended_by=end.actor if end else None,
        candidates=(
            SideHint(side, 0.95, why, (shut.frame,)),
            SideHint("path", 0.03, "a proxy on the path could do this in its name", (shut.frame,)),
        ),
        facts={
            "receiver": story.half(by_initiator).address,
            "sender": story.half(not by_initiator).address,
            "stuck": duration(stuck),
            "zero_frame": str(shut.frame),
            "probes": f"The sender probed {least}{counted(number, 'time')}." if number else "",
            "then": then,
        },
    )
