"""Likelihood ratios of all signals, in one table: how much more often it is seen when true.

Caps are set by judgement: decisive 1000, very strong 100, strong 20, medium 5, weak 2. Where a
confounder is present the ratio is divided by ``CONFOUNDED``. docs/attribution.md has the table.
"""

from __future__ import annotations

import msgspec

CONFOUNDED = 5.0
QUIET = 60.0

DECISIVE, VERY_STRONG, STRONG, MEDIUM, WEAK, NEUTRAL = 1000.0, 100.0, 20.0, 5.0, 2.0, 1.0


class Ratio(msgspec.Struct, frozen=True):
    """One row: signals of one family share a cause, and only the strongest of them counts."""

    family: str
    ratio: float
    why: str


RATIOS: dict[str, Ratio] = {
    # Where the sender stands: distance in hops, and the last device before the capture.
    "ttl_same": Ratio("distance", 4.0, "devices between rarely hit the host's TTL by chance"),
    "ttl_same_once": Ratio("distance", WEAK, "few packets to compare with"),
    "ttl_near": Ratio("distance", WEAK, "routes change by a hop or two"),
    "ttl_on_link": Ratio("distance", 10.0, "TTL never lowered: made on the capture's own link"),
    "ttl_other_system": Ratio("distance", 10.0, "other initial TTL: few hosts use two"),
    "ttl_of_reply": Ratio("distance", 4.0, "replies are made without the socket and its TTL"),
    "ttl_of_resets": Ratio("distance", NEUTRAL, "a host's second generator, or a device beside it"),
    "ttl_elsewhere": Ratio("distance", NEUTRAL, "several machines, or ways, behind the address"),
    "ttl_behind_handshake": Ratio("distance", NEUTRAL, "behind a SYN proxy there is the host"),
    "ttl_differs": Ratio("distance", STRONG, "off by more than routes change"),
    "ttl_varies": Ratio("distance", MEDIUM, "off, but the host's own TTL varies"),
    "ttl_of_handshake": Ratio("distance", MEDIUM, "a SYN proxy's; some hosts set IP_TTL later"),
    "ttl_of_guard": Ratio("distance", MEDIUM, "answered nearer or farther; so do odd pool members"),
    "ttl_to_die": Ratio("distance", WEAK, "no forger wants its RST lost (HAProxy, measured)"),
    "ttl_like_icmp": Ratio("distance", STRONG, "as far as a router that spoke for itself"),
    "ttl_shared": Ratio("distance", VERY_STRONG, "same odd TTL in resets of several connections"),
    "ttl_shared_refusing": Ratio("distance", MEDIUM, "a firewall, or who owns the address"),
    "ttl_like_neighbours": Ratio("distance", WEAK, "addresses of one network are near each other"),
    "answered_for_all": Ratio("distance", STRONG, "a VPN client's own stack, a transparent proxy"),
    "ttl_before_neighbours": Ratio("distance", 4.0, "a router before them, or their own router"),
    "made_at_gateway": Ratio("distance", 3.0, "the first router, which may own the address"),
    "mac_differs": Ratio("distance", STRONG, "came through another device"),
    "interface_differs": Ratio("distance", MEDIUM, "another way in; so is a changed route"),
    "address_moved": Ratio("distance", STRONG, "new owner asks by ARP, then resets (measured)"),
    # Where the capture was taken.
    "left_captured_host": Ratio("vantage", DECISIVE, "the captured host sent it (measured)"),
    "captured_at_sender": Ratio("vantage", VERY_STRONG, "inferred vantage; else as above"),
    "captured_near_sender": Ratio("vantage", STRONG, "only the link is between"),
    "came_from_outside": Ratio("vantage", DECISIVE, "bears the captured host's own address"),
    "came_out_only": Ratio("vantage", VERY_STRONG, "one copy of many may be missing (measured)"),
    "made_by_capturing_host": Ratio("vantage", DECISIVE, "left a host that never received it"),
    # IP header.
    "ip_id_continuous": Ratio("ip_header", STRONG, "live socket's own counter (measured)"),
    "ip_id_off": Ratio("ip_header", MEDIUM, "another counter; a global one looks the same"),
    "ip_id_taken": Ratio("ip_header", STRONG, "one counter gives no number twice"),
    "header_copied": Ratio("ip_header", MEDIUM, "idle firewalls copy the trigger (Davids)"),
    "header_copied_twice": Ratio("ip_header", STRONG, "both ID and window copied"),
    "ip_id_shared": Ratio("ip_header", MEDIUM, "a fixed ID; hosts count"),
    "df_clear": Ratio("ip_header", MEDIUM, "raw packet tools leave DF clear"),
    "tos_zero": Ratio("ip_header", WEAK, "filters answer with TOS 0; so do bleaching networks"),
    "tos_reflected": Ratio("ip_header", 3.0, "host kernels copy the TOS, filters do not"),
    "ecn_odd": Ratio("ip_header", WEAK, "hosts set ECN bits where both ends use them"),
    "flow_label_same": Ratio("ip_header", MEDIUM, "the flow's own label (measured)"),
    "flow_label_zero": Ratio("ip_header", 3.0, "filters send label 0, hosts do not"),
    # TCP header.
    "live_socket": Ratio("tcp_header", STRONG, "window, timestamps as the flow's (measured)"),
    "live_socket_plain": Ratio("tcp_header", 3.0, "window as the flow's, no timestamps to see"),
    "timestamp_off": Ratio("tcp_header", STRONG, "not on the sender's clock (judgement)"),
    "timestamp_echo_off": Ratio("tcp_header", STRONG, "hosts echo what they got (RFC 7323)"),
    "timestamps_bare": Ratio("tcp_header", MEDIUM, "Linux never; FreeBSD may"),
    "timestamps_missing_apple": Ratio("tcp_header", NEUTRAL, "usual for Apple"),
    "timestamps_missing": Ratio("tcp_header", WEAK, "Apple never puts them into a RST"),
    "timestamps_missing_linux": Ratio("tcp_header", STRONG, "Linux does, from a live socket"),
    "timestamps_dropped": Ratio("tcp_header", STRONG, "RFC 7323 3.2: in every segment but a RST"),
    "window_odd": Ratio("tcp_header", WEAK, "a host's reply has window 0"),
    "reply_form": Ratio("tcp_header", NEUTRAL, "host without socket and filter are alike"),
    "refusal_odd": Ratio("tcp_header", 3.0, "RFC 9293 3.10.7.1: seq 0, ACK of the SYN"),
    "refusal_bare": Ratio("tcp_header", STRONG, "RFC 9293 3.10.7.1: with ACK; so the SYN goes on"),
    "vendor_code": Ratio("tcp_header", NEUTRAL, "names the product, not its place"),
    "reset_text": Ratio("tcp_header", MEDIUM, "hosts send no text in a RST, appliances do"),
    "window_shared": Ratio("tcp_header", WEAK, "a fixed window; some hosts' stacks have one too"),
    # Sequence and acknowledgment numbers.
    "seq_exact": Ratio("sequence", 1.5, "injectors on the path are mostly exact too"),
    "seq_stale": Ratio("sequence", STRONG, "a socket knows what it has sent (judgement)"),
    "seq_ahead": Ratio("sequence", STRONG, "a socket knows what it has sent (judgement)"),
    "ack_impossible": Ratio("sequence", STRONG, "acknowledges what was never sent"),
    "ack_spray": Ratio("sequence", STRONG, "guesses at what was received (Weaver 2009)"),
    "seq_fixed": Ratio("sequence", STRONG, "a device's default; no host's number (vendors)"),
    "seq_spray": Ratio("sequence", STRONG, "guesses at the next number (Weaver 2009, measured)"),
    "seq_answers": Ratio("sequence", WEAK, "one RST to each late segment (measured)"),
    # Time, and what made it be sent.
    "too_fast": Ratio("timing", STRONG, "the end could not have got the segment yet"),
    "too_fast_ack": Ratio("timing", VERY_STRONG, "same, and it acknowledges that segment"),
    "too_fast_for_neighbours": Ratio("timing", MEDIUM, "neighbours may be nearer or farther"),
    "usual_rtt": Ratio("timing", 3.0, "a device nearer would be faster"),
    "usual_rtt_short": Ratio("timing", 1.25, "on a short path everything is near"),
    "unprompted_bare": Ratio("trigger", MEDIUM, "Linux sends a bare R only as an answer"),
    "idle_timer": Ratio("trigger", WEAK, "known default; servers use the same numbers"),
    "idle_expiry": Ratio("trigger", WEAK, "a timer; most servers' timers close by FIN"),
    "idle_survived": Ratio("trigger", WEAK, "a timer on the way spares nobody"),
    "name_filtered": Ratio("trigger", WEAK, "filters go by names; so do some servers"),
    "works_at_once": Ratio("trigger", MEDIUM, "not a firewall rule (measured)"),
    # What the ends do next.
    "data_after": Ratio("afterwards", VERY_STRONG, "a socket that reset is gone (measured)"),
    "data_behind_fin": Ratio("afterwards", DECISIVE, "a stream ends with its FIN (RFC 9293 3.6)"),
    "acks_after": Ratio("afterwards", STRONG, "as above; a late ACK looks the same"),
    "own_reset": Ratio("afterwards", STRONG, "a live socket sends one RST (measured)"),
    "reset_both": Ratio("afterwards", VERY_STRONG, "both ends reset at once (judgement)"),
    "pair_blocked": Ratio("others", WEAK, "filters block pairs for a while; so do host firewalls"),
    # Silence and other failures without a decisive RST.
    "reached_responder": Ratio("vantage", VERY_STRONG, "seen at the responder's own host"),
    "reached_initiator": Ratio("vantage", VERY_STRONG, "seen at the initiator's own host"),
    "reached_near": Ratio("vantage", STRONG, "only the link is between"),
    "not_passed_on": Ratio("vantage", STRONG, "seen going in and not coming out"),
    "came_damaged": Ratio("vantage", VERY_STRONG, "hosts drop it in silence (RFC 9293 3.1)"),
    "idle_silence": Ratio("trigger", MEDIUM, "hosts that forgot a connection answer by RST"),
    "endpoint_serves": Ratio("others", WEAK, "a device dropped one flow; so do load balancers"),
    "handshake_elsewhere": Ratio("others", NEUTRAL, "a SYN proxy or load balancer is there"),
    "host_alive": Ratio("others", NEUTRAL, "a filter or a full queue, not a dead host"),
    "icmp_from_end": Ratio("icmp", DECISIVE, "the end itself said so"),
    "icmp_from_path": Ratio("icmp", DECISIVE, "a device between said so"),
    # Two captures or more (diagnose/points). "Quiet": that capture shows nothing later, so it may
    # have been stopped; then it is not far from certain, and no name gets 0.9.
    "born_between": Ratio("points", DECISIVE, "passed one point, never left the end (measured)"),
    "born_between_quiet": Ratio("points", QUIET, "same, if that capture still ran"),
    "left_end": Ratio("points", DECISIVE, "seen beside the end, on its way out"),
    "left_side": Ratio("points", MEDIUM, "came from the end's side; devices may be there too"),
    "untranslated": Ratio("nat", VERY_STRONG, "the NAT between forgot the connection (measured)"),
    "lost_between": Ratio("passage", DECISIVE, "passed one point, never reached the next"),
    "lost_between_quiet": Ratio("passage", QUIET, "same, if that capture still ran"),
    "arrived_unanswered": Ratio("passage", DECISIVE, "reached the end's host, nothing left it"),
    "arrived_unanswered_near": Ratio("passage", STRONG, "reached its capture, by the user's word"),
    "arrived_unanswered_far": Ratio("passage", WEAK, "more of the path is behind that point"),
    "size_hole": Ratio("size", VERY_STRONG, "neither end drops by size"),
    # The prior itself, shown so that the weights add up.
    "prior": Ratio("prior", NEUTRAL, "see priors.py"),
}
