"""icmp.prohibited: A firewall or router said that this is not allowed.

What happened
    The SYN, or data, was answered by an ICMP error that says "administratively prohibited".

How pcapdiag can tell
    ICMP 3/9, 3/10, 3/13, or ICMPv6 1/1, 1/5, 1/6, that quotes a segment of the connection. It names
    its sender; but Linux's NAT writes the address that was called on the error of a router behind
    it. A router lowers the TTL before it rejects, so the quote has gone a hop further than the
    error comes back: nobody is named then (the ways there and back may differ, too).

Usual causes
    - A firewall rule that rejects with icmp-admin-prohibited (firewalld's default).
    - A router's access list, a `prohibit` route, a network policy.

Fixes
    - First: allow the flow on the device that sent the error. The verdict names it.
    - Kubernetes: a NetworkPolicy, where the network plugin rejects instead of dropping.
    - Linux: `firewall-cmd --add-port`, or the rule with `icmp-admin-prohibited` in `iptables-save`;
      `ip route show type prohibit`.
    - Network: the access list of that router.

Can be confused with
    - icmp.unreachable: there it could not, here it may not. Programs get errno 113 for both (13 for
      ICMPv6 1/1).
    - tcp.connection_timeout: a rule that drops says nothing.

What would settle it
    - `nc -vz -w 3 SERVER PORT` from the initiator, after the change.
    - The rule counters on that device.

References
    - RFC 1812 section 5.2.7.1, RFC 4443 section 3.1.
    - Measured in the lab (docs/lab.md): `ip route prohibit` and REJECT give ICMP 3/13, errno 113;
      ICMPv6 1/1 gives errno 13.
    - Linux nf_nat_icmp_reply_translation (net/netfilter/nf_nat_proto.c), ip_forward
      (net/ipv4/ip_forward.c).
"""

from __future__ import annotations

from pcapdiag.diagnose.icmp.quoted import is_prohibited
from pcapdiag.diagnose.icmp.unreachable import judged
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="icmp.prohibited",
    title="not allowed: {source} rejected the packet to {target}, {error}",
    explanation=(
        "{source} sent {error} for {quoted} of this connection (frame {error_frame}, {after} "
        "after the connection's first packet): a rule there forbids it. {count}"
    ),
    phases=("connect", "before_request", "in_request", "before_response", "in_response", "idle"),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="connect() failed (113: No route to host) while connecting to upstream",
    haproxy="SC",
    fix_at=("path", "responder", "initiator"),
    fixes=(
        "allow {initiator_ip} to {responder_ip} port {responder_port} on {source} (firewalld: add "
        "the port to the zone; router: its access list)",
        "Kubernetes: a NetworkPolicy that selects the pod of {responder_ip}",
    ),
    commands=(
        "{iptables_save} | grep -nE 'REJECT|prohibited'; nft list ruleset | grep -n reject  # on "
        "{source}",
        "nc -vz -w 3 {responder_ip} {responder_port}  # from {initiator_ip}, after the change",
        "ip route show type prohibit; firewall-cmd --list-all  # on {source}",
    ),
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a connection that a device prohibited."""
    return judged(story, context, KIND, is_prohibited, 0.98)
