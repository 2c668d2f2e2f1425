"""Which names clients asked for in vain, once retries and search domains are taken for one lookup.

A stub resolver asks for both families at once, asks again where an answer is missing or a server
failed (resolv.conf(5): timeout, attempts), and asks for a short name in each of its search domains
(ndots). Only what fails to the end has failed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pcapdiag.model.bounded import entry
from pcapdiag.model.dns import FailedName, Failure
from pcapdiag.model.units import SECOND

MAX_NAMES = 10_000
"""Names, by client."""
MAX_CLIENTS = 4_096
MAX_FRAMES = 10
MAX_OPEN = 16
"""Failures of one name that are not certain yet."""
MAX_RECENT = 8
MAX_NEXT = 8
MAX_SEARCH_DOMAINS = 256

RECOVERS = 15 * SECOND
"""An address that comes this soon (ns) after failures ends the same lookup: three tries of 5 s."""
OTHER_FAMILY = 2 * SECOND
"""What comes this soon (ns) after an address, or the other family's failure, is one lookup's."""
SAME_LOOKUP = SECOND
"""Failures of one type this near to each other (ns) are one lookup's, at several servers."""
NEXT_DOMAIN = 2 * SECOND
"""The next search domain is asked for within this time (ns)."""


class _Open(msgspec.Struct):
    """A failed lookup that may still turn out well."""

    failure: Failure
    first: int
    last: int
    server: str
    frame: int
    kinds: set[int]


class _Name(msgspec.Struct):
    facts: FailedName
    works: set[int] = set()
    """Types that had an address."""
    open: list[_Open] = []


class FailedNames:
    """Takes failures and successes of lookups of addresses, by client and name."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], _Name] = {}
        self._recent: dict[str, list[tuple[int, FailedName]]] = {}
        self.left_out = 0

    def asked(self, client: str, name: str, time: int) -> None:
        """Note a question: the next search domain of one that failed just before, maybe."""
        recent = self._recent.get(client)
        if not recent:
            return
        label = name.partition(".")[0]
        for failed_at, failed in recent:
            if time - failed_at > NEXT_DOMAIN or name == failed.name:
                continue
            if failed.name.partition(".")[0] == label and len(failed.tried_next) < MAX_NEXT:
                failed.tried_next.add(name)

    def worked(self, what: tuple[str, str, int], time: int) -> None:
        """Note an answer with an address: what failed shortly before was the same lookup."""
        client, name, kind = what
        known = self._get(client, name)
        if known is None:
            return
        facts = known.facts
        known.works.add(kind)
        facts.good += 1
        facts.first_good = facts.first_good or time
        facts.last_good = max(facts.last_good, time)
        for one in known.open:
            if time - one.last > RECOVERS:
                _commit(known, one)
        known.open.clear()

    def failed(
        self, what: tuple[str, str, int], failure: Failure, server: str, frame: int, time: int
    ) -> None:
        """Note a question (client, name, type) that got a failure, or at that time no answer.

        The failure of the server that was asked last is what the client was left with.
        """
        client, name, kind = what
        known = self._get(client, name)
        if known is None:
            return
        if failure == "nxdomain":
            self._remember(client, known.facts, time)
        facts = known.facts
        if facts.good and abs(time - facts.last_good) <= OTHER_FAMILY:
            return
        last = known.open[-1] if known.open else None
        if last is not None and _is_same(last, kind, time):
            if time >= last.last:
                last.last, last.failure, last.server = time, failure, server
            last.kinds.add(kind)
            return
        known.open.append(_Open(failure, time, time, server, frame, {kind}))
        if len(known.open) > MAX_OPEN or time - known.open[0].last > RECOVERS:
            _commit(known, known.open.pop(0))

    def facts(self) -> list[FailedName]:
        """Return every name; the capture is over, what is open has failed."""
        for known in self._names.values():
            for one in known.open:
                _commit(known, one)
            known.open.clear()
        return [known.facts for known in self._names.values()]

    def _get(self, client: str, name: str) -> _Name | None:
        known = entry(
            self._names, (client, name), MAX_NAMES, lambda: _Name(FailedName(client, name))
        )
        self.left_out += known is None
        return known

    def _remember(self, client: str, facts: FailedName, time: int) -> None:
        recent = entry(self._recent, client, MAX_CLIENTS, list)
        if recent is None:
            return
        if recent and recent[-1][1] is facts:
            recent.pop()
        recent.append((time, facts))
        if len(recent) > MAX_RECENT:
            del recent[0]


def _is_same(one: _Open, kind: int, time: int) -> bool:
    within = SAME_LOOKUP if kind in one.kinds else OTHER_FAMILY
    return time - one.last <= within


def _commit(known: _Name, one: _Open) -> None:
    # Some servers deny the name when asked for the family that it does not have (RFC 4074).
    if known.works and known.works.isdisjoint(one.kinds):
        return
    facts = known.facts
    facts.failures[one.failure] = facts.failures.get(one.failure, 0) + 1
    facts.servers[one.server] = facts.servers.get(one.server, 0) + 1
    facts.first = min(facts.first or one.first, one.first)
    facts.last = max(facts.last, one.last)
    if len(facts.frames) < MAX_FRAMES:
        facts.frames.append(one.frame)


def search_domains(names: Iterable[FailedName]) -> set[str]:
    """Return what clients appended to names that then worked without it, or with another one."""
    known = {(one.client, one.name): one for one in names}
    found: set[str] = set()
    for one in known.values():
        for after in one.tried_next:
            worked = known.get((one.client, after))
            if worked is None or not worked.good or len(found) >= MAX_SEARCH_DOMAINS:
                continue
            rest = _without(one.name, after)
            if rest:
                found.add(rest)
    return found


def _without(name: str, other: str) -> str:
    """Return what follows the leading labels that two names share."""
    labels, others = name.split("."), other.split(".")
    shared = 0
    while shared < min(len(labels), len(others)) and labels[shared] == others[shared]:
        shared += 1
    return ".".join(labels[shared:])
