"""tcp.data_timeout: Data was repeated and never acknowledged.

What happened
    One end sent data, repeated it with growing pauses, never got an acknowledgment, and in the end
    somebody gave up.

How pcapdiag can tell
    The same bytes sent three times or more, the acknowledgment number never moved, no ICMP error.
    Captured behind the loss: a hole that the receiver went on asking for and nobody filled; the
    number of a bare ACK or FIN shows it, too: what its sender had sent by then. Beside the receiver
    of an answer that stands still: what it acknowledged is repeated again and again, so its ACKs
    get lost. Then
    FIN or RST by the one who sent them, or by the other end for want of a request, or silence while
    the capture went on. What is acknowledged only behind the FIN of a program that had given up
    counts, too. When only full-size segments vanish, `mtu.black_hole` is named as an
    alternative; after an idle gap, `tcp.stale_connection`; right after the handshake,
    `tcp.accept_queue_overflow` (SYN cookies).

Usual causes
    - The other host died, or lost its network.
    - A firewall or NAT forgot the connection and drops what it does not know.
    - The path broke in one direction.
    - The path takes small packets only.

Fixes
    - First: capture at the other end. Do the segments arrive there?
    - Application: `TCP_USER_TIMEOUT` bounds how long unacknowledged data keeps a connection alive.
    - Envoy: `upstream_connection_options.tcp_keepalive` below the idle timeout of the device
      between; for HTTP/2 `connection_keepalive`; `idle_timeout` of the pool below it, too.
    - Istio: `connectionPool.tcp.tcpKeepalive`, `connectionPool.http.idleTimeout`.
    - NGINX: `proxy_socket_keepalive on`; upstream `keepalive_timeout` shorter than the device's.
    - HAProxy: `option srvtcpka`, `pool-purge-delay`.
    - Linux: `net.ipv4.tcp_retries2` (15: some 15 minutes) bounds the wait;
      `net.ipv4.tcp_mtu_probing=1` where only full-size segments vanish.
    - Network: `nf_conntrack_tcp_timeout_established` and its like on firewalls; `conntrack -S` for
      drops.
    - Cloud: idle timeouts: AWS NAT gateway 350 s, Azure NAT Gateway and Load Balancer 4 min, GCP
      Cloud NAT 1200 s; silent by default.

Can be confused with
    - tcp.response_timeout: there the request was acknowledged.
    - tcp.zero_window: acknowledged, and not read.
    - mtu.black_hole: only what is big is lost.
    - tcp.stale_connection: a RST instead of silence.
    - tcp.accept_queue_overflow: right after the handshake, with SYN cookies.

What would settle it
    - A capture at the other end for the same seconds, then `pcapdiag correlate`.
    - `ping -M do -s 1472` to the other end: does full size pass?

References
    - RFC 6298 (timers), RFC 9293 section 3.8.3 (giving up).
    - AWS "NAT gateways", Azure "Load Balancer TCP Reset and Idle Timeout", Google "Cloud NAT": idle
      timeouts.
    - Measured in the lab (docs/lab.md): Linux sends no packet when its retransmissions time out.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.attribution.vantage import on_link, vantage
from pcapdiag.diagnose.ending import Ending, ending, frames_of, gave_up
from pcapdiag.diagnose.icmp.quoted import sender_hints
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tcp.unacknowledged import (
    FULL_SIZE,
    Stuck,
    closed_by_its_sender,
    goes_on,
    size_matters,
    stuck_data,
)
from pcapdiag.diagnose.timing import capture_left, duration, quiet_before, round_trip
from pcapdiag.diagnose.work import answer_may_be_missing
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.packet import seq_after
from pcapdiag.model.story import IcmpFact, Story
from pcapdiag.model.units import MS, SECOND

KIND = Kind(
    code="tcp.data_timeout",
    title="data lost: {what}",
    explanation="{how} {then}",
    phases=("tls_handshake", "in_request", "before_response", "in_response", "idle"),
    envoy=Envoy("UT", "response timeout"),
    nginx=(
        "upstream timed out (110: Connection timed out) while reading response header from upstream"
    ),
    haproxy="sH",
    fix_at=("path", "responder", "initiator"),
    fixes=(
        "do the segments arrive at {receiver}? a capture there splits the path from the host",
        "does a firewall, NAT or load balancer between forget connections, or drop what it does "
        "not know? (conntrack -S on it: drop, invalid; "
        "net.netfilter.nf_conntrack_tcp_timeout_established)",
        "was {receiver} up then? (crash, paused, address moved)",
        "only full-size segments lost? lower the MTU or clamp the MSS (iptables TCPMSS "
        "--clamp-mss-to-pmtu)",
    ),
    commands=(
        "tcpdump -ni any 'host {sender} and tcp port {responder_port}'  # on {receiver}",
        "ping -c 3 -M do -s {full_ping} {receiver}; tracepath -n {receiver}  # from {sender}",
        "conntrack -L -p tcp --dport {responder_port}; conntrack -S  # on devices between",
        "nstat -az TcpRetransSegs TcpExtTCPTimeouts  # on {sender}",
    ),
)

ENOUGH_REPEATS = 2
GAVE_UP = 3 * SECOND
"""Silence that ends the tries, where the pauses before were shorter."""
TRIED = 5 * SECOND
"""Waiting this long in vain after several tries counts, also when the file ends there."""
SHORTEST = 300 * MS
LATE = 0.7
"""Probability where only the ACK of the FIN shows that anything had been sent: long ago, or just as
the other end gave up."""
BROKEN_OFF = OtherCode("capture.partial", 0.25)
"""What else it may be where no more tries came: no TCP gives up so soon by itself (RFC 9293 section
3.8.3: 100 s at least), so they, and what followed, went another way."""
UNFILLED = SECOND
"""A hole that is still there after this long was not the disorder or loss of a moment."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for data that was never acknowledged."""
    stuck = stuck_data(story)
    if stuck is None or (answer_may_be_missing(story) and not _is_denied(story, stuck)):
        return None
    end = ending(story)
    if end is not None and not _ends_the_tries(story, end, stuck):
        return None
    if closed_by_its_sender(end, stuck) and not stuck.hole and stuck.repeats < ENOUGH_REPEATS:
        # Its kernel would have gone on: what the capture lacks, or is too short for, ended that.
        return None
    if end is not None and goes_on(end, stuck):
        end = None
    if end is None and not _given_up(story, context, stuck):
        return None
    tried = tried_for(story, stuck, end)
    if tried < (UNFILLED if stuck.hole else SHORTEST):
        return None
    found = _judgement(story, context, stuck, end, tried)
    if end is not None or stuck.hole or tried >= GAVE_UP:
        return found
    sure = min(found.confidence, LATE)
    return replace(found, confidence=sure, alternatives=(*found.alternatives, BROKEN_OFF))


def _is_denied(story: Story, stuck: Stuck) -> bool:
    """Return whether the other end, alive after several tries, had not got the data.

    Its ACK number says so. Whatever of its own bytes is missing then, it is no answer to them.
    """
    heard_by = stuck.last_time - stuck.last_pause + round_trip(story)
    return stuck.repeats >= ENOUGH_REPEATS and any(
        p.from_initiator != stuck.by_initiator and p.has_ack and not p.is_rst and p.time > heard_by
        for p in story.packets
    )


def tried_for(story: Story, stuck: Stuck, end: Ending | None) -> int:
    """Return how long the data did not come.

    A program that closes leaves what it sent to its kernel, which goes on repeating it.
    """
    if stuck.late and end is not None:
        return quiet_before(story, end.time)
    until = end.time if end else story.end
    if closed_by_its_sender(end, stuck):
        until = max(until, stuck.last_time)
    return until - stuck.first_time


def undelivered(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for data that is still being repeated when the file ends.

    For callers that know from another capture that no transmission arrived.
    """
    stuck = stuck_data(story)
    if stuck is None or stuck.hole or stuck.repeats < ENOUGH_REPEATS or ending(story) is not None:
        return None
    return _judgement(story, context, stuck, None, story.end - stuck.first_time)


def reached(story: Story, context: Context, stuck: Stuck) -> bool:
    """Return whether the tries were captured beside their receiver, or on its host."""
    return not stuck.hole and vantage(story, context).place == side_of(not stuck.by_initiator)


def _on_its_link(story: Story, context: Context, stuck: Stuck) -> bool:
    """Return whether the tries came to their receiver's link; without routers there is but one."""
    one_link = all(on_link(half, context) for half in (story.initiator, story.responder))
    return reached(story, context, stuck) or (one_link and not stuck.hole)


def _ends_the_tries(story: Story, end: Ending, stuck: Stuck) -> bool:
    """A RST of the silent end is an answer; anything else ended the wait for one.

    Save for a live socket's, whose ACK number says that it had not got the data (measured).
    """
    answered = end.reset is not None and end.by_initiator != stuck.by_initiator
    if stuck.late:
        return True
    return end.time >= stuck.first_time and (not answered or _never_got_it(story, end, stuck))


def _never_got_it(story: Story, end: Ending, stuck: Stuck) -> bool:
    reset, acked = end.reset, story.half(stuck.by_initiator).acked
    if reset is None or not reset.has_ack or acked is None:
        return False
    return end.by_initiator != stuck.by_initiator and not seq_after(reset.ack, acked)


def _given_up(story: Story, context: Context, stuck: Stuck) -> bool:
    silence = capture_left(story, context)
    enough = stuck.hole or stuck.repeats >= ENOUGH_REPEATS
    gave_up = silence >= max(GAVE_UP, 3 * stuck.last_pause)
    waited = story.end + silence - stuck.first_time
    tried = stuck.repeats > ENOUGH_REPEATS and waited >= TRIED
    return enough and (gave_up or tried)


def _judgement(
    story: Story, context: Context, stuck: Stuck, end: Ending | None, tried: int
) -> Judgement:
    others = _alternatives(story, stuck)
    sure = 0.94 if stuck.hole or stuck.repeats >= ENOUGH_REPEATS else 0.7
    sure = LATE if stuck.late else sure
    sure = min(sure, round(0.97 - sum(each.confidence for each in others), 2))
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, end.time if stuck.late and end else stuck.first_time),
        confidence=sure,
        frames=frames_of(stuck.first_frame, stuck.last_frame, end.frame if end else 0),
        ended_by=end.actor if end else None,
        candidates=who(story, context, stuck, end),
        alternatives=others,
        facts=_facts(story, stuck, end, tried),
    )


def _alternatives(story: Story, stuck: Stuck) -> tuple[OtherCode, ...]:
    others = [OtherCode("tcp.response_timeout", 1 - LATE)] if stuck.late else []
    if size_matters(story, stuck):
        others.append(OtherCode("mtu.black_hole", 0.45))
    elif stuck.length >= FULL_SIZE:
        others.append(OtherCode("mtu.black_hole", 0.2))
    half = story.responder
    if stuck.by_initiator and not half.payload_bytes and story.turn.index == 1:
        others.append(OtherCode("tcp.accept_queue_overflow", 0.12))
    if story.turn.gap >= 60 * SECOND and stuck.by_initiator:
        others.append(OtherCode("tcp.stale_connection", 0.1))
    return tuple(others)


def who(story: Story, context: Context, stuck: Stuck, end: Ending | None) -> tuple[SideHint, ...]:
    """Return who may have let the data go unacknowledged: the end that should have, or the path."""
    silent = side_of(not stuck.by_initiator)
    address, frames = story.half(not stuck.by_initiator).address, (stuck.first_frame,)
    refused = _refused(story, stuck)
    if refused is not None:
        return sender_hints(story, refused)
    if address in context.capture_hosts and not stuck.hole:
        why = f"the data reached {address}, where the capture was taken, and was not acknowledged"
        return (SideHint(silent, 0.9, why, frames), SideHint("path", 0.07, why, frames))
    if stuck.alive and _on_its_link(story, context, stuck):
        why = (
            f"the data came to the link of {address}, where the capture was taken, and it did not "
            "acknowledge that, though alive: damaged, or dropped by its host or on that link"
        )
        return (SideHint(silent, 0.5, why, frames), SideHint("path", 0.45, why, frames))
    if stuck.bare:
        why = f"what came later from {_sender(story, stuck)} shows that it had sent the data"
        sender = side_of(stuck.by_initiator)
        slow = 0.2 if stuck.late else 0.03
        return (SideHint("path", 0.94 - slow, why, frames), SideHint(sender, slow, why, frames))
    if stuck.alive or (end is not None and _never_got_it(story, end, stuck)):
        why = f"{address} was alive and sent packets meanwhile, none of which acknowledged the data"
        filtered = 0.08 if stuck.hole else 0.14
        return (
            SideHint("path", 0.98 - filtered, why, frames),
            SideHint(silent, filtered, f"its own firewall may have dropped it: {why}", frames),
        )
    why = "nothing came back, as through a path that drops; a host that died looks the same"
    return (SideHint("path", 0.62, why, frames), SideHint(silent, 0.35, why, frames))


def _refused(story: Story, stuck: Stuck) -> IcmpFact | None:
    """Return the ICMP error by which somebody said that it did not take the data."""
    if stuck.hole or stuck.bare:
        return None
    quoted = (error for error in story.icmp if error.from_initiator == stuck.by_initiator)
    return next((error for error in quoted if error.time >= stuck.first_time), None)


def _sender(story: Story, stuck: Stuck) -> str:
    return story.half(stuck.by_initiator).address


def _facts(story: Story, stuck: Stuck, end: Ending | None, tried: int) -> dict[str, str]:
    sender = _sender(story, stuck)
    receiver = story.half(not stuck.by_initiator).address
    words = {"sender": sender, "receiver": receiver, "then": gave_up(story, end)}
    length, took = f"{stuck.length:,} bytes", duration(tried)
    if stuck.bare:
        how = (
            f"By its number, the packet of {sender} in frame {stuck.first_frame} stands {length} "
            f"beyond all that {receiver} got: {sender} had sent them, and they were lost on the "
            f"way. {receiver} waited {took} for them."
        )
        return words | {"what": f"{length} that {sender} had sent never came", "how": how}
    if stuck.hole:
        what = f"{length} of {sender} never came, what it sent after them did"
        how = (
            f"{length} that {sender} sent before frame {stuck.first_frame} were lost on the way: "
            f"{receiver} got what came after them and went on asking for them for {took}."
        )
        return words | {"what": what, "how": how}
    times = stuck.repeats + 1
    what = f"{sender} sent the same {length} {times} times in {took}, never acknowledged"
    how = (
        f"{sender} sent {length} to {receiver} (frame {stuck.first_frame}), repeated them until "
        f"frame {stuck.last_frame}, {took} in all, and never got an acknowledgment."
    )
    return words | {"what": what, "how": how}
