# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""What each host asked of each endpoint, over all its connections.

Who checks whom, and with what result; when an endpoint took connections and when not; how many
ports a caller has in use.

Healthy connections never leave compiled code, so what findings need of them is counted here, once a
turn (HTTP/1) or once a connection. Asks are told apart by kind: a health check says in its user
agent what it is, or has no field at all, or a telling path, or sends nothing. Whether something
that only looks like a check is one shows in its regular times, at the end.
"""

from __future__ import annotations

from pcapdiag.flow.records import NOBODY, Endpoint, Flow, HalfFlow, Host
from pcapdiag.flow.screen import begins_with, check_kind, is_answer, is_request, status
from pcapdiag.flow.silence import answer_may_be_missing, is_silent

MAX_CALLERS = 16_384
"""Pairs of host and endpoint that are told apart."""
MAX_CHANGES = 16
MAX_STATUSES = 16
HEAD_KEPT = 192
"""Bytes of the first request of a kind that are kept: its path and its user agent."""

CONNECTED = 4
"""Kind of a connection on which nothing was asked; the others are those of ``check_kind``."""

ANSWERED = 1
"""Outcomes below 100; from there on they are HTTP statuses."""
CAME_UP = 2
REFUSED = 3
SILENT = 4
NO_ANSWER = 5

COUNTS_WAITING = 64
"""Connections of a caller from which on its ports in TIME_WAIT are counted."""
STEP = 1_000_000_000
"""How often (ns) it is known how many connections were open; less often where many steps differ."""
TIME_WAIT = 60_000_000_000
"""How long (ns) Linux keeps a port after the end that closes first (TCP_TIMEWAIT_LEN)."""
MAX_STEPS = 4_096
"""Steps kept of one caller; with more every second one is left out."""
MAX_STEPS_IN_ALL = 262_144
SYN_REPEAT = 1_000_000_000
"""After this long (ns) an unanswered SYN is sent again (RFC 6298): it or its answer was lost."""
MAX_MARKS = 64

# Twins in C of constants that plain Python imports.
_COUNTS_WAITING = COUNTS_WAITING
_MAX_STEPS = MAX_STEPS
_MAX_STEPS_IN_ALL = MAX_STEPS_IN_ALL
_CONNECTED = CONNECTED
_ANSWERED = ANSWERED
_CAME_UP = CAME_UP
_REFUSED = REFUSED
_SILENT = SILENT
_NO_ANSWER = NO_ANSWER
_STEP = STEP
_TIME_WAIT = TIME_WAIT
_FOREVER = 1 << 62


class Ask:
    """One kind of request (or bare connection) of one host to one endpoint."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.line = head.partition(b"\r")[0].partition(b"?")[0]
        self.same = 0
        self.count = 0
        self.good = 0
        self.errors = 0
        self.alone = 0
        self.first = 0
        self.last = 0
        self.gaps = 0
        self.gap_sum = 0
        self.last_gap = 0
        self.steady = 0
        self.was_good = -1
        self.statuses: dict[int, int] = {}
        """By outcome, how often; ``settle`` brings them up to date."""
        self.last_outcome = -1
        self.repeated = 0
        self.changes: list[tuple[int, int]] = []

    def note(self, time: int, outcome: int) -> None:
        """Count one more, and whether it came after the usual time."""
        if self.count == 0 or time < self.first:
            self.first = time
        gap = time - self.last if self.count > 0 else 0
        if gap > 0:
            self.gaps += 1
            self.gap_sum += gap
            apart = gap - self.last_gap
            if apart < 0:
                apart = -apart
            if self.last_gap > 0 and apart * 8 <= gap:
                self.steady += 1
            self.last_gap = gap
        if time > self.last:
            self.last = time
        self.count += 1
        good = 1 if outcome in (_ANSWERED, _CAME_UP) or 200 <= outcome < 400 else 0
        self.good += good
        if outcome >= 500:
            self.errors += 1
        if good != self.was_good and len(self.changes) < MAX_CHANGES:
            self.changes.append((time, outcome))
        self.was_good = good
        if outcome != self.last_outcome:
            self.settle()
            self.last_outcome = outcome
        self.repeated += 1

    def settle(self) -> None:
        """Bring ``statuses`` up to date; nearly all requests have the outcome of the one before."""
        if self.repeated > 0:
            if self.last_outcome in self.statuses:
                self.statuses[self.last_outcome] += self.repeated
            elif len(self.statuses) < MAX_STATUSES:
                self.statuses[self.last_outcome] = self.repeated
            self.repeated = 0


class Level:
    """How many there were of something, at the end of every step of time.

    Only what changes from one step to the next is kept. A longer step leaves moments out; at the
    others the numbers stay right.
    """

    def __init__(self) -> None:
        self.step = _STEP
        self.changes: dict[int, int] = {}

    def add(self, since: int, until: int, number: int) -> int:
        """Count ``number`` more between two times (ns); return how many more steps are kept."""
        first = since // self.step
        after = until // self.step
        if first == after:
            return 0
        before = len(self.changes)
        self.changes[first] = self.changes.get(first, 0) + number
        self.changes[after] = self.changes.get(after, 0) - number
        while len(self.changes) > _MAX_STEPS:
            self._double_step()
        return len(self.changes) - before

    def _double_step(self) -> None:
        self.step *= 2
        halved: dict[int, int] = {}
        for step, change in self.changes.items():
            halved[step >> 1] = halved.get(step >> 1, 0) + change
        self.changes = {step: change for step, change in halved.items() if change}


class Caller:
    """One host as it calls one endpoint."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.connections = 0
        self.ask0: Ask | None = None
        self.ask1: Ask | None = None
        self.ask2: Ask | None = None
        self.ask3: Ask | None = None
        self.ask4: Ask | None = None
        self.lowest_port = 65_536
        self.highest_port = 0
        self.reused = 0
        self.cured = 0
        self.first = 0
        self.last = 0
        self.open: Level | None = None
        self.waiting: Level | None = None
        self.came_up = 0
        self.dropped = 0
        self.first_dropped = 0
        self.last_dropped = 0
        self.drop_marks: set[int] | None = None
        self.harmless = 0
        """Connections with harmless resets (pcapdiag/flow/harmless.py) that were handed on."""
        self.own_resets = 0
        """Resets of those that were not: its own,"""
        self.their_resets = 0
        """and the endpoint's."""

    def ask(self, kind: int) -> Ask | None:
        """Return what was asked in one kind; None for nothing."""
        if kind == 0:
            return self.ask0
        if kind == 1:
            return self.ask1
        if kind == 2:
            return self.ask2
        return self.ask3 if kind == 3 else self.ask4

    def new_ask(self, kind: int, head: bytes) -> Ask:
        """Enter the first request of a kind."""
        ask = Ask(head[:HEAD_KEPT])
        if kind == 0:
            self.ask0 = ask
        elif kind == 1:
            self.ask1 = ask
        elif kind == 2:
            self.ask2 = ask
        elif kind == 3:
            self.ask3 = ask
        else:
            self.ask4 = ask
        return ask


class Callers:
    """Finds the caller of a connection, and notes what became of its requests."""

    def __init__(self) -> None:
        self.count = 0
        self.left_out = 0
        self.steps = 0
        self.uncounted = 0

    def find(self, endpoint: Endpoint, host: Host) -> Caller | None:
        """Return a host's record at an endpoint; None where there were too many."""
        caller: Caller | None = endpoint.callers.get(host)
        if caller is None:
            if self.count >= MAX_CALLERS or host.version == NOBODY:
                self.left_out += 1
                return None
            self.count += 1
            caller = Caller(host)
            endpoint.callers[host] = caller
        return caller

    def _caller(self, flow: Flow, endpoint: Endpoint, host: Host) -> Caller | None:
        """Return the caller of a connection; with many turns it is looked up once."""
        caller: Caller | None = flow.caller
        if caller is None or caller.host is not host:
            caller = self.find(endpoint, host)
            flow.caller = caller
        return caller

    def turn_closed(
        self, flow: Flow, v: memoryview[int], asked: int, asked_length: int, told: int,
        told_length: int,
    ) -> None:  # fmt: skip
        """Note a request of HTTP/1 and its answer; ``asked`` and ``told`` are where they begin.

        -1 means that nothing of it is at hand.
        """
        if asked < 0 or flow.endpoint is None or not is_request(v, asked, asked_length):
            return
        opener = flow.a if flow.a_opened else flow.b
        caller = self._caller(flow, flow.endpoint, opener.host)
        if caller is None:
            return
        if flow.ask_kind < 0:
            flow.ask_kind = check_kind(v, asked, asked_length)
        outcome = _NO_ANSWER if told < 0 else _ANSWERED
        if told >= 0 and is_answer(v, told, told_length):
            outcome = status(v, told, told_length)
        elif told < 0 and answer_may_be_missing(flow):
            return
        ask = caller.ask(flow.ask_kind)
        if ask is None:
            length = asked_length if asked_length < HEAD_KEPT else HEAD_KEPT
            ask = caller.new_ask(flow.ask_kind, bytes(v[asked : asked + length]))
        ask.note(flow.request_time, outcome)
        if flow.ask_kind > 1 and begins_with(v, asked, asked_length, ask.line):
            ask.same += 1
        if flow.turn_index == 1:
            ask.alone += 1

    def note(
        self, caller: Caller, kind: int, time: int, outcome: int, head: bytes, alone: int
    ) -> None:
        """Note a request that plain Python has read; as ``turn_closed`` does."""
        ask = caller.ask(kind)
        if ask is None:
            ask = caller.new_ask(kind, head)
        ask.note(time, outcome)
        ask.alone += alone
        if head.startswith(ask.line):
            ask.same += 1

    def finished(self, flow: Flow, now: int) -> None:
        """Note a connection that ended: its ports, and its outcome where nothing was asked."""
        if flow.endpoint is None:
            return
        opener = flow.a if flow.a_opened else flow.b
        responder = flow.b if flow.a_opened else flow.a
        if (caller := self._caller(flow, flow.endpoint, opener.host)) is None:
            return
        caller.connections += 1
        self._count_port(flow, caller, opener, responder)
        self._count_syn(flow, caller, responder, now)
        if flow.turn_index > 0 or flow.syn_count == 0 or flow.greeting_bytes > 0:
            return
        outcome = _SILENT if is_silent(flow) else _CAME_UP
        if responder.rst_count > 0 and not flow.handshake_done and flow.syn_ack_count == 0:
            outcome = _REFUSED
        ask = caller.ask4
        if ask is None:
            ask = caller.new_ask(_CONNECTED, b"")
        ask.note(flow.start, outcome)
        ask.alone += 1

    def _count_syn(self, flow: Flow, caller: Caller, responder: HalfFlow, now: int) -> None:
        """Note whether the first SYN was not answered; refusals, races, NAT twins do not count."""
        if flow.syn_count == 0 or flow.same_as >= 0 or flow.icmp is not None:
            return
        if flow.lost_to >= 0 or flow.spare_to >= 0:
            return
        answered = flow.syn_ack_count > 0 or responder.rst_count > 0 or not is_silent(flow)
        repeated = flow.syn_count > 1 and flow.syn_time > flow.start
        if answered and not repeated:
            caller.came_up += 1 if flow.handshake_done else 0
        elif repeated or now - flow.start > SYN_REPEAT:
            caller.dropped += 1
            if caller.drop_marks is None:
                caller.drop_marks = set()
            if len(caller.drop_marks) < MAX_MARKS:
                caller.drop_marks.add(flow.ups_before)
            if caller.first_dropped == 0 or flow.start < caller.first_dropped:
                caller.first_dropped = flow.start
            if flow.start > caller.last_dropped:
                caller.last_dropped = flow.start

    def _count_port(
        self, flow: Flow, caller: Caller, opener: HalfFlow, responder: HalfFlow
    ) -> None:
        port = flow.port_a if flow.a_opened else flow.port_b
        if port < caller.lowest_port:
            caller.lowest_port = port
        if port > caller.highest_port:
            caller.highest_port = port
        if flow.previous is not None:
            caller.reused += 1
        if flow.early_resets > 0 and flow.syn_ack_count == 1 and flow.handshake_done:
            caller.cured += 1 if opener.rst_count > 0 else 0
        if caller.first == 0 or flow.start < caller.first:
            caller.first = flow.start
        if flow.start > caller.last:
            caller.last = flow.start
        if self.steps > _MAX_STEPS_IN_ALL:
            self.uncounted += 1
            return
        if caller.open is None:
            caller.open = Level()
        closed = opener.fin_seq >= 0 and responder.fin_seq >= 0
        still_open = flow.open_at_end and flow.rst_time == 0 and not closed
        until = _FOREVER if still_open else flow.end
        self.steps += caller.open.add(flow.start, until, 1)
        if caller.connections >= _COUNTS_WAITING:
            self._count_waiting(flow, caller, opener, responder)

    def _count_waiting(
        self, flow: Flow, caller: Caller, opener: HalfFlow, responder: HalfFlow
    ) -> None:
        """Count a port that waits after its connection, and no more one that is used again."""
        if caller.waiting is None:
            caller.waiting = Level()
        level = caller.waiting
        if flow.previous is not None and flow.previous.waits_until > flow.start:
            self.steps += level.add(flow.start, flow.previous.waits_until, -1)
        if opener.fin_seq < 0 or flow.rst_time > 0:
            return
        if responder.fin_seq >= 0 and opener.fin_time <= responder.fin_time:
            flow.waits_until = flow.end + _TIME_WAIT
            self.steps += level.add(flow.end, flow.waits_until, 1)
