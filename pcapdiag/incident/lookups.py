"""The DNS of a capture: each question with its answer, over all copies and retries of it.

A question is known by its client, the client's port, its ID, name and type, and not by the server:
a translated one is seen with two servers (a service's address and a pod's), and answered by either.
"""

from __future__ import annotations

from collections import deque

import msgspec

from pcapdiag.incident.failed_names import FailedNames, search_domains
from pcapdiag.incident.held_answers import AnswerBook
from pcapdiag.model.dns import (
    AAAA,
    NOERROR,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    A,
    DnsFacts,
    DnsMessage,
    DnsParty,
    Failure,
    ResolverFacts,
    SlowLookup,
)
from pcapdiag.model.units import MS, SECOND

MAX_MESSAGES = 500_000
"""Messages of one capture that are read; further ones are counted."""
MAX_WAITING = 20_000
"""Questions that wait for an answer at the same time."""
MAX_TRIES = 64
"""Questions for one name and type of one client that wait at the same time."""
MAX_ANSWERED = 4_096
"""Questions remembered after their answer, to know a copy of it."""
MAX_RESOLVERS = 1_000
MAX_CLIENTS = 64
MAX_SERVERS = 4
MAX_SLOW = 1_000

PATIENCE = 8 * SECOND
"""A question without an answer for this long (ns) is unanswered. Longer than resolv.conf's default
timeout of 5 s, so that the question that follows is met while the first one still waits."""
LAST_PATIENCE = 5 * SECOND
"""The same at the end of the capture."""
COPY = 100 * MS
"""The same question again within this time (ns) is a copy (NAT, several interfaces), no retry."""
EARLIER = 500 * MS
"""A question asked this much (ns) before another one for the same was given up for it."""
SLOW = SECOND
"""An answer that takes this long (ns) is slow: a cache takes a millisecond, a whole recursion less
than half a second."""

_FAILURES: dict[int, Failure] = {NXDOMAIN: "nxdomain", SERVFAIL: "servfail", REFUSED: "refused"}

_What = tuple[str, str, int]
"""Client, name and type."""


class _Error(msgspec.Struct, frozen=True):
    """An ICMP error to a question."""

    failure: Failure
    frame: int
    time: int


class _Try(msgspec.Struct):
    """A question that waits for its answer."""

    port: int
    id: int
    servers: list[str]
    first: int
    last: int
    frame: int
    sends: int = 1


class Lookups:
    """Takes DNS messages in time order, and says at the end what came of the questions."""

    def __init__(self) -> None:
        self._waiting: dict[_What, list[_Try]] = {}
        self._tries = 0
        self._queue: deque[tuple[int, _What]] = deque()
        self._answered: dict[tuple[_What, int, int], int] = {}
        self._settled: dict[tuple[_What, int, int], int] = {}
        """Those of them that nobody asks again at once: no SERVFAIL or REFUSED."""
        self._errors: dict[tuple[str, int, str], _Error] = {}
        """The newest, by the question's client, port and server."""
        self._resolvers: dict[str, ResolverFacts] = {}
        self._slow: list[SlowLookup] = []
        self._names = FailedNames()
        self._answers = AnswerBook()
        self._messages = 0
        self._left_out = 0
        self.unreadable = 0

    def has_room(self) -> bool:
        """Count a message; return whether it is to be read."""
        self._messages += 1
        if self._messages > MAX_MESSAGES:
            self._left_out += 1
            return False
        return True

    def note(self, party: DnsParty, message: DnsMessage, frame: int, time: int) -> None:
        """Take a message over UDP; those of servers among each other are left alone."""
        if not message.recursive:
            return
        self._give_up(time, PATIENCE)
        what = party.client, message.name, message.type
        if message.is_response:
            self._answer(what, party, message, frame, time)
        else:
            self._ask(what, party, message.id, frame, time)

    def note_error(self, party: DnsParty, failure: Failure, frame: int, time: int) -> None:
        """Take an ICMP error to a question; it may be answered all the same."""
        key = party.client, party.port, party.server
        self._errors.pop(key, None)
        self._errors[key] = _Error(failure, frame, time)
        if len(self._errors) > MAX_ANSWERED:
            del self._errors[next(iter(self._errors))]

    def note_exchange(
        self, party: DnsParty, message: DnsMessage, frame: int, asked: int, time: int
    ) -> None:
        """Take an answer over TCP, with when it was asked for; it may be told late."""
        if not message.recursive:
            return
        what = party.client, message.name, message.type
        self._conclude(what, party.server, message, frame, time)
        self._count(party.server, party.client, asked, time, 1)
        self._note_slow(what, party.server, frame, asked, time, 1)

    @property
    def left_out(self) -> int:
        """Messages, names and addresses for which there was no room."""
        return self._left_out + self._names.left_out + self._answers.left_out

    def facts(self, last_time: int) -> DnsFacts:
        """Return everything; ``last_time`` is that of the capture's last packet, ns."""
        if self._messages <= MAX_MESSAGES:
            self._give_up(last_time, LAST_PATIENCE)
            self._end_those_with_errors()
        failed = self._names.facts()
        return DnsFacts(
            messages=self._messages,
            left_out=self.left_out,
            unreadable=self.unreadable,
            resolvers=list(self._resolvers.values()),
            failed=[one for one in failed if one.failures or one.tried_next or one.good],
            search_domains=search_domains(failed),
            slow=self._slow,
            answers=self._answers.facts(),
            names=self._answers.names(),
        )

    def _ask(self, what: _What, party: DnsParty, number: int, frame: int, time: int) -> None:
        if time - self._settled.get((what, party.port, number), -COPY) < COPY:
            # A copy that was captured behind the answer, or a mirror port had the answer first.
            return
        tries = self._waiting.get(what, [])
        for one in tries:
            if one.port == party.port and one.id == number:
                one.sends += time - one.last > COPY
                one.last = time
                if party.server not in one.servers and len(one.servers) < MAX_SERVERS:
                    one.servers.append(party.server)
                return
        if len(tries) >= MAX_TRIES or self._tries >= MAX_WAITING:
            self._left_out += 1
            return
        self._answered.pop((what, party.port, number), None)
        tries.append(_Try(party.port, number, [party.server], time, time, frame))
        self._waiting[what] = tries
        self._tries += 1
        self._queue.append((time, what))
        if what[2] in (A, AAAA):
            self._names.asked(party.client, what[1], time)

    def _answer(
        self, what: _What, party: DnsParty, message: DnsMessage, frame: int, time: int
    ) -> None:
        key = what, party.port, message.id
        tries = self._waiting.get(what, [])
        found = next((t for t in tries if t.port == party.port and t.id == message.id), None)
        if found is None:
            # A copy of an answer, a late one, or one whose question was not captured.
            if time - self._answered.get(key, 0) > PATIENCE:
                self._names.asked(party.client, message.name, time)
                self._conclude(what, party.server, message, frame, time)
                self._remember(key, message.rcode, time)
            return
        server = party.server if party.server in found.servers else found.servers[0]
        given_up = [t for t in tries if found.first - t.first >= EARLIER]
        left = [t for t in tries if t is not found and t not in given_up]
        self._tries -= len(tries) - len(left)
        if left:
            self._waiting[what] = left
        else:
            del self._waiting[what]
        for one in given_up:
            self._count(one.servers[0], what[0], one.first, 0, one.sends)
        self._remember(key, message.rcode, time)
        self._count(server, what[0], found.first, time, found.sends)
        sends = found.sends + sum(one.sends for one in given_up)
        asked = min([found.first, *(one.first for one in given_up)])
        waited_for = given_up[0].servers[0] if given_up else server
        self._note_slow(what, waited_for, found.frame, asked, time, sends)
        self._conclude(what, server, message, frame, time)

    def _remember(self, key: tuple[_What, int, int], rcode: int, time: int) -> None:
        for known in (self._answered, self._settled):
            known.pop(key, None)
            if known is self._answered or rcode not in (SERVFAIL, REFUSED):
                known[key] = time
            if len(known) > MAX_ANSWERED:
                del known[next(iter(known))]

    def _conclude(
        self, what: _What, server: str, message: DnsMessage, frame: int, time: int
    ) -> None:
        """Note what an answer says of the name."""
        kind = what[2]
        resolver = self._resolver(server, time)
        if resolver is not None:
            resolver.rcodes[message.rcode] = resolver.rcodes.get(message.rcode, 0) + 1
            if message.truncated:
                resolver.truncated += 1
                resolver.first_truncated = resolver.first_truncated or time
        if kind not in (A, AAAA):
            return
        self._note_held(server, message, frame, time)
        failure = _FAILURES.get(message.rcode)
        if failure is not None:
            self._names.failed(what, failure, server, frame, time)
        elif message.rcode == NOERROR and message.records and message.addresses != ():
            self._names.worked(what, time)

    def _note_held(self, server: str, message: DnsMessage, frame: int, time: int) -> None:
        if message.rcode in (NOERROR, NXDOMAIN):
            self._answers.note(server, message, frame, time)

    def _give_up(self, now: int, patience: int) -> None:
        """Note the questions that nobody answered in time."""
        while self._queue and now - self._queue[0][0] > patience:
            first, what = self._queue.popleft()
            tries = self._waiting.get(what)
            if tries is None:
                continue
            self._end(what, tries, [t for t in tries if t.first <= first])

    def _end_those_with_errors(self) -> None:
        """Note the questions that the capture's end leaves with an ICMP error for an answer."""
        for what, tries in list(self._waiting.items()):
            self._end(what, tries, [t for t in tries if self._error(what, t) is not None])

    def _end(self, what: _What, tries: list[_Try], ended: list[_Try]) -> None:
        """Note that questions stayed without an answer."""
        for one in ended:
            tries.remove(one)
            self._tries -= 1
            server = one.servers[0]
            self._count(server, what[0], one.first, 0, one.sends)
            if what[2] in (A, AAAA):
                error = self._error(what, one)
                failure = error.failure if error is not None else "unanswered"
                frame = error.frame if error is not None else one.frame
                self._names.failed(what, failure, server, frame, one.first)
        if not tries:
            del self._waiting[what]

    def _error(self, what: _What, one: _Try) -> _Error | None:
        """Return the ICMP error to a question, which all that it was sent to must have got."""
        errors = [self._errors.get((what[0], one.port, server)) for server in one.servers]
        found = [e for e in errors if e is not None and e.time >= one.first]
        return found[0] if len(found) == len(errors) else None

    def _count(self, server: str, client: str, asked: int, answered: int, sends: int) -> None:
        """Count a question and its answer; ``answered`` 0: there was none."""
        resolver = self._resolver(server, asked)
        if resolver is None:
            return
        resolver.asked += sends
        if len(resolver.clients) < MAX_CLIENTS:
            resolver.clients.add(client)
        if not answered:
            resolver.unanswered += sends
            return
        resolver.answered += 1
        resolver.unanswered += sends - 1
        took = max(answered - asked, 0) // MS
        resolver.times[min(took.bit_length(), len(resolver.times) - 1)] += 1

    def _note_slow(
        self, what: _What, server: str, frame: int, asked: int, answered: int, tries: int
    ) -> None:
        if answered - asked < SLOW:
            return
        if len(self._slow) >= MAX_SLOW:
            self._left_out += 1
            return
        client, name, _ = what
        took = answered - asked
        self._slow.append(SlowLookup(asked, took, client, server, name, frame, tries))

    def _resolver(self, address: str, time: int) -> ResolverFacts | None:
        known = self._resolvers.get(address)
        if known is None:
            if len(self._resolvers) >= MAX_RESOLVERS:
                self._left_out += 1
                return None
            known = self._resolvers[address] = ResolverFacts(address, first=time)
        known.first = min(known.first, time)
        known.last = max(known.last, time)
        return known
