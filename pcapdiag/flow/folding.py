# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""What a finished connection leaves with its hosts and its endpoint: totals, times, outcomes."""

from __future__ import annotations

from pcapdiag.flow.callers import SILENT
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.silence import is_silent
from pcapdiag.flow.spans import note_outcome

CLOSE_WITHIN = 200_000_000
"""A FIN so soon (ns) after a quiet time ended is what ended it."""
TENTH = 100_000_000
MAX_QUIET_TIMES = 64
"""Different quiet times kept of what one endpoint closed."""


def fold(flow: Flow) -> None:
    """Add a finished connection to what is known of its hosts and its endpoint."""
    _fold_half(flow.a, flow.b)
    _fold_half(flow.b, flow.a)
    _fold_endpoint(flow)
    if flow.pause > 0:
        _note_closed_idle(flow)


def _fold_half(f: HalfFlow, r: HalfFlow) -> None:
    host = f.host
    host.packets += f.packets
    host.ids_zero += f.ids_zero
    host.sent += f.sent
    host.received += f.received
    host.sent_to += r.sent
    host.received_for += r.received
    host.bad_checksums += f.bad_checksums
    host.super_segments += f.super_segments
    host.duplicates += f.duplicates
    if f.ttl0_count:
        host.count_ttl(f.ttl0, f.ttl0_count)
    if f.ttl1_count:
        host.count_ttl(f.ttl1, f.ttl1_count)
    if f.ttl2_count:
        host.count_ttl(f.ttl2, f.ttl2_count)
    if f.ttl3_count:
        host.count_ttl(f.ttl3, f.ttl3_count)
    if f.mac0_count:
        host.count_mac(f.mac0, f.mac0_count)
    if f.mac1_count:
        host.count_mac(f.mac1, f.mac1_count)


def _fold_endpoint(flow: Flow) -> None:
    initiator = flow.a if flow.a_opened else flow.b
    responder = flow.b if flow.a_opened else flow.a
    if initiator.min_rtt > 0:
        host = responder.host
        if host.min_rtt == 0 or initiator.min_rtt < host.min_rtt:
            host.min_rtt = initiator.min_rtt
    if responder.min_rtt > 0:
        host = initiator.host
        if host.min_rtt == 0 or responder.min_rtt < host.min_rtt:
            host.min_rtt = responder.min_rtt
    endpoint = flow.endpoint
    if endpoint is None:
        return
    if responder.rst_count > 0:
        endpoint.resets += 1
    if flow.turn_index > 0 and flow.response_bytes == 0:
        endpoint.unanswered_turns += 1
    if flow.syn_count > 0 and flow.syn_ack_count == 0 and not flow.handshake_done:
        if flow.is_refused():
            endpoint.refused += 1
            if endpoint.first_refused == 0:
                endpoint.first_refused = flow.rst_time
            endpoint.last_refused = flow.rst_time
        elif is_silent(flow):
            endpoint.unanswered += 1
            if flow.syn_count == 1:
                note_outcome(endpoint, SILENT, flow.start)


def _note_closed_idle(flow: Flow) -> None:
    """Note after what quiet time the responder closed a connection with nothing under way.

    A close_notify may come before its FIN.
    """
    i = flow.a if flow.a_opened else flow.b
    r = flow.b if flow.a_opened else flow.a
    if r.fin_seq < 0:
        return
    if i.fin_seq >= 0 and i.fin_time < r.fin_time:
        return
    apart = r.fin_time - flow.pause_end
    if apart < 0 or apart > CLOSE_WITHIN or i.last_data_time >= flow.pause_end:
        return
    endpoint = flow.endpoint
    if endpoint is None or flow.response_bytes == 0 or flow.same_as >= 0:
        return
    if flow.response_time >= flow.pause_end:
        # It was quiet because the answer took long.
        return
    # A server's timer runs from its last data, and not from the ACK of it that comes later.
    quiet = flow.pause
    if r.last_data_time < flow.pause_end:
        quiet = flow.pause_end - max(i.last_data_time, r.last_data_time)
    closed, when = endpoint.closed_idle, endpoint.closed_when
    tenths = quiet // TENTH
    if tenths in closed:
        closed[tenths] += 1
        first, last = when[tenths]
        when[tenths] = (min(first, r.fin_time), max(last, r.fin_time))
    elif len(closed) < MAX_QUIET_TIMES:
        closed[tenths] = 1
        when[tenths] = (r.fin_time, r.fin_time)
