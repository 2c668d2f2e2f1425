"""Which group of the report a failed connection belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.model.report import Connection, Group


class Members:
    """Finds a connection's group by what they share: a group lists only its first streams."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._by_family: dict[tuple[str, str, str], list[tuple[int, Group]]] = {}
        for number, group in enumerate(groups):
            family = group.code, group.side, group.party
            self._by_family.setdefault(family, []).append((number, group))

    def group_of(self, one: Connection) -> int:
        """Return the place of the connection's group among the groups; -1 where there is none."""
        who = one.verdict.attribution
        family = self._by_family.get((one.verdict.code, who.side, who.party), [])
        if not one.verdict.failed:
            return -1
        fits = [(_nearness(group, one), -number) for number, group in family]
        nearness, number = max(fits, default=(0, 1))
        return -number if nearness else -1


def _nearness(group: Group, one: Connection) -> int:
    """Return how much more than code and culprit a group says of a connection; 0 if another's."""
    address = one.verdict.attribution.address
    if group.address is not None and group.address != address:
        return 0
    endpoint = one.responder.host_port
    host = endpoint.rpartition(":")[0]
    if group.responder == endpoint:
        return 4
    if group.responder == host:
        return 3
    return 0 if group.responder is not None else 2 if group.address is not None else 1
