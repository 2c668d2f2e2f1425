"""Every finding that is made from connections and the fleet, in the order in which they are told.

A finder sees each connection of the report once, in the order of the streams, then what is known
of the whole capture. Healthy connections pass by only where the user asked for all of them: a
finding must not change with that, so it rests on failed ones and on the fleet's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from pcapdiag.diagnose.findings.address_moved import AddressMoved
from pcapdiag.diagnose.findings.certificate_expiring import CertificateExpiring
from pcapdiag.diagnose.findings.dns_failure import DnsFailure
from pcapdiag.diagnose.findings.dns_family_failing import DnsFamilyFailing
from pcapdiag.diagnose.findings.dns_slow import DnsSlow
from pcapdiag.diagnose.findings.dns_stale_address import DnsStaleAddress
from pcapdiag.diagnose.findings.draining import Draining
from pcapdiag.diagnose.findings.endpoint_down import EndpointDown
from pcapdiag.diagnose.findings.ephemeral_ports import EphemeralPorts
from pcapdiag.diagnose.findings.fragments import LostFragments
from pcapdiag.diagnose.findings.health_check import HealthChecks
from pcapdiag.diagnose.findings.idle_timeout import IdleTimeout
from pcapdiag.diagnose.findings.listen_backlog import ListenBacklog
from pcapdiag.diagnose.findings.nat_leak import NatLeak
from pcapdiag.diagnose.findings.new_flows import NewFlowsDropped
from pcapdiag.diagnose.findings.path_loss import PathLoss
from pcapdiag.diagnose.findings.path_mtu import PathMtu
from pcapdiag.diagnose.findings.reset_device import ResetDevice
from pcapdiag.diagnose.findings.server_errors import ServerErrors
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding

if TYPE_CHECKING:
    from pcapdiag.diagnose.findings.from_hosts import FromHosts


class Finder(Protocol):
    """Collects what one kind of finding needs; its memory does not grow with the capture."""

    def look(self, connection: Connection) -> None:
        """Take note of a connection of the report."""

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return what was found, the worst first."""


FINDERS: tuple[Callable[[], Finder], ...] = (
    EndpointDown,
    ListenBacklog,
    EphemeralPorts,
    HealthChecks,
    DnsFailure,
    DnsStaleAddress,
    DnsFamilyFailing,
    DnsSlow,
    PathMtu,
    LostFragments,
    IdleTimeout,
    PathLoss,
    NewFlowsDropped,
    NatLeak,
    ResetDevice,
    AddressMoved,
    Draining,
    ServerErrors,
    CertificateExpiring,
)


class Finders:
    """All finders of one report; those of hosts' snapshots only where there are any."""

    def __init__(self, *, snapshots: bool = False) -> None:
        self._finders = [make() for make in FINDERS]
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
