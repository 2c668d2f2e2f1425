"""Who talks to whom, as the page draws it: nodes in a row and the legs between them."""

from __future__ import annotations

from collections import Counter

import msgspec

from pcapdiag.model.report import Connection, Leg, Report
from pcapdiag.report.escape import shown
from pcapdiag.report.overview import NAMED_ADDRESSES

_CHAINS: tuple[tuple[Leg, str, str], ...] = (
    ("downstream", "client", "proxy"),
    ("between", "proxy", "proxy"),
    ("upstream", "proxy", "upstream"),
    ("direct", "client", "upstream"),
    ("unknown", "unknown", "unknown"),
)
_NAMES = {"client": "clients", "proxy": "proxies", "upstream": "upstreams"}


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
    failed: int
    by_party: list[tuple[str, int]]


def draw_topology(report: Report) -> list[DrawnLeg]:
    """Return the legs on which something failed, from the client's side to the upstream's."""
    ends: dict[str, tuple[Counter[str], Counter[str]]] = {}
    parties: dict[str, Counter[str]] = {}
    for one in report.connections:
        if one.verdict.failed and one.same_as is None:
            _count(one, ends, parties)
    return [
        DrawnLeg(
            leg=leg,
            near=_node(near, "who connects", ends[leg][0]),
            far=_node(far, "who is called", ends[leg][1]),
            failed=sum(parties[leg].values()),
            by_party=sorted(parties[leg].items(), key=lambda item: (-item[1], item[0])),
        )
        for leg, near, far in _CHAINS
        if leg in ends
    ]


def _count(
    one: Connection,
    ends: dict[str, tuple[Counter[str], Counter[str]]],
    parties: dict[str, Counter[str]],
) -> None:
    near, far = ends.setdefault(one.leg, (Counter(), Counter()))
    near[one.initiator.ip] += 1
    far[one.responder.ip] += 1
    parties.setdefault(one.leg, Counter())[one.verdict.attribution.party] += 1


def _node(role: str, name: str, addresses: Counter[str]) -> Node:
    most = sorted(addresses.items(), key=lambda item: (-item[1], item[0]))[:NAMED_ADDRESSES]
    return Node(
        role=role,
        name=_NAMES.get(role, name),
        addresses=[shown(address) for address, _ in most],
        more=len(addresses) - len(most),
    )
