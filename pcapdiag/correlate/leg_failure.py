"""One failed request or connection as the other legs of a proxy may need it: plain numbers."""

from __future__ import annotations

import msgspec

from pcapdiag.model.ends import Actor, join_port

Key = tuple[int, int | None]
"""Stream and exchange: what failed; None for the connection as a whole."""

APART = 10**19
"""Nanoseconds that put points with unknown clocks out of each other's reach: 300 years."""
_STREAM_BITS = 40


def number_at(point: int, stream: int) -> int:
    """Return a number for a stream of one of several capture points; the first's keep theirs."""
    return point << _STREAM_BITS | stream


def point_of(number: int) -> int:
    """Return the capture point in a number of :func:`number_at`."""
    return number >> _STREAM_BITS


class LegFailure(msgspec.Struct, frozen=True):
    """What failed, between whom, when, and what can be read of it.

    Times are nanoseconds since the epoch. ``asked`` is when the request began, or the connection
    was opened where none was sent; ``since`` when the earliest call for it can have been made: a
    TCP proxy calls before its client has asked. ``decided`` is when somebody ended it (0: nobody
    did, it was given up in silence), and ``by`` who did. ``last_try`` is the initiator's last
    packet.
    """

    stream: int
    """With several capture points a number of :func:`number_at`."""
    opener: str
    answerer: str
    answerer_port: int
    code: str
    phase: str | None
    since: int
    asked: int
    decided: int
    frame: int
    by: Actor | None = None
    sure: float = 1.0
    """Probability of its code."""
    side: Actor | None = None
    """Who did it, where the failure's own logic says so."""
    opened: int = 0
    """When its connection was opened; 0: not seen."""
    tunnel: bool = False
    """Bytes of another protocol went through it: CONNECT, or an upgrade."""
    came_up: bool = True
    last_try: int = 0
    exchange: int | None = None
    method: str | None = None
    target: str | None = None
    request_id: str | None = None
    trace: str | None = None
    """Trace id of the traceparent field (W3C Trace Context section 3.2.2.3)."""
    status: int | None = None
    """Of an HTTP answer; of a SOCKS proxy's, the code of its refusal of a request."""
    grpc_status: int | None = None
    product: str = ""
    """Which proxy made the answer by itself; empty for none."""
    reason: str = ""
    handed_on: bool = False
    """The answer says that it came from an upstream: another proxy made it."""
    by_name: bool = False
    """Only its empty body and the name in it show the answer to be the answerer's own."""
    same_as: int | None = None
    health_check: bool = False
    suspected: bool = False
    """It failed only if it explains another leg's failure; an answer, if one explains it."""
    called: str = ""
    """Whom it called, address and port, where ``answerer`` names a host instead."""
    there: int | None = None
    """Its stream as Wireshark numbers it, where ``stream`` counts those of all points."""
    label: str = ""
    """The point whose ``there`` and ``frame`` are; empty where there is one point only."""
    at_first: bool = True
    """That point is the first, or the only one."""

    @property
    def key(self) -> Key:
        """What tells it from every other one."""
        return self.stream, self.exchange

    @property
    def endpoint(self) -> str:
        """Whom it called: address and port."""
        return self.called or join_port(self.answerer, self.answerer_port)

    @property
    def place(self) -> str:
        """Its stream as people look it up: ``stream 17``, ``stream 17 at proxy``."""
        at = f" at {self.label}" if self.label else ""
        return f"stream {self.own_stream}{at}"

    @property
    def own_stream(self) -> int:
        """Its stream as Wireshark numbers it."""
        return self.stream if self.there is None else self.there

    @property
    def waited(self) -> int:
        """How long it was waited for, nanoseconds, until somebody ended it."""
        return self.decided - self.asked

    @property
    def ended_at(self) -> int:
        """When it was decided, or last tried, by the clock of its point or of the first."""
        return (self.decided or self.last_try) % APART

    @property
    def may_be_own(self) -> bool:
        """True for an answer of which only another leg tells whether a proxy made it."""
        return self.suspected and self.code == "http.local_reply"

    @property
    def is_silent(self) -> bool:
        """True where nothing came back and nobody said so: given up unseen."""
        return self.decided == 0
