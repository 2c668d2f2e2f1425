"""The same failure by the same culprit as one group, and the first numbers of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pcapdiag.model.ends import join_port
from pcapdiag.model.report import Connection, Group, Party, Side, Summary

MAX_GROUPS = 1_000
"""Groups kept; failures of any further kind share one last group per code."""
GROUP_STREAMS = 100
"""Stream numbers listed in one group; ``connections`` counts all of them."""


class GroupKey(NamedTuple):
    """What the connections of one group share."""

    code: str
    side: Side
    party: Party
    address: str | None
    responder: str | None


@dataclass(slots=True)
class Grouper:
    """Collects failed connections one by one, so that none of them needs to be kept."""

    groups: dict[GroupKey, Group] = field(default_factory=dict)

    def add(self, connection: Connection) -> None:
        """Count a connection into its group; one that did not fail is left out."""
        if not connection.verdict.failed:
            return
        key = group_key(connection)
        if key not in self.groups and len(self.groups) >= MAX_GROUPS:
            key = GroupKey(key.code, "unknown", "unknown", None, None)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = _new_group(key, connection)
        group.connections += 1
        group.first = min(group.first, connection.start, key=float)
        group.last = max(group.last, connection.end, key=float)
        if len(group.streams) < GROUP_STREAMS:
            group.streams.append(connection.stream)

    def result(self) -> list[Group]:
        """Return the groups, the largest first, then by time."""
        return sorted(self.groups.values(), key=lambda g: (-g.connections, float(g.first)))


def group(connections: Iterable[Connection]) -> list[Group]:
    """Group failed connections by code, side, party, culprit and responder.

    Every failed connection is in one group, so the groups' counts add up to the failed ones.
    """
    grouper = Grouper()
    for connection in connections:
        grouper.add(connection)
    return grouper.result()


def group_key(connection: Connection) -> GroupKey:
    """Return what a failed connection shares with the others of its group."""
    who = connection.verdict.attribution
    responder = join_port(connection.responder.ip, connection.responder.port)
    return GroupKey(connection.verdict.code, who.side, who.party, who.address, responder)


def _new_group(key: GroupKey, connection: Connection) -> Group:
    return Group(
        code=key.code,
        side=key.side,
        party=key.party,
        connections=0,
        title=connection.verdict.title,
        address=key.address,
        responder=key.responder,
        first=connection.start,
        last=connection.end,
    )


def summarize(
    connections: Iterable[Connection],
    unlisted: Mapping[str, int] | None = None,
    not_detailed: int = 0,
) -> Summary:
    """Count connections by verdict and by party.

    ``unlisted`` counts further ones by verdict, none of them failed, of which nothing else is kept.
    ``by_party`` counts an incident once, at its cause: a failure caused on another leg is left out.
    """
    by_verdict = {code: count for code, count in (unlisted or {}).items() if count}
    by_party: dict[str, int] = {}
    resets: dict[str, int] = {}
    failed = 0
    for connection in connections:
        verdict = connection.verdict
        _count(by_verdict, verdict.code)
        failed += verdict.failed
        if verdict.failed and connection.caused_by is None:
            _count(by_party, verdict.attribution.party)
        for reset in connection.resets:
            _count(resets, reset.attribution.party)
    return Summary(
        connections=sum(by_verdict.values()),
        failed=failed,
        by_verdict=_largest_first(by_verdict),
        by_party=_largest_first(by_party),
        resets=_largest_first(resets),
        not_detailed=not_detailed,
    )


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _largest_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
