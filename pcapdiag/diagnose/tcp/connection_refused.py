"""tcp.connection_refused: The SYN was answered by a RST.

What happened
    The initiator asked for a connection and got "no" at once, within one round trip.

How pcapdiag can tell
    A SYN, no SYN-ACK, and a RST,ACK whose ACK number is the SYN's sequence number plus one. A
    Windows initiator repeats the SYN after each RST, up to three times, 0.5 s apart: still one
    refused connection. When a later SYN of the same try is answered, the connection is `ok` with a
    note.

Usual causes
    - Nothing listens on that port: the program is down, still starting, or rolling out.
    - It listens on 127.0.0.1 only, or on the other address family only.
    - The port in the endpoint, the Service or the configuration is wrong.
    - A rule rejects with a TCP reset, on that host or before it.
    - On Windows: the listener's queue is full (Linux drops the SYN instead).

Fixes
    - First: look whether something listens on that address and port, and whether it stopped or
      rolled out at that moment.
    - Application: bind `0.0.0.0` or `::`, not `127.0.0.1`. Open the listener only when the program
      is ready, and close it last.
    - Envoy: correct `socket_address` of the endpoint. While a host restarts,
      `retry_policy.retry_on: connect-failure` with the `previous_hosts` retry predicate goes to
      another one; `outlier_detection` takes it out.
    - Istio: the Service's `targetPort` must be what the container listens on; `istioctl
      proxy-config endpoints POD` shows what the sidecar uses. `retries.retryOn: connect-failure` in
      the VirtualService.
    - NGINX: correct the `server` line of the `upstream`. `proxy_next_upstream error` tries the next
      one; `max_fails` and `fail_timeout` rest a dead one.
    - HAProxy: correct the `server` line; `check` takes a dead one out, `option redispatch` sends
      the retry elsewhere.
    - Kubernetes: a `readinessProbe`, so that no endpoint is published before the port is open, and
      a `preStop` sleep of some seconds, so that endpoints leave before it closes.
    - Linux: look for a rule with `reject with tcp reset`: `nft list ruleset`, `iptables-save`.

Can be confused with
    - icmp.unreachable: "port unreachable" gives the program the same errno 111, but the packet is
      ICMP.
    - tcp.connection_timeout: nothing came back at all.
    - endpoint.down: the finding for an endpoint that refused several in a row.

What would settle it
    - On the server, `ss -ltnp 'sport = :PORT'` tells a closed port from a rule: byte for byte both
      look the same.
    - A capture on the server: a RST that leaves there was made there; one that was never seen there
      comes from a device between.

References
    - RFC 9293 section 3.10.7.1: a segment to a closed port.
    - Linux tcp_v4_send_reset() and nf_send_reset(): why a closed port and a REJECT rule look alike.
      Measured in the lab (docs/lab.md).
    - Microsoft KB175523: Windows repeats a refused SYN.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import frames_of, sent_unseen
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import connected
from pcapdiag.model.context import Context
from pcapdiag.model.packet import PacketFact, seq_add
from pcapdiag.model.story import Story

SIDECAR = (
    "Istio: that is a sidecar's port (its own, or one that it takes over): is the sidecar up? "
    "kubectl logs POD -c istio-proxy; while pods start and end: holdApplicationUntilProxyStarts, "
    "or a native sidecar"
)
SIDECARS_OWN = (15001, 15006, 15008)
"""Where a sidecar takes what is redirected to it, and HBONE (Istio docs, "Ports used by Istio")."""
TO_SIDECAR = "outbound_."
"""What a sidecar's server name begins with when it calls another one (Istio)."""
KIND = Kind(
    code="tcp.connection_refused",
    title="refused: {responder} answered the SYN with {flags}",
    explanation=(
        "{initiator_ip} asked {responder} for a connection (frame {syn_frame}) and got {flags} "
        "back {after} later (frame {rst_frame}): no program takes connections on port "
        "{responder_port} of that address, or a firewall rejects them."
    ),
    phases=("connect",),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="connect() failed (111: Connection refused) while connecting to upstream",
    haproxy="SC",
    fix_at=("responder", "initiator", "path"),
    fixes=(
        "is the program on {responder_ip} up, and did it stop or roll out just then? (Kubernetes: "
        "readinessProbe, and preStop sleep so that endpoints leave before the listener does)",
        "is it bound to 127.0.0.1, or to the other address family only? bind 0.0.0.0 or ::",
        "is {responder_port} the right port? (Envoy: endpoint socket_address; Istio and "
        "Kubernetes: Service targetPort; NGINX: upstream server; HAProxy: server line)",
        "does a rule on {responder_ip} or before it reject with tcp reset?",
    ),
    commands=(
        "ss -ltnp 'sport = :{responder_port}'  # on {responder_ip}",
        "nft list ruleset | grep -nE '{responder_port}|reject'  # on {responder_ip}",
        "nc -vz -w 3 {responder_ip} {responder_port}  # from {initiator_ip}",
    ),
    path_fixes=(
        "find the device: firewall, security group, load balancer or node between {initiator_ip} "
        "and {responder_ip}; its log of rejected connections at that moment",
        "does it allow {initiator_ip} to {responder_ip} port {responder_port}? (rule, list of "
        "blocked pairs, limit of connections, NetworkPolicy)",
        "is the address its own, a Service or virtual address? then its backends are the place to "
        "look",
    ),
    path_commands=(
        "tcpdump -ni any 'tcp port {responder_port} and host {initiator_ip}'  # on {responder_ip}: "
        "does the SYN arrive?",
        "traceroute -n -T -p {responder_port} {responder_ip}  # from {initiator_ip}",
        "nft list ruleset | grep -nE '{responder_port}|reject'  # on routers and nodes between",
    ),
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a SYN answered by RST and never by SYN-ACK."""
    if story.syn_count == 0 or story.syn_ack_count or connected(story):
        return None
    reset = next((r for r in story.resets if not r.from_initiator), None)
    if reset is None:
        return None
    exact = _acks_the_syn(story, reset)
    if not exact and _goes_on_from_unseen(story, reset):
        return None
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="connect",
        confidence=0.99 if exact else 0.75,
        frames=frames_of(*story.syn_frames[:1], reset.frame),
        ended_by="responder",
        reset=reset,
        candidates=(
            SideHint("responder", 0.93, "a closed port is by far the usual cause", (reset.frame,)),
            SideHint("path", 0.07, "a firewall on the way can answer the same", (reset.frame,)),
        ),
        fixes=(SIDECAR, *KIND.fixes) if _is_sidecars(story, context) else (),
        facts=_facts(story, reset),
    )


def _is_sidecars(story: Story, context: Context) -> bool:
    """Return whether a port is an Istio sidecar's, or other sidecars were served there."""
    responder = story.responder
    tls = context.endpoint(responder.address, responder.port).tls
    served = tls is not None and any(name.startswith(TO_SIDECAR) for name in tls.names_accepted)
    return responder.port in SIDECARS_OWN or served


def _acks_the_syn(story: Story, reset: PacketFact) -> bool:
    """Return whether the RST acknowledges the SYN, with or without the data in it (RFC 7413)."""
    isn = story.initiator.isn
    asked = {p.end_seq for p in story.packets if p.is_syn and p.from_initiator}
    plain = isn is not None and reset.ack == seq_add(isn, 1)
    return reset.has_ack and (plain or reset.ack in asked)


def _goes_on_from_unseen(story: Story, reset: PacketFact) -> bool:
    """Return whether the RST ends a connection of which the capture lacks what followed the SYN.

    It has a number of its own, acknowledges more than the SYN, and no SYN follows: for a caller
    that still waits it would be no answer (RFC 9293 3.10.7.3).
    """
    own = reset.has_ack and reset.seq and sent_unseen(story, reset)
    return bool(own) and max(story.syn_times, default=0) <= reset.time


def _facts(story: Story, reset: PacketFact) -> dict[str, str]:
    asked = [time for time in story.syn_times if time <= reset.time]
    return {
        "flags": "RST,ACK" if reset.has_ack else "RST",
        "syn_frame": str(story.syn_frames[0] if story.syn_frames else story.first_frame),
        "rst_frame": str(reset.frame),
        "after": duration(reset.time - (asked[-1] if asked else story.start)),
    }
