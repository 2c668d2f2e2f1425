"""tcp.connection_timeout: Nobody answered the SYN.

What happened
    The initiator asked for a connection, repeated itself, heard nothing at all, and gave up.

How pcapdiag can tell
    SYNs and not one packet back, neither TCP nor ICMP. Linux repeats after 1, 2, 3, 4 s (before
    6.5: 1, 3, 7 s); a proxy whose connect timeout is 1 s leaves one single SYN. It counts as given
    up when the next repeat was due and did not come while the capture went on, or when three
    seconds of trying went unanswered, or when the initiator, a proxy, told its client meanwhile. A
    SYN at the very end of the file is `capture.partial`, and a single one where the capture itself
    lost packets and other SYNs to that port were answered. One over IPv6 is `ok` where the same
    host got its connection over IPv4 at the same time, or the other way round.

Usual causes
    - A firewall, security group or network policy drops the SYN, or the answer.
    - The host is down or gone, or its address moved.
    - The listener's accept queue is full: Linux drops new SYNs then, without a word.
    - There is no route back.
    - SNAT ports or a connection tracking table are used up.

Fixes
    - First: find out where the SYN gets lost. Capture on the server: seen there, it is the host's
      firewall or a full queue; not seen there, it is the path.
    - Application: accept faster, or listen with a longer backlog, where `ss -ltn` shows Recv-Q
      above Send-Q.
    - Envoy: `connect_timeout` (default 5 s) bounds the wait. `retry_on: connect-failure` tries
      another host, `outlier_detection` and `health_checks` take the dead one out.
    - Istio: `connectionPool.tcp.connectTimeout` in the DestinationRule (default 10 s); in ambient
      mode let port 15008 through.
    - NGINX: `proxy_connect_timeout` (default 60 s) is long for one dead host; `proxy_next_upstream
      error timeout` tries the next.
    - HAProxy: `timeout connect` with `retries` and `option redispatch`.
    - Kubernetes: does a NetworkPolicy select one of the pods? Is the endpoint still a pod? `kubectl
      get endpointslices`.
    - Linux: `net.core.somaxconn` and the program's backlog, whichever is smaller; on NATs
      `net.netfilter.nf_conntrack_max`.
    - Network: let the port through in both directions, and route the answer back the way the SYN
      came.
    - Cloud: security group of the target must allow the balancer's, or with client address kept,
      the client's addresses. AWS NAT gateway metric `ErrorPortAllocation`, Azure SNAT port metrics:
      out of ports.

Can be confused with
    - tcp.handshake_stalled: a SYN-ACK came back.
    - icmp.unreachable, icmp.prohibited: a router said no.
    - tcp.accept_queue_overflow: the handshake was finished, and the server did not take it.
    - path.new_flows_dropped: the finding for SYNs that are lost while data passes.

What would settle it
    - A capture on the server for the same seconds: `tcpdump -ni any 'tcp port PORT and host
      CLIENT'`.
    - On the server, `nstat -az TcpExtListenDrops TcpExtListenOverflows` twice: growing means a full
      queue.

References
    - RFC 9293 section 3.8.1 and RFC 6298 section 2.1: repeats, and the first timeout of 1 s.
    - Linux tcp_syn_linear_timeouts (from 6.5): repeats after 1, 2, 3, 4 s; before, 1, 3, 7 s.
      Measured in the lab.
    - Linux tcp_conn_request(): a full accept queue drops the SYN.
    - RFC 8305: one address family of two may lose the race.
"""

from __future__ import annotations

from pcapdiag.diagnose.attribution.stack import LINUX_TTL
from pcapdiag.diagnose.ending import frames_of
from pcapdiag.diagnose.filtered import asked_once, only_first_syn, unheard
from pcapdiag.diagnose.icmp.quoted import name_of, refuses
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.other_leg import told_its_client
from pcapdiag.diagnose.syn_asks import always_asked
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import one_direction, resets_unheard
from pcapdiag.model.context import Context, Range
from pcapdiag.model.story import LegMoment, Story
from pcapdiag.model.units import SECOND

KIND = Kind(
    code="tcp.connection_timeout",
    title="no answer: {responder} did not answer {syns} {waited}",
    explanation=(
        "{initiator_ip} sent {syns} to {responder} ({syn_frames}) and got "
        "{nothing} back within {silent}, {errors}. {gave_up}"
    ),
    phases=("connect",),
    envoy=Envoy("UF", "connection timeout"),
    nginx="upstream timed out (110: Connection timed out) while connecting to upstream",
    haproxy="sC",
    fix_at=("path", "responder"),
    fixes=(
        "does a firewall, security group or NetworkPolicy between {initiator_ip} and "
        "{responder_ip} allow port {responder_port}, in both directions?",
        "is {responder_ip} up, and still the right address? (Kubernetes: endpoints; DNS: stale "
        "answer)",
        "on {responder_ip}: is the accept queue full (Recv-Q above Send-Q), conntrack full?",
        "only then a longer connect timeout: Envoy and Istio connect_timeout/connectTimeout, "
        "NGINX proxy_connect_timeout, HAProxy timeout connect",
    ),
    commands=(
        "tcpdump -ni any 'tcp port {responder_port} and host {initiator_ip}'  # on {responder_ip}",
        "ss -ltn 'sport = :{responder_port}'; nstat -az TcpExtListenDrops  # on {responder_ip}",
        "nc -vz -w 5 {responder_ip} {responder_port}  # from {initiator_ip}",
        "conntrack -S | grep -v 'drop=0 '  # on each NAT or node between",
    ),
    path_fixes=(
        "find what drops it: does a firewall, security group or NetworkPolicy between "
        "{initiator_ip} and {responder_ip} allow port {responder_port}, in both directions?",
        "does the answer take another way back? (asymmetric routes: a firewall that did not see "
        "the SYN drops the SYN-ACK; rp_filter)",
        "are SNAT ports or a connection tracking table between used up?",
    ),
    path_commands=(
        "nft list ruleset | grep -nE '{responder_port}|drop'  # on routers and nodes between",
        "conntrack -S | grep -v 'drop=0 '  # on each NAT or node between",
        "traceroute -n -T -p {responder_port} {responder_ip}  # from {initiator_ip}",
        "tcpdump -ni any 'tcp port {responder_port} and {is_syn_or_rst}'  # on {responder_ip}: "
        "does the SYN arrive, from which address, and does the answer leave?",
    ),
    responder_fixes=(
        "does a firewall on {responder_ip} itself drop port {responder_port}? (without one a host "
        "with no listener would have refused; rp_filter drops, too)",
        "is the accept queue full (Recv-Q above Send-Q)? accept faster, or a longer backlog and "
        "net.core.somaxconn",
        "is its connection tracking table full? (net.netfilter.nf_conntrack_max)",
    ),
    responder_commands=(
        "nft list ruleset | grep -nE '{responder_port}|drop'  # on {responder_ip}",
        "ss -ltn 'sport = :{responder_port}'; nstat -az TcpExtListenDrops TcpExtListenOverflows  "
        "# on {responder_ip}",
        "nstat -az TcpExtIPReversePathFilter; conntrack -S  # on {responder_ip}",
        "nc -vz -w 5 {responder_ip} {responder_port}  # from {initiator_ip}",
    ),
)

FIRST_RETRY_DUE = 3 * SECOND // 2
"""A first repeat is due after 1 s (RFC 6298); this much silence after one SYN means given up."""
WINDOWS_RETRY_DUE = 7 * SECOND // 2
"""Older Windows (TTL 128) repeats after 3 s."""
SPOKEN_WITHIN = 2 * SECOND
"""Of some packets only do routers and hosts say by ICMP that they do not deliver them (RFC 1812
section 4.3.2.8, RFC 4443 section 2.4): Linux of one a second to each receiver
(net.ipv4.icmp_ratelimit)."""
TRIED = 29 * SECOND // 10
"""Trying this long (Linux: 4 SYNs) in vain is a failure, also when the file ends there."""
REPEAT_UNANSWERED = 4 * SECOND // 10
"""Silence after a repeated SYN that is longer than any usual round trip."""
LOSSY, FEW = 0.002, 0.05
"""Share of packets missing from a capture, and of an endpoint's SYNs without an answer there, that
its own losses explain (judgement)."""
ONCE, SELDOM_SILENT = 0.75, 0.78
"""How sure at most, of the code and of the host where it was captured, where a SYN was sent once to
a port that answers others: the capture may have lost all that followed (judgement)."""
ONLY_SYNS = 0.6
"""How sure at most where the capture holds one SYN of each connection and nothing else (judgement).
"""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for SYNs that nothing ever answered."""
    silent = story.responder.packets == 0 and not any(map(refuses, story.icmp))
    silent = silent and story.initiator.rst_count == resets_unheard(story)
    if not story.syn_frames or not silent or one_direction(story):
        return None
    if story.syn_count == 1 and (story.lost_to is not None or story.resets):
        return None
    if only_first_syn(story, context):
        return None
    told = told_its_client(story) is not None
    if not told and _not_captured(story, context):
        return None
    gave_up = told or has_given_up(story, context)
    if not gave_up and not _tried_enough(story, context):
        return None
    return given_up(story, context, gave_up=gave_up, confidence=_confidence(story, gave_up))


def _not_captured(story: Story, context: Context) -> bool:
    """Return whether a capture that lost packets may lack the answer to a SYN sent once.

    To an endpoint of which most other SYNs have an answer; a repeated SYN had none.
    """
    lost = context.lost_by_capture + context.dropped_by_kernel
    if story.syn_count > 1 or lost < LOSSY * context.packets or not lost:
        return False
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    return endpoint.unanswered < FEW * (endpoint.established + endpoint.refused)


def given_up(story: Story, context: Context, *, gave_up: bool, confidence: float) -> Judgement:
    """Return the verdict for a SYN that had no answer.

    For callers that know from elsewhere that the initiator gave up: a proxy that told its client.
    """
    silent = max(story.end, context.last_time) - story.start
    if asked_once(story, context) and told_its_client(story) is None:
        confidence = min(confidence, ONCE)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="connect",
        confidence=min(confidence, ONLY_SYNS) if context.nobody_repeats else confidence,
        frames=frames_of(*story.syn_frames),
        candidates=_who(story, context),
        facts=_facts(story, gave_up, silent),
        notes=_notes(story, context),
        alternatives=(_FILTERED,) if context.nobody_repeats else (),
    )


def has_given_up(story: Story, context: Context) -> bool:
    """Return whether the next SYN was due and did not come while the capture went on."""
    silence = context.last_time - (story.syn_times[-1] if story.syn_times else story.end)
    if len(story.syn_times) < 2:
        windows = any(ttl > LINUX_TTL for ttl in story.initiator.ttls)
        return silence >= (WINDOWS_RETRY_DUE if windows else FIRST_RETRY_DUE)
    gap = story.syn_times[-1] - story.syn_times[-2]
    return silence >= max(FIRST_RETRY_DUE, 5 * gap // 2)


def _tried_enough(story: Story, context: Context) -> bool:
    """Return whether the tries so far are a failure although the next one is not due yet.

    One SYN may get lost; that its repeat is lost too is rare.
    """
    if story.end - story.start >= TRIED:
        return True
    silence = context.last_time - story.end
    return story.syn_count > 1 and silence >= REPEAT_UNANSWERED


def _confidence(story: Story, gave_up: bool) -> float:
    if story.syn_count >= 3:
        return 0.98 if gave_up else 0.92
    if not gave_up:
        return 0.8
    return 0.95 if story.syn_count == 2 else 0.9


def _who(story: Story, context: Context) -> tuple[SideHint, ...]:
    address, frames = story.responder.address, story.syn_frames[:1]
    if address in context.capture_hosts and not unheard(story, context):
        why = f"the SYN reached {address}, where the capture was taken, and it did not answer"
        if asked_once(story, context):
            why += ", or the capture lacks that: other SYNs to this port were answered"
            return (SideHint("responder", SELDOM_SILENT, why, frames),)
        return (SideHint("responder", 0.93, why, frames), SideHint("initiator", 0.02, why, frames))
    endpoint = context.endpoint(address, story.responder.port)
    said = endpoint.spoken_for
    if said is not None and abs(_nearest(story.start, said.times) - story.start) <= SPOKEN_WITHIN:
        why = (
            f"{said.source} said by ICMP of other connections then that it does not deliver there; "
            "of how many it says so is limited"
        )
        frames = (*frames, said.frame)
        path, own = (0.08, 0.9) if said.source == address else (0.9, 0.08)
        return (SideHint("path", path, why, frames), SideHint("responder", own, why, frames))
    if endpoint.established or endpoint.refused:
        why = f"{address} answers other SYNs to this port"
        return (SideHint("responder", 0.5, why, frames), SideHint("path", 0.48, why, frames))
    why = "a SYN lost on the way and a host that does not answer look the same from here"
    return (SideHint("path", 0.55, why, frames), SideHint("responder", 0.43, why, frames))


def _nearest(time: int, times: Range) -> int:
    return min(max(time, times.least), times.most)


def _notes(story: Story, context: Context) -> tuple[str, ...]:
    """Return what else a single SYN may be, where no other packet of that port is captured."""
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    serves = endpoint.established or endpoint.refused
    asked = always_asked(story) if serves else None
    if asked is not None:
        return (_ASKED.format(asked=asked),)
    return () if serves or story.syn_count > 1 else (_NOT_REPEATED,)


_ASKED = (
    "Each of its SYNs came with {asked}, which some devices drop; other SYNs to that port were "
    "answered. Does one without it get through? (Linux: net.ipv4.tcp_ecn=0, "
    "net.ipv4.tcp_ecn_fallback=1, net.ipv4.tcp_fastopen=0)"
)
_FILTERED = OtherCode("capture.partial", 1 - ONLY_SYNS)
_NOT_REPEATED = (
    "Its SYN was not repeated, which is due after 1 s: its connect timeout is shorter; or a "
    "capture filter let only SYNs pass, and then nothing here says that it failed."
)


def _facts(story: Story, gave_up: bool, silent: int) -> dict[str, str]:
    first, last = story.syn_frames[0], story.syn_frames[-1]
    return {
        "waited": _waited(story, gave_up, silent),
        "silent": duration(silent),
        "syn_frames": f"frame {first}" if first == last else f"frames {first} to {last}",
        "gave_up": _end_of_it(story) if gave_up else "The capture ends soon after.",
        **_nothing(story),
    }


def _nothing(story: Story) -> dict[str, str]:
    """Say that nothing came back, or nothing but an ICMP error that refuses nothing."""
    if not story.icmp:
        return {"nothing": "nothing", "errors": "not even an ICMP error about them"}
    error = story.icmp[0]
    only = f"only {name_of(error)} of {error.source} in frame {error.frame}"
    return {"nothing": "no answer", "errors": only}


def _waited(story: Story, gave_up: bool, silent: int) -> str:
    """Return how long it was tried; of one SYN that is not known, for the capture goes on."""
    times = story.syn_times
    if len(times) > 1:
        return f"in {duration(times[-1] - times[0])}"
    told = _told(story)
    if told is not None:
        return f"in {duration(told.time - story.start)}"
    return "and was not asked again" if gave_up else f"in {duration(silent)}"


def _told(story: Story) -> LegMoment | None:
    """Return when the initiator told its client, unless its SYN was due again before."""
    told = told_its_client(story)
    soon = told is not None and told.time - story.start < FIRST_RETRY_DUE
    return told if soon else None


def _end_of_it(story: Story) -> str:
    if len(story.syn_times) > 1:
        return "Then it gave up."
    told = _told(story)
    if told is not None:
        after = duration(told.time - story.start)
        return f"It gave up after {after}, when it told its own client (stream {told.stream})."
    return "It did not repeat it, which is due after 1 s (older Windows: 3 s): it gave up before."
