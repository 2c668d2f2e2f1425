"""What a host's snapshot adds to findings of the capture: DNS servers, and the MTU of its links."""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding


def add_words(found: Sequence[Finding], states: Sequence[HostState]) -> None:
    """Add to each finding what the snapshots say of it."""
    for finding in found:
        for state in states:
            words = _words(finding, state)
            if words:
                finding.detail += f"; {words} ({state.file})"


def _words(finding: Finding, state: HostState) -> str:
    if finding.code in ("dns.failure", "dns.slow"):
        return _resolver(finding, state)
    if finding.code == "path.mtu":
        return _narrow_link(finding, state)
    return ""


def _resolver(finding: Finding, state: HostState) -> str:
    """Return which place a server has in the host's resolv.conf."""
    if not state.own & set(finding.addresses):
        return ""
    dns = state.snapshot.dns
    for place, server in enumerate(dns.servers, 1):
        if server in finding.addresses:
            options = f", options {' '.join(dns.options)}" if dns.options else ""
            return (
                f"resolv.conf of {state.name} has {server} as number {place} of "
                f"{len(dns.servers)}{options}"
            )
    behind = [server for server in dns.behind if server in finding.addresses]
    return f"a local stub of {state.name} asks {behind[0]}" if behind else ""


def _narrow_link(finding: Finding, state: HostState) -> str:
    """Return the host's link that is too narrow for what vanished."""
    passes = finding.numbers.get("passed_size", 0)
    vanishes = finding.numbers.get("vanished_size", 0)
    if not (state.on_path or state.own & set(finding.addresses)):
        return ""
    narrow = [one for one in state.snapshot.interfaces if passes <= one.mtu < vanishes]
    routes = [one for one in state.snapshot.routes if one.mtu and passes <= one.mtu < vanishes]
    words = [f"{one.name} with an MTU of {one.mtu}" for one in narrow]
    words += [f"a route to {one.to} with an MTU of {one.mtu}" for one in routes]
    return f"{state.name} has {' and '.join(words[:3])}" if words else ""
