"""Who is who by where captures were taken: what labels such as client, proxy and upstream say.

Only asked where neither the user nor the captures' content and connections say it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pcapdiag.correlate.labels import role_of_label
from pcapdiag.correlate.roles import Ends, Overrides, Roles
from pcapdiag.incident.point_study import PointStudy
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.points import Match
from pcapdiag.model.report import Topology

MAX_LISTED = 100
"""Addresses listed for one role."""
MAX_ASKED = 20_000
"""Connections from which they are listed."""


def share_roles(
    studies: Sequence[PointStudy], options: AnalyzeOptions, matches: Iterable[Match]
) -> Roles:
    """Collect who opened connections to whom over all points, and let each point tell by it."""
    translated = _translated(studies, matches)
    own = tuple(host for one in studies for host in one.analysis.surroundings.own_host())
    roles = Roles(Overrides.from_options(options), own)
    for study in studies:
        study.analysis.surroundings.add_roles(roles, translated)
    for study in studies:
        study.analysis.surroundings.share_roles(roles)
    return roles


def _translated(studies: Sequence[PointStudy], matches: Iterable[Match]) -> set[str]:
    """Return called addresses that are a NAT's: behind them the connection has another one.

    The last point that a SYN passes knows the responder by its own address.
    """
    found: set[str] = set()
    for match in matches:
        called: list[tuple[int, str]] = []
        for study in studies:
            stream = match.streams[study.number]
            seen = study.print_of(stream) if stream is not None else None
            if seen is not None:
                called.append((study.clock.to_first(seen.syn_time), seen.responder[0]))
        own = max(called)[1]
        found.update(address for _, address in called if address != own)
    return found


def ends_by_labels(labels: Collection[str]) -> Ends | None:
    """Return the roles of a connection that the points of these labels have; None: not to tell.

    One that client and upstream both have is not ended by a proxy between them.
    """
    roles = set(map(role_of_label, labels))
    if "client" in roles:
        if "upstream" in roles:
            return Ends("client", "upstream")
        return Ends("client", "proxy")
    return Ends("proxy", "upstream") if "upstream" in roles else None


def topology(roles: Roles, ends: Sequence[tuple[str, str, Ends]]) -> Topology:
    """Return who is who; ``ends`` are addresses of initiators and responders with their roles.

    They are listed where nothing but the labels says anything.
    """
    found = roles.topology()
    if not found.assumed or not ends:
        return found
    listed: dict[str, set[str]] = {"client": set(), "proxy": set(), "upstream": set()}
    for initiator, responder, both in ends:
        listed.setdefault(both.initiator, set()).add(initiator)
        listed.setdefault(both.responder, set()).add(responder)
    return Topology(
        clients=sorted(listed["client"])[:MAX_LISTED],
        proxies=sorted(listed["proxy"])[:MAX_LISTED],
        upstreams=sorted(listed["upstream"])[:MAX_LISTED],
        assumed=False,
    )
