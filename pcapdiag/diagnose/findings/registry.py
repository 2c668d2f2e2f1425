"""Every finding that is made from connections and the fleet, in the order in which they are told.

A finder sees each connection of the report once, in the order of the streams, then what is known
of the whole capture. Healthy connections pass by only where the user asked for all of them: a
finding must not change with that, so it rests on failed ones and on the fleet's tables. A finder is
loaded where the fleet shows what none of its findings can be without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding

if TYPE_CHECKING:
    from typing import Protocol

    from pcapdiag.diagnose.findings.from_hosts import FromHosts

    class Finder(Protocol):
        """Collects what one kind of finding needs; its memory does not grow with the capture."""

        def look(self, connection: Connection) -> None:
            """Take note of a connection of the report."""

        def findings(self, fleet: Fleet) -> list[Finding]:
            """Return what was found, the worst first."""


def _any(fleet: Fleet) -> object:
    return fleet


def _dropped(fleet: Fleet) -> object:
    return any(caller.dropped for caller in fleet.callers)


def _lost(fleet: Fleet) -> object:
    return any(host.sent_lost or host.taken_lost for host in fleet.losses)


class Entry(msgspec.Struct, frozen=True):
    """One finder: its module beside this one, its class there, and what the fleet must have."""

    module: str
    name: str
    needs: Callable[[Fleet], object] = _any

    def make(self) -> Finder:
        """Return a finder that has seen nothing yet."""
        module = import_module(f"pcapdiag.diagnose.findings.{self.module}")
        finder: Finder = getattr(module, self.name)()
        return finder


FINDERS = (
    Entry("endpoint_down", "EndpointDown", attrgetter("spans")),
    Entry("listen_backlog", "ListenBacklog"),
    Entry("ephemeral_ports", "EphemeralPorts", attrgetter("callers")),
    Entry("health_check", "HealthChecks", attrgetter("asks")),
    Entry("dns_failure", "DnsFailure", attrgetter("dns.messages")),
    Entry("dns_stale_address", "DnsStaleAddress", attrgetter("dns.answers")),
    Entry("dns_family_failing", "DnsFamilyFailing", attrgetter("dns.answers")),
    Entry("dns_slow", "DnsSlow", attrgetter("dns.slow")),
    Entry("path_mtu", "PathMtu"),
    Entry("fragments", "LostFragments", attrgetter("fragments")),
    Entry("idle_timeout", "IdleTimeout"),
    Entry("path_loss", "PathLoss", _lost),
    Entry("new_flows", "NewFlowsDropped", _dropped),
    Entry("nat_leak", "NatLeak", attrgetter("leaks")),
    Entry("reset_device", "ResetDevice"),
    Entry("address_moved", "AddressMoved", attrgetter("places")),
    Entry("draining", "Draining"),
    Entry("server_errors", "ServerErrors", attrgetter("asks")),
    Entry("certificate_expiring", "CertificateExpiring", attrgetter("certificates")),
)


class Finders:
    """The finders of one report: those that ``fleet`` leaves something to find, if it is known.

    Those of hosts' snapshots only where there are any.
    """

    def __init__(self, fleet: Fleet | None = None, *, snapshots: bool = False) -> None:
        self._finders = [one.make() for one in FINDERS if fleet is None or one.needs(fleet)]
        self._from_hosts = _from_hosts() if snapshots else None

    def watch(self, connections: Iterable[Connection]) -> Iterator[Connection]:
        """Yield every connection as it is, once all finders have seen it."""
        for connection in connections:
            for finder in self._finders:
                finder.look(connection)
            if self._from_hosts is not None:
                self._from_hosts.look(connection)
            yield connection

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return the findings of all kinds."""
        found = [finding for finder in self._finders for finding in finder.findings(fleet)]
        return self._from_hosts.added_to(found, fleet) if self._from_hosts is not None else found


def _from_hosts() -> FromHosts:
    from pcapdiag.diagnose.findings.from_hosts import FromHosts  # Only here: most runs have none.

    return FromHosts()
