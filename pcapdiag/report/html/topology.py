"""Who talks to whom, as the page draws it: boxes in a row, and the legs between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from pcapdiag.model.report import Connection, Leg, Party, Report
from pcapdiag.model.units import counted
from pcapdiag.report import words
from pcapdiag.report.escape import shown
from pcapdiag.report.overview import NAMED_ADDRESSES

_CHAIN: tuple[Leg, Leg] = ("downstream", "upstream")
"""Legs that share a proxy: one row."""
_ALONE: tuple[Leg, ...] = ("between", "direct", "unknown")
"""Legs that are drawn in rows of their own."""
_ENDS: dict[Leg, tuple[str, str]] = {
    "downstream": ("client", "proxy"),
    "between": ("proxy", "proxy"),
    "upstream": ("proxy", "upstream"),
    "direct": ("client", "upstream"),
    "unknown": ("unknown", "unknown"),
}


class Node(msgspec.Struct):
    """A box: a role and some of its addresses."""

    role: str
    name: str
    addresses: list[str]
    more: int


class Line(msgspec.Struct):
    """A leg: how much failed on it, of how many to the same endpoints, and by whom."""

    failed: str
    of: str
    """Empty where that is not known."""
    by_party: list[tuple[str, str, str]]
    """Party, its words, and the number."""


class Row(msgspec.Struct):
    """Boxes, and the lines between them: one fewer."""

    nodes: list[Node]
    lines: list[Line]


def draw_topology(report: Report) -> list[Row]:
    """Return the rows; what failed through a proxy is one, with its other leg where that is known.

    Nothing is drawn where nothing failed.
    """
    legs: dict[Leg, _Leg] = {}
    for one in report.connections:
        if one.verdict.failed and one.same_as is None:
            legs.setdefault(one.leg, _Leg()).add(one)
    rows = [_alone(leg, legs[leg]) for leg in _ALONE if leg in legs]
    chained = [leg for leg in _CHAIN if leg in legs]
    known = not report.topology.assumed and report.topology.clients and report.topology.upstreams
    if len(chained) == 2 or (chained and known):
        return [_chain(report, legs), *rows]
    return [*(_alone(leg, legs[leg]) for leg in chained), *rows]


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


def _chain(report: Report, legs: dict[Leg, _Leg]) -> Row:
    down, up = (legs.get(leg, _Leg()) for leg in _CHAIN)
    known = report.topology
    nodes = [
        _node("client", down.near, known.clients),
        _node("proxy", down.far + up.near, known.proxies),
        _node("upstream", up.far, known.upstreams),
    ]
    return Row(nodes, [_line(down), _line(up)])


def _alone(leg: Leg, counts: _Leg) -> Row:
    near, far = _ENDS[leg]
    names = ("connects", "is called") if leg == "unknown" else ("", "")
    nodes = [_node(near, counts.near, name=names[0]), _node(far, counts.far, name=names[1])]
    return Row(nodes, [_line(counts)])


def _line(counts: _Leg) -> Line:
    failed = counts.parties.total()
    of = sum(counts.reached.values()) if all(counts.reached.values()) else 0
    most = sorted(counts.parties.items(), key=lambda item: (-item[1], item[0]))
    return Line(
        failed=f"{failed:,}" if failed else "",
        of=counted(of, "connection") if of >= failed > 0 else "",
        by_party=[(party, words.PARTY[party], f"{number:,}") for party, number in most],
    )


def _node(role: str, failing: Counter[str], known: Iterable[str] = (), name: str = "") -> Node:
    """Return a box; addresses with failures come first, the most of them before."""
    addresses = sorted({*failing, *known}, key=lambda address: (-failing[address], address))
    return Node(
        role=role,
        name=name or role,
        addresses=[shown(address) for address in addresses[:NAMED_ADDRESSES]],
        more=max(0, len(addresses) - NAMED_ADDRESSES),
    )
