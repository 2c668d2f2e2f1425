"""Findings that are drawn from snapshots of hosts, and what they add to the capture's own.

Each looks at one snapshot that fits the capture and at the failed connections. One that the capture
shows, too, is told once: the host's numbers stand behind the capture's.
"""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.diagnose.findings.host_clock import wrong_clock
from pcapdiag.diagnose.findings.host_conntrack import full_table
from pcapdiag.diagnose.findings.host_dropped import interface_drops, kernel_drops
from pcapdiag.diagnose.findings.host_envoy import clusters
from pcapdiag.diagnose.findings.host_failures import MAX_FAILURES, Failure, Look, failures_of
from pcapdiag.diagnose.findings.host_firewall import hit_rules
from pcapdiag.diagnose.findings.host_listen import full_queues, waiting
from pcapdiag.diagnose.findings.host_no_route import no_way
from pcapdiag.diagnose.findings.host_not_listening import nobody_listens
from pcapdiag.diagnose.findings.host_open_files import at_limit
from pcapdiag.diagnose.findings.host_out_of_memory import killed
from pcapdiag.diagnose.findings.host_ports import low_ports
from pcapdiag.diagnose.findings.host_words import add_words
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding

LOOKS: tuple[Look, ...] = (
    full_queues, at_limit, waiting, low_ports, full_table, hit_rules, no_way, kernel_drops,
    interface_drops, killed, clusters, wrong_clock, nobody_listens,
)  # fmt: skip
_RANK = {"info": 0, "warning": 1, "failure": 2}


class FromHosts:
    """Notes failed connections, and finds what hosts' snapshots say of them."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def look(self, connection: Connection) -> None:
        """Note a connection that failed."""
        if connection.verdict.failed and len(self._failures) < MAX_FAILURES:
            self._failures += failures_of(connection)

    def added_to(self, found: list[Finding], fleet: Fleet) -> list[Finding]:
        """Return the capture's findings with those that the snapshots add."""
        if not fleet.host_states:
            return found
        add_words(found, fleet.host_states)
        drawn = [
            finding
            for state in fleet.host_states
            for look in LOOKS
            for finding in look(state, self._failures, fleet)
        ]
        return [*_told_once(_narrowed(drawn), found), *found]


def _narrowed(drawn: Sequence[Finding]) -> list[Finding]:
    """Leave out that a program does not accept, where it is known why."""
    reasons = {one.endpoint for one in drawn if one.code == "host.open_files"}
    return [one for one in drawn if one.code != "host.not_accepting" or one.endpoint not in reasons]


def _told_once(drawn: Sequence[Finding], found: Sequence[Finding]) -> list[Finding]:
    """Add to the capture's findings what is said of the same, and return what is new."""
    known = {(one.code, one.endpoint, tuple(one.addresses)): one for one in found}
    new = []
    for one in drawn:
        same = known.get((one.code, one.endpoint, tuple(one.addresses)))
        if same is None:
            new.append(one)
        else:
            _join(same, one)
    return new


def _join(same: Finding, one: Finding) -> None:
    same.detail += f"; {one.detail}"
    same.numbers |= one.numbers
    same.streams = sorted({*same.streams, *one.streams})
    same.source = "snapshot"
    if _RANK[one.severity] > _RANK[same.severity]:
        same.severity = one.severity
