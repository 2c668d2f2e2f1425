"""What the rest of the capture says of a connection: baselines, capturing host, roles."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from pcapdiag.correlate.hints import content_hints
from pcapdiag.correlate.roles import Ends, Overrides, Roles, Spoken
from pcapdiag.diagnose.attribution.vantage import capture_hosts
from pcapdiag.flow.fleet import leaks_of
from pcapdiag.flow.records import Host
from pcapdiag.flow.story import address_text, endpoint_facts, host_facts
from pcapdiag.flow.table import endpoint_key
from pcapdiag.flow.tracker import Tracker
from pcapdiag.incident.neighbourhood import neighbours, networks, one_answers_for_all
from pcapdiag.incident.recurrences import Recurrences
from pcapdiag.incident.tls_servers import TlsServers
from pcapdiag.incident.too_big import TooBigMessages
from pcapdiag.model.addresses import Key, is_loopback, key_of
from pcapdiag.model.context import Context, EndpointFacts, HostFacts, Untranslated
from pcapdiag.model.ends import End
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Role
from pcapdiag.model.story import Story

MAX_ENDPOINTS = 2_048
"""Endpoints of failed connections of which the final facts are kept; of others they are made anew.
"""
MAX_COMPARED_HOSTS = 4_096
"""Hosts over which the capturing host is looked for."""
SILENT_HOSTS = 2
"""Hosts none of which answers anybody, where a filter's work is likelier than failures: one alone
may be down."""
SEVERAL_CALLS = 3
"""Connections that are one packet each, from which on it may be a filter that left no more."""
ROLES_AGE = 0.1
"""Roles are collected anew, while the capture runs, when it has this share of connections more."""


class Surroundings:
    """Makes the context of a connection from the tracker's tables.

    While the capture runs (``final`` False) a context holds the connection's own two hosts only; at
    the end all that is known, and it is computed once.
    """

    def __init__(self, tracker: Tracker, options: AnalyzeOptions) -> None:
        self._tracker = tracker
        self._overrides = Overrides.from_options(options)
        self._base: Context | None = None
        self._endpoints: dict[tuple[int, int, int, int], EndpointFacts] = {}
        """When all is known: of whom a connection was judged."""
        self._spoken = Spoken()
        self._roles = Roles(self._overrides, spoken=self._spoken)
        self._roles_due = 0.0
        self.capture_hosts: frozenset[str] = frozenset()
        """The capturing host's addresses, when the whole capture is known."""
        self.tls_servers = TlsServers()
        self.place_ends: Callable[[int], Ends | None] = _not_known
        """Roles of a stream's ends by the labels of the points that it was captured at."""
        self.too_big = TooBigMessages()
        self.recurrences = Recurrences()
        self.watched_until = 0
        """When a live capture was last looked at, though no packet came (ns since the epoch)."""

    def conclude(self, *, firewall_log: bool) -> None:
        """Say that the whole capture has been read: contexts are final from now on."""
        tracker = self._tracker
        hosts: dict[str, HostFacts] = {}
        for record in tracker.table.hosts.values():
            if len(hosts) >= MAX_COMPARED_HOSTS:
                break
            facts = self.host(record)
            hosts[facts.address] = facts
        base = self._new_context(hosts)
        self._base = replace(
            base,
            final=True,
            capture_hosts=capture_hosts(base),
            networks=networks(hosts.values()),
            neighbours=neighbours(hosts.values()),
            firewall_log=firewall_log,
            one_answers_for_all=one_answers_for_all(hosts.values()),
            nobody_answers=_nobody_answers(tracker.table.hosts.values()),
            nobody_repeats=_nobody_repeats(tracker.table.hosts.values()),
        )
        self.capture_hosts = self._known_as_own()
        self._roles = self._collect_roles()
        self._roles_due = math.inf

    def calls_others(self, address: str) -> bool:
        """Return whether an address, or another one of its host, opened connections."""
        host = self.capture_hosts if address in self.capture_hosts else {address}
        return any(map(self._roles.calls_others, host))

    @property
    def opened(self) -> Container[str]:
        """Addresses that opened connections."""
        return self._roles.opened

    @property
    def answered(self) -> Container[str]:
        """Addresses that answered connections."""
        return self._roles.answered

    def _known_as_own(self) -> frozenset[str]:
        """Return the capturing host's addresses.

        What talks with loopback is the host's own, whichever way its packets went: in a pod an
        address sends on eth0 and receives on lo.
        """
        known = self._base.capture_hosts if self._base else frozenset()
        beside: set[Key] = set()
        for key, record in self._tracker.table.hosts.items():
            if _is_loopback(key):
                beside.update(record.peers)
            elif any(map(_is_loopback, record.peers)):
                beside.add(key)
        return known.union(address_text(*key) for key in beside)

    def context(self, story: Story, until: int | None = None) -> Context:
        """Return what is known around a connection.

        ``until`` is when the connection was last watched (ns), where that was before the end.
        """
        base = self._base or self._new_context({})
        endpoint = self._endpoint(story)
        return replace(
            base,
            last_time=base.last_time if until is None else min(until, base.last_time),
            hosts=self._hosts(story, base.hosts),
            endpoints={(endpoint.address, endpoint.port): endpoint} if endpoint else {},
            untranslated=self._untranslated(story.stream),
        )

    def _untranslated(self, stream: int) -> Untranslated | None:
        for leak in leaks_of(
            [row for row in self._tracker.closing.leaks.found if row[2] == stream]
        ):
            return Untranslated(leak.known, leak.of_stream)
        return None

    def learn(self, story: Story) -> None:
        """Remember what a connection says of its ends and its way, for other ones of theirs."""
        endpoint = story.responder.address, story.responder.port
        self._spoken.note(story.initiator.address, endpoint, content_hints(story))
        self.too_big.note(story)
        self._note_asked(story)

    def _note_asked(self, story: Story) -> None:
        """Count what was asked over HTTP/2, which the tracker cannot read."""
        http = story.http
        if http is None or not http.asked:
            return
        table, callers = self._tracker.table, self._tracker.callers
        endpoint = table.endpoints.get(_endpoint_key(story))
        host = table.hosts.get(key_of(story.initiator.address))
        caller = callers.find(endpoint, host) if endpoint is not None and host is not None else None
        if caller is None:
            return
        for number, one in enumerate(http.asked):
            head = f"{one.method} {one.path} HTTP/2\r\nuser-agent: {one.user_agent}\r\n"
            first = int(number == 0)
            callers.note(caller, one.kind, one.time, one.outcome, head.encode(), first)

    def ends(self, story: Story) -> Ends:
        """Return the roles of a connection's ends, by its content and by all that is known."""
        initiator, responder = story.initiator, story.responder
        return self.ends_of(
            story.stream,
            (initiator.address, initiator.port),
            (responder.address, responder.port),
            content_hints(story),
        )

    def ends_of(
        self,
        stream: int,
        initiator: tuple[str, int],
        responder: tuple[str, int],
        hints: Mapping[End, Role] | None = None,
    ) -> Ends:
        """Return the roles of a connection's ends, ``hints`` being what its content shows."""
        found = self.roles().ends(initiator, responder, hints)
        return (self.place_ends(stream) or found) if found.assumed else found

    def roles(self) -> Roles:
        """Return who is who, as far as the capture was read (while it runs: lately)."""
        if self._tracker.endings.connections >= self._roles_due:
            self._roles = self._collect_roles()
            self._roles_due = self._tracker.endings.connections * (1 + ROLES_AGE)
        return self._roles

    def _new_context(self, hosts: dict[str, HostFacts]) -> Context:
        tracker = self._tracker
        return Context(
            first_time=tracker.first_time,
            last_time=max(tracker.last_time, self.watched_until),
            hosts=hosts,
            lost_by_capture=tracker.lost_by_capture(),
            duplicates=tracker.copies.count,
            packets=tracker.packets,
            answered_unseen=tracker.endings.answered_unseen,
        )

    def _hosts(self, story: Story, known: dict[str, HostFacts]) -> dict[str, HostFacts]:
        """Return ``known``, with the connection's own hosts where they are not among them."""
        missing = {}
        for half in (story.initiator, story.responder):
            if half.address not in known:
                record = self._tracker.table.hosts.get(key_of(half.address))
                if record is not None:
                    missing[half.address] = self.host(record)
        return known | missing if missing else known

    def host(self, record: Host) -> HostFacts:
        """Return what is known of an address, and what its resets have in common."""
        facts = host_facts(record)
        self.recurrences.add_to_host(facts)
        return facts

    def _endpoint(self, story: Story) -> EndpointFacts | None:
        key = _endpoint_key(story)
        record = self._tracker.table.endpoints.get(key)
        if record is None:
            return None
        facts = self._endpoints.get(key)
        if facts is None:
            facts = endpoint_facts(record)
            # A sidecar's TLS is not that of the application, which it calls at the same address.
            known = self.tls_servers.get(facts.address, facts.port)
            facts.tls = None if record.inside else known
            self.recurrences.add_to_endpoint(facts)
            if self._base is not None and len(self._endpoints) < MAX_ENDPOINTS:
                self._endpoints[key] = facts
        return facts

    def calls(self) -> Iterator[tuple[str, str]]:
        """Yield who opened connections to whom; of each a few others are remembered."""
        for record in self._tracker.table.hosts.values():
            opener = address_text(record.version, record.high, record.low)
            for key in record.peers:
                yield opener, address_text(*key)

    def share_roles(self, roles: Roles) -> None:
        """Use roles that were collected over several captures, this one among them."""
        self._roles = roles

    def own_host(self) -> tuple[frozenset[str], ...]:
        """Return the capturing host's addresses where it has several; empty otherwise."""
        own = own_addresses(self._base)
        return (own,) if own else ()

    def _collect_roles(self) -> Roles:
        roles = Roles(self._overrides, self.own_host(), self._spoken)
        self.add_roles(roles)
        return roles

    def add_roles(self, roles: Roles, translated: AbstractSet[str] = frozenset()) -> None:
        """Add who opened connections to whom, and what content showed of these ends.

        ``translated`` are addresses that another capture shows to be only a NAT's.
        """
        roles.spoken.add(self._spoken)
        table = self._tracker.table
        for record in table.hosts.values():
            opener = address_text(record.version, record.high, record.low)
            for key in record.peers:
                peer = table.hosts.get(key)
                # An address that a router only translates hands connections on and ends none.
                address = address_text(*key)
                answered = peer is not None and peer.answered > 0 and not peer.translated
                roles.add((opener, 0), (address, 0), answered and address not in translated)
        if self._overrides.name_ports:
            for endpoint in table.endpoints.values():
                address = address_text(endpoint.version, endpoint.high, endpoint.low)
                roles.add_end(address, endpoint.port)


def _endpoint_key(story: Story) -> tuple[int, int, int, int]:
    """Return how the tracker knows a connection's endpoint."""
    called = story.responder
    return endpoint_key(key_of(story.initiator.address), key_of(called.address), called.port)


def _nobody_answers(hosts: Iterable[Host]) -> bool:
    """Return whether several hosts were called and not one of these sent a packet."""
    silent = 0
    for host in hosts:
        spoke = host.packets > 0 or bool(host.reset_ttls)
        if host.answered or (spoke and not host.opened):
            return False
        silent += not spoke
    return silent >= SILENT_HOSTS


def _nobody_repeats(hosts: Iterable[Host]) -> bool:
    """Return whether several connections were opened, by one packet each, and nothing else sent."""
    packets = opened = 0
    for host in hosts:
        if host.answered or host.reset_ttls:
            return False
        packets += host.packets
        opened += host.opened
    return packets == opened >= SEVERAL_CALLS


def _not_known(_stream: int) -> Ends | None:
    return None


def own_addresses(context: Context | None) -> frozenset[str]:
    """Return the capturing host's addresses where it has several; loopback is nobody's own."""
    found = context.capture_hosts if context else frozenset()
    own = frozenset(one for one in found if not is_loopback(one))
    return own if len(own) > 1 else frozenset()


def _is_loopback(key: Key) -> bool:
    version, high, low = key
    return low >> 24 == 127 if version == 4 else (high, low) == (0, 1)
