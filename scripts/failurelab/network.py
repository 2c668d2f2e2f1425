"""Topologies: hosts joined by veth, addresses, routes, and a place for the bump."""

from __future__ import annotations

import random
import subprocess
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

from failurelab import namespaces

_OFFLOADS = ("tso", "gso", "gro", "tx", "rx")


@dataclass(slots=True)
class Interface:
    """One end of a link, with its addresses in both families."""

    name: str
    ip4: str
    ip6: str


@dataclass(slots=True)
class Node:
    """A namespace in the making."""

    name: str
    namespace: str
    interfaces: list[Interface] = field(default_factory=list)

    @property
    def forwards(self) -> bool:
        """Routers forward, hosts do not."""
        return self.name.startswith("router")


@dataclass(slots=True)
class Link:
    """Two nodes and the subnets between them."""

    ends: tuple[str, str]
    interfaces: tuple[Interface, Interface]
    subnet4: str
    subnet6: str


class Network:
    """Nodes in a chain, with branches; one link may hold the bump."""

    def __init__(
        self,
        path: str,
        seed: str,
        *,
        family: int = 4,
        branches: dict[str, str] | None = None,
        bump: str | None = None,
        offload: tuple[str, ...] = (),
    ) -> None:
        self.prefix = namespaces.run_prefix()
        self.family = family
        self.nodes: dict[str, Node] = {}
        self.links: list[Link] = []
        self._random = random.Random(seed)
        self._bump = bump
        self._offload = offload
        names = path.split()
        self._pairs = list(pairwise(names))
        self._pairs += [(router, host) for host, router in (branches or {}).items()]
        for name in [*names, *(branches or {})]:
            self.nodes[name] = Node(name, f"{self.prefix}-{name}")

    @property
    def bump_namespace(self) -> str:
        """Where the bump's two interfaces are, `left` and `right`."""
        return f"{self.prefix}-bump"

    @property
    def all_namespaces(self) -> list[str]:
        """Everything that has to be removed at the end."""
        found = [node.namespace for node in self.nodes.values()]
        return [*found, self.bump_namespace] if self._bump else found

    def build(self) -> None:
        """Make namespaces, links, addresses and routes."""
        namespaces.create(self.all_namespaces)
        for name in self.all_namespaces:
            self._prepare(name)
        for left, right in self._pairs:
            self._join(left, right)
        for node in self.nodes.values():
            self._configure(node)

    def remove(self) -> None:
        """End what runs inside and remove every namespace."""
        namespaces.remove(self.all_namespaces)

    def _prepare(self, namespace: str) -> None:
        off = namespace == self.bump_namespace or self.family == 4
        namespaces.set_sysctl(namespace, "net.ipv6.conf.default.disable_ipv6", int(off))
        namespaces.set_sysctl(namespace, "net.ipv6.conf.default.router_solicitations", 0)
        namespaces.set_sysctl(namespace, "net.ipv6.conf.default.accept_dad", 0)

    def _join(self, left: str, right: str) -> None:
        first, second = self.nodes[left], self.nodes[right]
        ends = (self._interface(first), self._interface(second))
        link = self._address(left, right, ends)
        self.links.append(link)
        if self._bump == f"{left}-{right}":
            bump = self.bump_namespace
            self._veth(first.namespace, ends[0].name, bump, "left")
            self._veth(second.namespace, ends[1].name, bump, "right")
            namespaces.ip_batch([f"link set {n} up promisc on" for n in ("left", "right")], bump)
        else:
            self._veth(first.namespace, ends[0].name, second.namespace, ends[1].name)

    def _interface(self, node: Node) -> Interface:
        made = Interface(f"eth{len(node.interfaces)}", "", "")
        node.interfaces.append(made)
        return made

    @staticmethod
    def _veth(first: str, name: str, second: str, peer: str) -> None:
        command = f"link add {name} type veth peer name {peer} netns {second}"
        namespaces.ip_batch([command], first)

    def _address(self, left: str, right: str, ends: tuple[Interface, Interface]) -> Link:
        pick = self._random
        net4 = pick.choice(
            (
                f"10.{pick.randrange(1, 250)}",
                f"172.{pick.randrange(17, 31)}",
                "192.168",
                f"100.{pick.randrange(65, 127)}",
            )
        )
        net4 = f"{net4}.{len(self.links) * 40 + pick.randrange(1, 39)}"
        net6 = f"2001:db8:{pick.randrange(1, 0xFFFF):x}:{len(self.links) + 1:x}"
        used: set[int] = set()
        for name, end in zip((left, right), ends, strict=True):
            low = 1 if name.startswith("router") else pick.randrange(10, 240)
            low = low if low not in used else 254
            used.add(low)
            end.ip4, end.ip6 = f"{net4}.{low}", f"{net6}::{low:x}"
        return Link((left, right), ends, f"{net4}.0/24", f"{net6}::/64")

    def _configure(self, node: Node) -> None:
        commands = []
        for interface in node.interfaces:
            if self.family != 6:
                commands.append(f"addr add {interface.ip4}/24 dev {interface.name}")
            if self.family != 4:
                commands.append(f"addr add {interface.ip6}/64 dev {interface.name} nodad")
            commands.append(f"link set {interface.name} up")
            self._set_offload(node, interface.name)
        if node.forwards:
            namespaces.set_sysctl(node.namespace, "net.ipv4.ip_forward", 1)
            namespaces.set_sysctl(node.namespace, "net.ipv6.conf.all.forwarding", 1)
        namespaces.ip_batch(commands + self._routes(node), node.namespace)

    def _set_offload(self, node: Node, interface: str) -> None:
        if node.name in self._offload:
            return
        settings = [word for name in _OFFLOADS for word in (name, "off")]
        with namespaces.inside(node.namespace):
            subprocess.run(
                ["ethtool", "-K", interface, *settings], capture_output=True, check=False
            )

    def _routes(self, node: Node) -> list[str]:
        """A default route for single-homed hosts, else a route for each distant subnet."""
        own = [link for link in self.links if node.name in link.ends]
        if len(own) == 1:
            return self._via("default", "default", self._far_end(own[0], node.name)[1])
        commands: list[str] = []
        for link in own:
            neighbour, gateway = self._far_end(link, node.name)
            for far in self._beyond(neighbour, link):
                commands += self._via(far.subnet4, far.subnet6, gateway)
        return commands

    def _via(self, to4: str, to6: str, gateway: Interface) -> list[str]:
        commands = []
        if self.family != 6:
            commands.append(f"route add {to4} via {gateway.ip4}")
        if self.family != 4:
            commands.append(f"route add {to6} via {gateway.ip6}")
        return commands

    @staticmethod
    def _far_end(link: Link, name: str) -> tuple[str, Interface]:
        far = 1 if link.ends[0] == name else 0
        return link.ends[far], link.interfaces[far]

    def _beyond(self, start: str, crossed: Link) -> list[Link]:
        """Links reached through `start`, following routers only."""
        found: list[Link] = []
        queue = deque([start])
        while queue:
            name = queue.popleft()
            if not self.nodes[name].forwards:
                continue
            for link in self.links:
                if name in link.ends and link is not crossed and link not in found:
                    found.append(link)
                    queue.append(self._far_end(link, name)[0])
        return found
