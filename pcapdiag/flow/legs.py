# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""What a host did on its other connections: the link between the two legs of a proxy.

A healthy connection leaves no story, so the few moments of it that another leg may need are kept
here: when it was opened, when its responder answered or closed, and when its initiator left. A ring
holds the newest of all connections; on a busy host it says nothing, and that is right: there nobody
can tell whose request was whose. A TCP proxy connects before its client has asked, so a first
request counts from the SYN. The same SYN on both sides of a NAT is found in the ring, too.
"""

from __future__ import annotations

from pcapdiag.flow.lanes import TURNS
from pcapdiag.flow.records import NOBODY, Flow, HalfFlow, Moment
from pcapdiag.flow.table import Table

KEPT = 512
"""Moments kept over all connections, a power of two."""
MAX_AROUND = 16
"""More of them around one connection than this do not tell whose request was whose."""
SOON = 50_000_000
"""Up to this long (ns) after a connection was closed, another leg may show why."""

TWINS = 32
"""Moments within which the other side of a NAT shows the same SYN again."""
SAME_MOMENT = 5_000_000
"""A router that translates addresses sends a packet on within this time (ns)."""

OPENED = 1
ANSWERED = 2
CLOSED = 3
LEFT = 4

SPARE = 200_000_000
"""A connection that its initiator leaves sooner (ns) than this was not given up for being slow."""

# Twins in C of constants that plain Python imports.
_KEPT = KEPT
_MAX_AROUND = MAX_AROUND
_OPENED = OPENED
_ANSWERED = ANSWERED
_LEFT = LEFT
_TURNS = TURNS

MAX_COMPARED = 32
"""Open attempts that are compared with a connection that came up."""
RACE = 900_000_000
"""Within this time (ns) of the first SYN a second family is a race (RFC 8305), not a retry: kernels
repeat a SYN after 1 s (RFC 6298)."""


class Moments:
    """The newest moments of all connections."""

    def __init__(self) -> None:
        self.count = 0
        self.ring: list[Moment] = [Moment() for _ in range(_KEPT)]
        self._last_spare = 0
        """When a connection was left that may have been a spare one."""

    def note(self, flow: Flow, kind: int, time: int) -> None:
        """Keep what happened on a connection at ``time``."""
        opener = flow.a if flow.a_opened else flow.b
        answerer = flow.b if flow.a_opened else flow.a
        if kind == _OPENED:
            self._find_twin(flow, opener, answerer, time)
        elif kind == _LEFT and _may_be_spare(flow):
            self._find_used(flow, opener, answerer, time)
        elif kind == _ANSWERED and flow.turn_index == 2 and time - self._last_spare < SPARE:
            if flow.lanes != _TURNS:
                self._find_spares(flow, opener, answerer, time)
        moment: Moment = self.ring[self.count & (_KEPT - 1)]
        self.count += 1
        moment.isn = opener.isn
        moment.kind = kind
        moment.stream = flow.stream
        moment.since = flow.request_time if flow.turn_index > 1 else flow.start
        moment.answered = flow.response_time if kind != _ANSWERED else 0
        moment.time = time
        moment.opener = opener.host if opener.host.version != NOBODY else None
        moment.answerer = answerer.host if answerer.host.version != NOBODY else None
        moment.local = is_local(opener) | is_local(answerer) << 1
        moment.origin = flow.same_as if flow.same_as >= 0 else flow.stream
        moment.port = flow.port_b if flow.a_opened else flow.port_a
        moment.ip_id = flow.syn_ip_id
        moment.tsval = flow.syn_tsval
        moment.turn = flow.turn_index
        moment.flow = None
        if kind == _LEFT and _may_be_spare(flow) and flow.response_bytes > 0:
            if flow.spare_to < 0 and time - flow.start < SPARE:
                moment.flow = flow
                self._last_spare = time

    def _find_twin(self, flow: Flow, opener: HalfFlow, answerer: HalfFlow, time: int) -> None:
        """Join a connection with the one whose SYN, just before, was the same packet before a NAT.

        A NAT changes the addresses and keeps the numbers. Equal sequence numbers alone are not
        enough: a scanner's are the same in all its SYNs.
        """
        for back in range(1, TWINS + 1):
            moment: Moment = self.ring[(self.count - back) & (_KEPT - 1)]
            if time - moment.time > SAME_MOMENT:
                return
            if moment.kind != _OPENED or moment.isn != opener.isn or moment.stream == flow.stream:
                continue
            same_id = flow.version == 4 and moment.ip_id == flow.syn_ip_id and flow.syn_ip_id > 0
            if same_id or (moment.tsval == flow.syn_tsval and flow.syn_tsval > 0):
                flow.same_as = moment.origin
                host = moment.answerer
                if host is not None and host is not answerer.host:
                    host.translated = 1
                return

    def redirected(self, isn: int, time: int) -> Moment | None:
        """Return the opening on loopback that a SYN-ACK from elsewhere answers, by its number.

        A REDIRECT rule sends a call to the sidecar on loopback; the answers are shown with the
        address that was called (Istio docs).
        """
        for back in range(1, TWINS + 1):
            moment: Moment = self.ring[(self.count - back) & (_KEPT - 1)]
            if time - moment.time > SAME_MOMENT:
                return None
            if moment.kind == _OPENED and moment.isn == isn and moment.answerer is not None:
                host = moment.answerer
                return moment if is_loopback(host.version, host.high, host.low) else None
        return None

    def _find_used(self, flow: Flow, opener: HalfFlow, answerer: HalfFlow, time: int) -> None:
        """Note which connection to the same endpoint was answered while this one was opened.

        Of one that was answered itself that other one must have got further.
        """
        # Within two round trips only the SYN-ACK can have come.
        trip = flow.established_time - flow.start if flow.syn_count == 1 else 0
        if time - flow.start >= max(SPARE, 2 * trip):
            return
        port = flow.port_b if flow.a_opened else flow.port_a
        for i in range(_KEPT):
            moment: Moment = self.ring[i]
            if moment.kind != _ANSWERED or moment.time < flow.start or moment.port != port:
                continue
            if flow.response_bytes > 0 and moment.turn < 2:
                continue
            if moment.opener is opener.host and moment.answerer is answerer.host:
                flow.spare_to = moment.stream
                return

    def _find_spares(self, flow: Flow, opener: HalfFlow, answerer: HalfFlow, time: int) -> None:
        """Note on those that were left just before that this one, beside them, was gone on with."""
        port = flow.port_b if flow.a_opened else flow.port_a
        for i in range(_KEPT):
            moment: Moment = self.ring[i]
            left = moment.flow
            if left is None or time - moment.time >= SPARE or moment.port != port:
                continue
            if moment.opener is opener.host and moment.answerer is answerer.host:
                if flow.start <= moment.time:
                    left.spare_to = flow.stream
                    moment.flow = None

    def around(self, flow: Flow, of_initiator: int) -> list[tuple[int, int, int, int, int, int]]:
        """Return what one end's host did on other connections while it waited on this one.

        Each is (kind, stream, since, answered, time, whether the host opened that connection);
        empty where there was too much to tell.
        """
        initiator = flow.a if flow.a_opened else flow.b
        responder = flow.b if flow.a_opened else flow.a
        me = initiator if of_initiator else responder
        peer = responder if of_initiator else initiator
        mine = is_local(me)
        first = flow.turn_index <= 1 if not of_initiator else flow.turn_index == 0
        start = flow.start if first else flow.request_time
        until = _closed_at(initiator, responder, flow.rst_time)
        found: list[tuple[int, int, int, int, int, int]] = []
        for i in range(_KEPT):
            moment: Moment = self.ring[i]
            if moment.kind == 0 or moment.time < start or moment.stream == flow.stream:
                continue
            if until > 0 and moment.time > until + SOON:
                continue
            opened = moment.opener is me.host or (mine and moment.local & 1)
            answered = moment.answerer is me.host or (mine and moment.local & 2)
            if opened and answered:
                # Both ends are here: what leads to this connection's own peer goes on from here.
                answered = moment.answerer is not peer.host
                opened = not answered
            if not opened and not answered:
                continue
            if len(found) >= _MAX_AROUND:
                return []
            way = 1 if opened else 0
            found.append(
                (moment.kind, moment.stream, moment.since, moment.answered, moment.time, way)
            )
        return found


def is_local(f: HalfFlow) -> int:
    """Say whether a half is sent by the capturing host: cooked captures tell; loopback is."""
    if f.sent > 0:
        return 1 if f.received == 0 else 0
    return is_loopback(f.host.version, f.host.high, f.host.low)


def is_loopback(version: int, high: int, low: int) -> int:
    """Say whether an address is the loopback's (RFC 1122 section 3.2.1.3, RFC 4291 2.5.3)."""
    if version == 4:
        return 1 if low >> 24 == 127 else 0
    return 1 if high == 0 and low == 1 else 0


def _may_be_spare(flow: Flow) -> int:
    """Say whether its initiator used it for nothing: no answer, or only TLS's first one.

    That is a certificate, which the initiator may not like.
    """
    return 1 if flow.turn_index == 1 and (flow.response_bytes == 0 or flow.lanes != _TURNS) else 0


def _closed_at(a: HalfFlow, b: HalfFlow, rst_time: int) -> int:
    """Return when the connection was first closed; 0 while it has not been."""
    first = rst_time
    if a.fin_seq >= 0 and (first == 0 or a.fin_time < first):
        first = a.fin_time
    if b.fin_seq >= 0 and (first == 0 or b.fin_time < first):
        first = b.fin_time
    return first


def note_race(table: Table, winner: Flow, time: int) -> None:
    """Mark the attempts over the other address family that ``winner`` beat (RFC 8305).

    Only where both began on the capture's own link (TTL never lowered), so that the source MAC
    names the host; and only a SYN that was not answered by then, nor repeated. Either may have
    begun first: the one that comes up first wins.
    """
    me = winner.a if winner.a_opened else winner.b
    port = winner.port_b if winner.a_opened else winner.port_a
    loser = table.newest[1]
    for _ in range(MAX_COMPARED):
        if loser is None or time - loser.start > 2 * RACE:
            return
        if loser.version != winner.version and loser.syn_count == 1 and loser.syn_ack_count == 0:
            ahead = winner.start - loser.start
            same_host = loser.a.mac0 == me.mac0 and me.mac0 != 0
            near = _is_initial(loser.a.ttl0) and _is_initial(me.ttl0)
            if -RACE < ahead < RACE and same_host and near and loser.port_b == port:
                loser.lost_to = winner.stream
        loser = loser.older


def _is_initial(ttl: int) -> int:
    return 1 if ttl == 64 or ttl == 128 or ttl == 255 else 0
