"""What the rest of the capture says: baselines, the capturing host and roles, for each connection."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from pcapdiag.correlate.roles import Overrides, Roles
from pcapdiag.diagnose.attribution.vantage import capture_hosts
from pcapdiag.flow.story import address_text, endpoint_facts, host_facts
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.context import Context, EndpointFacts, HostFacts
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.story import Story

MAX_COMPARED_HOSTS = 4_096
"""Hosts over which the capturing host is looked for."""


class Surroundings:
    """Makes the context of a connection from the tracker's tables.

    While the capture runs (``final`` False) a context holds the connection's own two hosts only; at
    the end all that is known, and it is computed once.
    """

    def __init__(self, tracker: Tracker, options: AnalyzeOptions) -> None:
        self._tracker = tracker
        self._overrides = Overrides.from_options(options)
        self._base: Context | None = None
        self._roles: Roles | None = None
        self.lost_by_capture = 0
        self.dropped_by_kernel = 0

    def conclude(self) -> None:
        """Say that the whole capture has been read: contexts are final from now on."""
        tracker = self._tracker
        hosts: dict[str, HostFacts] = {}
        for record in tracker.table.hosts.values():
            if len(hosts) >= MAX_COMPARED_HOSTS:
                break
            facts = host_facts(record)
            hosts[facts.address] = facts
        base = self._new_context(hosts)
        self._base = replace(base, final=True, capture_hosts=capture_hosts(base))
        self._roles = self._collect_roles()

    def context(self, story: Story) -> Context:
        """Return what is known around a connection."""
        base = self._base or self._new_context({})
        hosts = base.hosts if base.final else {}
        endpoint = self._endpoint(story)
        return replace(
            base,
            hosts=hosts | {facts.address: facts for facts in self._hosts(story)},
            endpoints={(endpoint.address, endpoint.port): endpoint} if endpoint else {},
        )

    def roles(self) -> Roles:
        """Return who is who, as far as the capture was read."""
        return self._roles or self._collect_roles()

    def _new_context(self, hosts: dict[str, HostFacts]) -> Context:
        tracker = self._tracker
        return Context(
            first_time=tracker.first_time,
            last_time=tracker.last_time,
            hosts=hosts,
            lost_by_capture=tracker.acked_unseen,
            dropped_by_kernel=self.dropped_by_kernel,
            duplicates=tracker.duplicates,
            packets=tracker.packets,
        )

    def _hosts(self, story: Story) -> list[HostFacts]:
        table = self._tracker.table
        found = (
            table.hosts.get(key_of(story.ip_version, half.address))
            for half in (story.initiator, story.responder)
        )
        return [host_facts(record) for record in found if record is not None]

    def _endpoint(self, story: Story) -> EndpointFacts | None:
        key = (*key_of(story.ip_version, story.responder.address), story.responder.port)
        record = self._tracker.table.endpoints.get(key)
        return endpoint_facts(record) if record is not None else None

    def _collect_roles(self) -> Roles:
        roles = Roles(self._overrides)
        table = self._tracker.table
        for record in table.hosts.values():
            opener = address_text(record.version, record.high, record.low)
            for key in record.peers:
                peer = table.hosts.get(key)
                answered = peer is not None and peer.answered > 0
                roles.add((opener, 0), (address_text(*key), 0), answered)
        return roles


def key_of(version: int, address: str) -> tuple[int, int, int]:
    """Return the tracker's key of an address."""
    number = int(ipaddress.ip_address(address))
    return version, number >> 64, number & 0xFFFFFFFFFFFFFFFF
