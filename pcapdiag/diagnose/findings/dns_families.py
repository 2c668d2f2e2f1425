"""Which names do not exist, once all search domains that were tried for one name are taken as one.

A resolver with a search list (resolv.conf(5), ndots; Kubernetes sets five) asks for ``name`` under
each domain of the list before, or after, the bare one: NXDOMAIN for all but one of them is normal.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.model.dns import DnsFacts, FailedName

_CLUSTER = ".cluster.local"
_SERVICES = ".svc.cluster.local"
_SERVICE_LABELS = (2, 3)
"""Labels before ``svc``: service and namespace; a pod of a headless service has one more."""
_EXPECTED = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "isatap",
        "local",
        "metadata.google.internal",
        "use-application-dns.net",
        "wpad",
    }
)
"""First labels or names that programs ask for to learn where they are: mostly in vain."""


class Missing(msgspec.Struct):
    """A name that does not exist, with its variants in search domains."""

    name: str
    variants: set[str] = set()
    clients: set[str] = set()
    servers: dict[str, int] = {}
    count: int = 0
    worked_until: int = 0
    """When it last had an address, ns; 0: not in this capture."""
    first: int = 0
    last: int = 0
    frames: list[int] = []


def missing_names(facts: DnsFacts) -> list[Missing]:
    """Return the names that clients asked for and that do not exist, by name."""
    found: dict[str, Missing] = {}
    for family in _families(facts.failed):
        if any(_still_works(one) for one in family):
            continue
        failing = [one for one in family if one.failures.get("nxdomain")]
        if not failing:
            continue
        bare = min(failing, key=lambda one: (one.name.count("."), len(one.name)))
        if is_expected(bare.name):
            continue
        if len(family) == 1 and _is_appended(bare.name, facts.search_domains):
            continue
        _add(found, bare, failing)
    return list(found.values())


def is_expected(name: str) -> bool:
    """Return whether programs ask for such a name though it mostly does not exist.

    Names of services (RFC 8552), multicast names (RFC 6762) and numbers (reverse and block lists,
    RFC 5782) are among them.
    """
    labels = name.split(".")
    numbers = len(labels) > 4 and all(label.isdigit() for label in labels[:4])
    odd = name.endswith(".arpa") or (len(labels) == 2 and labels[1] == "local")
    return numbers or odd or name.startswith("_") or not _EXPECTED.isdisjoint((labels[0], name))


def _families(names: list[FailedName]) -> Iterator[list[FailedName]]:
    """Yield the names that were tried for one another, by client."""
    known = {(one.client, one.name): one for one in names}
    near: dict[tuple[str, str], set[tuple[str, str]]] = {key: set() for key in known}
    for key, one in known.items():
        for name in one.tried_next:
            other = (one.client, name)
            if other in known:
                near[key].add(other)
                near[other].add(key)
    seen: set[tuple[str, str]] = set()
    for key, one in known.items():
        if key in seen or not one.failures:
            continue
        family, ahead = [], [key]
        seen.add(key)
        while ahead:
            here = ahead.pop()
            family.append(known[here])
            fresh = near[here] - seen
            seen |= fresh
            ahead += fresh
        yield family


def _still_works(one: FailedName) -> bool:
    return one.good > 0 and not (one.failures and one.last > one.last_good)


def _is_appended(name: str, search_domains: set[str]) -> bool:
    """Return whether a name is another one with a search domain behind it."""
    if name.endswith(_SERVICES):
        return name[: -len(_SERVICES)].count(".") + 1 not in _SERVICE_LABELS
    if name.endswith(_CLUSTER):
        return True
    return any(name.endswith(f".{domain}") for domain in search_domains)


def _add(found: dict[str, Missing], bare: FailedName, failing: list[FailedName]) -> None:
    known = found.setdefault(bare.name, Missing(bare.name, first=bare.first))
    known.variants |= {one.name for one in failing} - {bare.name}
    known.clients.add(bare.client)
    for server, count in bare.servers.items():
        known.servers[server] = known.servers.get(server, 0) + count
    known.count += bare.failures["nxdomain"]
    known.worked_until = max(known.worked_until, bare.last_good)
    known.first = min(known.first, bare.first)
    known.last = max(known.last, bare.last)
    known.frames += bare.frames
