"""Who talks to whom, as the page draws it: nodes in a row and the legs between them."""

from __future__ import annotations

from collections import Counter

import msgspec

from pcapdiag.model.report import Connection, Leg, Party, Report
from pcapdiag.report import words
from pcapdiag.report.escape import shown
from pcapdiag.report.overview import NAMED_ADDRESSES

_CHAINS: tuple[tuple[Leg, str, str], ...] = (
    ("downstream", "client", "proxy"),
    ("between", "proxy", "proxy"),
    ("upstream", "proxy", "upstream"),
    ("direct", "client", "upstream"),
    ("unknown", "unknown", "unknown"),
)
_NAMES = {
    "client": ("client", "clients"),
    "proxy": ("proxy", "proxies"),
    "upstream": ("upstream", "upstreams"),
}


class Node(msgspec.Struct):
    """A box: a role and some of its addresses."""

    role: str
    name: str
    addresses: list[str]
    more: int


class DrawnLeg(msgspec.Struct):
    """A line between two boxes, with what failed on it and by whom."""

    leg: str
    near: Node
    far: Node
    failed: str
    of: str
    """All connections to the same endpoints; empty where that is not known."""
    by_party: list[tuple[str, str, str]]
    """Party, its words, and the number."""


def draw_topology(report: Report) -> list[DrawnLeg]:
    """Return the legs on which something failed, from the client's side to the upstream's."""
    legs: dict[Leg, _Leg] = {}
    for one in report.connections:
        if one.verdict.failed and one.same_as is None:
            legs.setdefault(one.leg, _Leg()).add(one)
    return [_drawn(leg, near, far, legs[leg]) for leg, near, far in _CHAINS if leg in legs]


class _Leg:
    """What failed on one leg, counted."""

    def __init__(self) -> None:
        self.near: Counter[str] = Counter()
        self.far: Counter[str] = Counter()
        self.parties: Counter[Party] = Counter()
        self.reached: dict[tuple[str, int], int] = {}

    def add(self, one: Connection) -> None:
        self.near[one.initiator.ip] += 1
        self.far[one.responder.ip] += 1
        self.parties[one.verdict.attribution.party] += 1
        endpoint = one.responder.ip, one.responder.port
        self.reached[endpoint] = one.scope.connections if one.scope else 0


def _drawn(leg: Leg, near: str, far: str, counted: _Leg) -> DrawnLeg:
    failed = counted.parties.total()
    of = sum(counted.reached.values()) if all(counted.reached.values()) else 0
    most = sorted(counted.parties.items(), key=lambda item: (-item[1], item[0]))
    return DrawnLeg(
        leg=leg,
        near=_node(near, "connects", counted.near),
        far=_node(far, "is called", counted.far),
        failed=f"{failed:,}",
        of=words.count(of, "connection") if of >= failed else "",
        by_party=[(party, words.PARTY[party], f"{number:,}") for party, number in most],
    )


def _node(role: str, name: str, addresses: Counter[str]) -> Node:
    most = sorted(addresses.items(), key=lambda item: (-item[1], item[0]))[:NAMED_ADDRESSES]
    return Node(
        role=role,
        name=_NAMES[role][len(addresses) > 1] if role in _NAMES else name,
        addresses=[shown(address) for address, _ in most],
        more=len(addresses) - len(most),
    )
