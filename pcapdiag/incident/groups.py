"""The same failure by the same culprit as one group, and the first numbers of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from pcapdiag.diagnose.exchanges import WITH_A_REQUEST
from pcapdiag.incident.alike import Alike, joined
from pcapdiag.model.failed_request import failed_exchange
from pcapdiag.model.report import Connection, Group, Party, Side, Summary, Verdict
from pcapdiag.model.units import largest_first
from pcapdiag.protocols.socks import SOCKS_REPLY

MAX_GROUPS = 1_000
"""Groups kept by endpoint while counting, then as many by responding address; failures of any
further kind share one group per code and culprit."""
SEPARATE = 10
"""Groups of one code, side and party up to which each keeps its own entry."""
OWN_SHARE = 0.05
"""Share of such a family's connections from which a group keeps its own entry all the same."""
GROUP_STREAMS = 100
"""Stream numbers listed in one group; ``connections`` counts all of them."""


class Family(NamedTuple):
    """What even the groups that are put together share."""

    code: str
    side: Side
    party: Party


class GroupKey(NamedTuple):
    """What the connections of one group share."""

    code: str
    side: Side
    party: Party
    address: str | None
    responder: str | None
    socks_reply: float | None = None
    """What a SOCKS proxy answered: its own no to one and what it passes on to another differ."""
    cause: tuple[str, str] | None = None
    """Code and endpoint of what made it fail on another leg."""
    answer: tuple[str, int | None, str | None] | None = None
    """Whose own answer it was, its status and its reason, where no cause is known."""

    @property
    def is_one_endpoint(self) -> bool:
        """True for a responder's address and port, False for an address, or for any."""
        return self.responder is not None and self.responder != _host(self.responder)

    @property
    def family(self) -> Family:
        """The group's code, side and party."""
        return Family(self.code, self.side, self.party)


class Grouper(msgspec.Struct):
    """Collects failed connections one by one, so that none of them needs to be kept."""

    groups: dict[GroupKey, Group] = {}
    alike: dict[GroupKey, Alike] = {}

    def add(self, connection: Connection) -> None:
        """Count a connection into its group; one that did not fail is left out."""
        if not connection.verdict.failed:
            return
        key = group_key(connection)
        if key not in self.groups and len(self.groups) >= MAX_GROUPS:
            key = GroupKey(*key.family, None, _host(key.responder or ""))
            if key not in self.groups and len(self.groups) >= 2 * MAX_GROUPS:
                key = GroupKey(*key.family, None, None)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = _new_group(key, connection)
            self.alike[key] = Alike()
        self.alike[key].add(connection)
        group.connections += 1
        if group.initiator != connection.initiator.ip:
            group.initiator = None
        group.requests += failed_requests(connection, connection.verdict.code)
        first, last = _failed(connection)
        group.first = min(group.first, first, key=float)
        group.last = max(group.last, last, key=float)
        if len(group.streams) < GROUP_STREAMS and group.point == connection.point:
            group.streams.append(connection.stream)

    def result(self) -> list[Group]:
        """Return the groups, those with the most failures first, then by time.

        A scan, or a service with many endpoints, makes many small groups of one family: those are
        put together, and name the responder's address where it is one.
        """
        families: dict[Family, list[GroupKey]] = {}
        for key in self.groups:
            families.setdefault(key.family, []).append(key)
        found: list[Group] = []
        for keys in families.values():
            found += self._put_together(keys) if len(keys) > SEPARATE else self._of(keys)
        return sorted(found, key=lambda g: (-max(g.connections, g.requests), float(g.first)))

    def _put_together(self, keys: list[GroupKey]) -> list[Group]:
        total = sum(group.connections for group in self._of(keys))
        least = max(2.0, OWN_SHARE * total)
        small: list[GroupKey] = []
        large: list[GroupKey] = []
        for key in keys:
            own = key.is_one_endpoint and self.groups[key].connections >= least
            (large if own else small).append(key)
        if not small:
            return self._of(large)
        rest = _union(self._of(small))
        rest.signs = joined(self.alike[key] for key in small).signs()
        return [*self._of(large), rest]

    def _of(self, keys: list[GroupKey]) -> list[Group]:
        for key in keys:
            self.groups[key].signs = self.alike[key].signs()
        return [self.groups[key] for key in keys]


def group(connections: Iterable[Connection]) -> list[Group]:
    """Group failed connections by code, side, party, culprit, responder, cause, a proxy's answer.

    Every failed connection is in one group, so the groups' counts add up to the failed ones.
    """
    grouper = Grouper()
    for connection in connections:
        grouper.add(connection)
    return grouper.result()


def group_key(connection: Connection) -> GroupKey:
    """Return what a failed connection shares with the others of its group."""
    who = connection.verdict.attribution
    responder = connection.responder.host_port
    reply = connection.verdict.numbers.get(SOCKS_REPLY)
    last = connection.causes[-1] if connection.causes else None
    cause = (last.code, last.endpoint) if last else None
    code = connection.verdict.code
    answer = _own_answer(connection) if cause is None else None
    return GroupKey(code, who.side, who.party, who.address, responder, reply, cause, answer)


def _own_answer(connection: Connection) -> tuple[str, int | None, str | None] | None:
    exchange = failed_exchange(connection)
    if exchange is None or exchange.local_reply is None:
        return None
    return exchange.local_reply.product, exchange.status, exchange.local_reply.reason


def _failed(connection: Connection) -> tuple[str, str]:
    """Return when a connection failed by its code, first and last.

    One kept open may have been opened long before. Of what a verdict stands for besides itself
    only the connection's end is known.
    """
    verdict = connection.verdict
    same = [one for one in connection.other_failures if one.code == verdict.code]
    times = [one.time for one in (verdict, *same) if one.time]
    if any(one.count > 1 for one in (verdict, *same)) or not times:
        times.append(connection.end)
    return min(times, key=float), max(times, key=float)


def _new_group(key: GroupKey, connection: Connection) -> Group:
    first, last = _failed(connection)
    return Group(
        code=key.code,
        side=key.side,
        party=key.party,
        connections=0,
        title=connection.verdict.title if key.is_one_endpoint else _short(connection.verdict.title),
        address=key.address,
        responder=key.responder,
        initiator=connection.initiator.ip,
        first=first,
        last=last,
        point=connection.point,
    )


def _union(groups: list[Group]) -> Group:
    first = min(groups, key=lambda g: float(g.first))
    hosts = {_host(g.responder) if g.responder else None for g in groups}
    addresses = {g.address for g in groups}
    initiators = {g.initiator for g in groups}
    streams = sorted(stream for g in groups for stream in g.streams if g.point == first.point)
    return Group(
        code=first.code,
        side=first.side,
        party=first.party,
        connections=sum(g.connections for g in groups),
        requests=sum(g.requests for g in groups),
        title=_short(first.title),
        address=addresses.pop() if len(addresses) == 1 else None,
        responder=hosts.pop() if len(hosts) == 1 else None,
        initiator=initiators.pop() if len(initiators) == 1 else None,
        endpoints=len({g.responder for g in groups}),
        first=first.first,
        last=max((g.last for g in groups), key=float),
        streams=streams[:GROUP_STREAMS],
        point=first.point,
    )


def _host(responder: str) -> str:
    """Return the address of ``address:port`` or ``[address]:port``, as it stands there."""
    end = responder.find("]")
    return responder[: end + 1] if end >= 0 else responder.partition(":")[0]


def _short(title: str) -> str:
    """Return a title without what it says of one connection: a title is ``what: of whom``."""
    return title.partition(": ")[0]


def summarize(
    connections: Iterable[Connection],
    unlisted: Mapping[str, int] | None = None,
    unlisted_resets: Mapping[Party, int] | None = None,
) -> tuple[Summary, list[Group]]:
    """Count connections by verdict and by party, and group the failed ones, in one pass.

    ``unlisted`` counts further connections by verdict, none of them failed, of which nothing else
    is kept; ``unlisted_resets`` their resets by party. What is told a second time behind a NAT is
    not counted. ``by_party`` counts an incident once, at its cause: a failure caused on another leg
    is left out.
    """
    by_verdict = Counter({code: count for code, count in (unlisted or {}).items() if count})
    by_party: Counter[str] = Counter()
    resets: Counter[str] = Counter(unlisted_resets or {})
    grouper = Grouper()
    summary = Summary()
    for connection in connections:
        if connection.same_as is not None:
            continue
        verdict = connection.verdict
        party = counted_party(connection)
        by_verdict[verdict.code] += 1
        resets.update(reset.attribution.party for reset in connection.resets)
        if verdict.failed:
            grouper.add(connection)
            summary.failed += 1
            summary.not_detailed += not connection.timeline
            summary.failed_requests += failed_requests(connection)
        if party is not None:
            by_party[party] += 1
    summary.connections = by_verdict.total()
    summary.by_verdict = largest_first(by_verdict)
    summary.by_party = largest_first(by_party)
    summary.resets = largest_first(resets)
    return summary, grouper.result()


def counted_party(connection: Connection) -> Party | None:
    """Return at whom ``by_party`` counts a connection; None for one that it leaves out.

    An incident counts once, at its cause, and not a second time behind a NAT.
    """
    verdict = connection.verdict
    again = connection.same_as is not None or connection.caused_by is not None
    return verdict.attribution.party if verdict.failed and not again else None


def failed_requests(connection: Connection, code: str | None = None) -> int:
    """Return how many requests of a failed connection failed, or failed by ``code``."""
    others = (other for other in connection.other_failures if code in (None, other.code))
    counts = (other.count for other in others if _hit_a_request(other))
    return _hit_a_request(connection.verdict) + sum(counts)


def _hit_a_request(verdict: Verdict) -> bool:
    return verdict.exchange is not None or verdict.phase in WITH_A_REQUEST
