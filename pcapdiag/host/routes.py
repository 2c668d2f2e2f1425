"""Routes, rules of policy routing and neighbours of this network namespace, by rtnetlink(7)."""

from __future__ import annotations

import socket
import struct
from collections import Counter

from pcapdiag.host import netlink
from pcapdiag.host.kernel import Reading, number_of
from pcapdiag.host.links import interface_names
from pcapdiag.model.snapshot import Neighbours, Route, RoutingRule

MAX_ROUTES = 2_000
MAX_RULES = 200
MAX_FAILED = 50
_GET_ROUTE, _GET_NEIGHBOUR, _GET_RULE = 26, 30, 34
_HEAD = 12
"""linux/rtnetlink.h struct rtmsg, and of the same length ndmsg and fib_rule_hdr."""
_TO, _OUT, _VIA, _METRIC, _SOURCE, _METRICS, _TABLE = 1, 4, 5, 6, 7, 8, 15
_MTU = 2
_KINDS = {
    1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole",
    7: "unreachable", 8: "prohibit", 9: "throw",
}  # fmt: skip
_OWN = ("local", "broadcast", "anycast", "multicast")
"""Kinds that the kernel keeps for its own addresses."""
_TABLES = {253: "default", 254: "main", 255: "local"}
_CLONED = 0x200
"""RTM_F_CLONED: a cached answer, and no route."""
_RULE_ACTIONS = {1: "lookup", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
_DEFAULT_RULES = (0, 32766, 32767)
_NEIGHBOUR_STATES = {
    1: "incomplete", 2: "reachable", 4: "stale", 8: "delay", 16: "probe", 32: "failed",
    64: "noarp", 128: "permanent",
}  # fmt: skip


def read_routes(reading: Reading) -> list[Route]:
    """Return the routes of all tables, without those of the host's own addresses."""
    names = interface_names()
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for data in netlink.dump(netlink.ROUTE, _GET_ROUTE, struct.pack("=B11x", family)):
            # A kernel without IPv6 answers for all families that it has.
            route = _route(data, names) if data[:1] == bytes([family]) else None
            if route is not None:
                found.append(route)
    reading.left_out("routes", len(found) - MAX_ROUTES)
    return found[:MAX_ROUTES]


def _route(data: bytes, names: dict[int, str]) -> Route | None:
    family, prefix, _, _, table, _, _, kind, flags = struct.unpack_from("=8BI", data)
    name = _KINDS.get(kind, str(kind))
    if name in _OWN or flags & _CLONED:
        return None
    more = netlink.attributes(data, _HEAD)
    number = netlink.number(more.get(_TABLE)) or table
    metrics = netlink.attributes(more.get(_METRICS, b""), 0)
    to = netlink.address(more.get(_TO))
    return Route(
        to=f"{to}/{prefix}" if to else "default",
        family=4 if family == socket.AF_INET else 6,
        via=netlink.address(more.get(_VIA)),
        device=names.get(netlink.number(more.get(_OUT)), ""),
        table=_TABLES.get(number, str(number)),
        kind=name,
        source=netlink.address(more.get(_SOURCE)),
        metric=netlink.number(more.get(_METRIC)),
        mtu=netlink.number(metrics.get(_MTU)) or None,
    )


def read_rules(reading: Reading) -> list[RoutingRule]:
    """Return the rules that somebody added to the kernel's own three."""
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for data in netlink.dump(netlink.ROUTE, _GET_RULE, struct.pack("=B11x", family)):
            rule = _rule(data)
            if data[0] == family and rule.priority not in _DEFAULT_RULES:
                found.append(rule)
    reading.left_out("routing rules", len(found) - MAX_RULES)
    return found[:MAX_RULES]


def _rule(data: bytes) -> RoutingRule:
    """Read a rule (linux/fib_rules.h)."""
    family, to_length, from_length, _, table, _, _, action = struct.unpack_from("=8B", data)
    more = netlink.attributes(data, _HEAD)
    words = []
    for name, at, length in (("from", 2, from_length), ("to", 1, to_length)):
        address = netlink.address(more.get(at))
        words.append(f"{name} {address}/{length}" if address else "")
    words += [
        f"{name} {netlink.word(more.get(at))}" if more.get(at) else ""
        for name, at in (("iif", 3), ("oif", 17))
    ]
    mark = netlink.number(more.get(10))
    words.append(f"fwmark {mark:#x}" if mark else "")
    number = netlink.number(more.get(_TABLE)) or table
    does = _RULE_ACTIONS.get(action, str(action))
    words.append(f"lookup {_TABLES.get(number, number)}" if does == "lookup" else does)
    return RoutingRule(
        family=4 if family == socket.AF_INET else 6,
        priority=netlink.number(more.get(6)),
        text=" ".join(word for word in words if word),
    )


def read_neighbours(reading: Reading) -> Neighbours:
    """Return the neighbour table counted by state, and those that do not answer."""
    states: Counter[str] = Counter()
    failed = []
    for data in netlink.dump(netlink.ROUTE, _GET_NEIGHBOUR, bytes(_HEAD)):
        family, _, state = struct.unpack_from("=B3xiH", data)
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue
        name = _NEIGHBOUR_STATES.get(state, "none")
        states[name] += 1
        if name in ("failed", "incomplete"):
            failed.append(netlink.address(netlink.attributes(data, _HEAD).get(1)))
    reading.left_out("failed neighbours", len(failed) - MAX_FAILED)
    limits = {
        name: value
        for name in ("gc_thresh1", "gc_thresh2", "gc_thresh3")
        if (value := number_of(f"/proc/sys/net/ipv4/neigh/default/{name}")) is not None
    }
    return Neighbours(states=dict(states), failed=failed[:MAX_FAILED], limits=limits)
