"""host.not_listening: Nothing on the host listens at the address and port that refused.

What happened
    A SYN came for a port of the host, and no program listens there for that address: the kernel
    answers with a RST. The program does not run, has another port, or listens on loopback only.

How pcapdiag can tell
    A snapshot of the host (pcapdiag snapshot), taken while the capture ran or at most a minute
    before or after, lists every listener; none fits the address and port of a refused connection of
    the capture. Listeners of the same port on other addresses are named.

Usual causes
    - The program crashed, is still starting, or was stopped before its endpoints were taken out.
    - It listens on 127.0.0.1 or ::1, the default of many programs, and is called from outside.
    - It listens on one address family only.
    - The port of the caller and that of the program differ: targetPort, containerPort.
    - The port belongs to another network namespace of the host (a container's).

Fixes
    - First: is it meant to listen there? Its log since its start says why it does not.
    - Application: bind 0.0.0.0 or :: in place of 127.0.0.1.
    - Envoy: `address` and `port_value` of the listener or the endpoint.
    - NGINX: `listen`, and the port of the `server` in `upstream`.
    - HAProxy: `bind`, and the `server` line.
    - Kubernetes: targetPort of the Service, and a readinessProbe on that port.

Can be confused with
    - host.firewall: a rule that rejects with tcp reset; then something listens, or not.
    - endpoint.down: the same from the capture alone, where the port was served before.

What would settle it
    - On the host: `ss -ltnp`, while it is refused.

References
    - RFC 9293 section 3.10.7.1: a SYN to a closed port is answered by a RST.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pcapdiag.diagnose.findings.host_failures import Failure, host_finding
from pcapdiag.diagnose.findings.host_listen import listeners_at, owners
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding
from pcapdiag.model.units import counted

REFUSED = frozenset({"tcp.connection_refused"})
MAX_FINDINGS = 5
MAX_NAMED = 3


def nobody_listens(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding for each address and port that refused and has no listener, most hit first.

    A snapshot from long before or after says nothing of a program that comes and goes.
    """
    if not state.fresh or not state.snapshot.sockets.source:
        return
    hit: dict[tuple[str, int], list[Failure]] = defaultdict(list)
    for one in failures:
        if one.responder in state.own and one.is_of(REFUSED):
            hit[one.responder, one.port].append(one)
    empty = [(to, those) for to, those in hit.items() if not listeners_at(state, *to)]
    empty.sort(key=lambda item: -len(item[1]))
    for (address, port), refused in empty[:MAX_FINDINGS]:
        yield _finding(state, address, port, refused)


def _finding(state: HostState, address: str, port: int, refused: list[Failure]) -> Finding:
    endpoint = join_port(address, port)
    others = [one for one in state.snapshot.sockets.listeners if one.port == port]
    names = list(dict.fromkeys(one.host_port for one in others))
    only = f": {owners(state, others)} has {', '.join(names[:MAX_NAMED])} only" if names else ""
    elsewhere = "" if names else "; no listener of the host has that port"
    return host_finding(
        state,
        refused,
        code="host.not_listening",
        severity=state.severity(strong=True),
        title=f"nothing on {state.name} listens at {endpoint}{only}",
        detail=(
            f"{counted(len(refused), 'connection')} of the capture to {endpoint} "
            f"{'was' if len(refused) == 1 else 'were'} refused{elsewhere}"
        ),
        explanation=(
            "Without a listener the kernel itself refuses. A NAT rule of the host may still hand "
            "the port on, and a container's listeners are in its own network namespace."
        ),
        endpoint=endpoint,
        addresses=[address],
        numbers={"connections": len(refused), "elsewhere": len(names)},
        fixes=[
            f"bind {address}, 0.0.0.0 or :: in place of {others[0].address}"
            if others
            else f"start what should listen on port {port}; its log says why it does not",
            "or does the caller have the wrong address or port?",
        ],
        commands=[f"ss -ltnp 'sport = :{port}'  # on {state.name}"],
    )
