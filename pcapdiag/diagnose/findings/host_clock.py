"""host.clock: The host's clock is not kept, where a certificate's dates decided.

What happened
    A certificate was refused for its dates, and the clock of the host that refused or showed it is
    not synchronised: the certificate may be good and the clock wrong.

How pcapdiag can tell
    A snapshot of an end of the connection says that its clock is not synchronised (adjtimex(2)), or
    half a minute or more off, and the connection failed as tls.certificate_expired.

Usual causes
    - No time service, or one that does not reach its servers.
    - A machine that slept, or a new one whose clock starts anywhere.

Fixes
    - First: `date -u` on the host, beside a clock that is right.
    - Linux: chrony or systemd-timesyncd; `chronyc makestep` once.
    - Network: let NTP (UDP port 123) pass.

Can be confused with
    - tls.certificate_expired: the certificate's own dates.
    - capture.clock: the capture's clock was set.

What would settle it
    - `chronyc tracking`, or `timedatectl`, on the host.

References
    - adjtimex(2): STA_UNSYNC, TIME_ERROR.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapdiag.diagnose.findings.host_failures import Failure, host_finding
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding

CODES = frozenset({"tls.certificate_expired"})
FAR_OFF = 30.0
"""Seconds."""


def wrong_clock(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding where a clock that is not kept may be why a certificate was refused."""
    clock = state.snapshot.clock
    off = abs(clock.offset or 0.0)
    failed = [
        one
        for one in failures
        if one.is_of(CODES) and (one.initiator in state.own or one.responder in state.own)
    ]
    if not failed or (clock.synchronized is not False and off < FAR_OFF):
        return
    state_of = "not synchronised" if clock.synchronized is False else f"{off:.0f} s off"
    yield host_finding(
        state,
        failed,
        code="host.clock",
        severity=state.severity(strong=False),
        title=f"the clock of {state.name} is {state_of}",
        detail=f"adjtimex says so on {state.name}, where certificates were refused for their dates",
        explanation=(
            "Who checks a certificate compares its dates with his own clock; a clock that is not "
            "kept refuses good certificates, and takes expired ones."
        ),
        fixes=[
            "chrony or systemd-timesyncd, and NTP (UDP port 123) allowed",
            "is it the certificate after all? its dates stand in the verdict",
        ],
        commands=[f"date -u; chronyc tracking || timedatectl  # on {state.name}"],
    )
