"""Who is client, proxy and upstream, from who opens connections to whom (verdicts.md, Attribution).

An address (or a host with several) that answers connections and opens others to a third party is a
proxy; what opens connections to it is a client; what it opens connections to is an upstream. What
the user says wins. Roles belong to a connection's end, not to an address alone: in a pod one
address is the sidecar to the outside and the application to the sidecar.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import msgspec

from pcapdiag.model.addresses import is_loopback
from pcapdiag.model.ends import End
from pcapdiag.model.options import AnalyzeOptions, EndPattern
from pcapdiag.model.report import Attribution, Leg, Party, Role, Side, Topology

MAX_ADDRESSES = 20_000
"""Addresses whose connections are kept count of; what has no room is counted in ``left_out``."""
MAX_PEERS = 64
"""Peers kept of an address: enough to find a third party, and to list a proxy's upstreams."""
MAX_PAIRS = 100_000
"""Peers kept over all addresses."""
MAX_LISTED = 100
"""Addresses listed for one role in the report."""
SIDECAR_SOURCE = "127.0.0.6"
"""Source address of an Istio sidecar towards its application (Istio docs)."""

_LEGS: dict[tuple[Role, Role], Leg] = {
    ("client", "proxy"): "downstream",
    ("proxy", "upstream"): "upstream",
    ("proxy", "proxy"): "between",
    ("client", "upstream"): "direct",
}
_RESPONDER_OF: dict[Role, Role] = {"client": "proxy", "proxy": "upstream"}
_INITIATOR_OF: dict[Role, Role] = {"proxy": "client", "upstream": "proxy"}


class Overrides(msgspec.Struct, frozen=True):
    """What the user says with ``--proxy``, ``--client`` and ``--upstream``."""

    proxies: tuple[EndPattern, ...] = ()
    clients: tuple[EndPattern, ...] = ()
    upstreams: tuple[EndPattern, ...] = ()

    @classmethod
    def from_options(cls, options: AnalyzeOptions) -> Overrides:
        """Take the roles from the options of an analysis."""
        return cls(options.proxies, options.clients, options.upstreams)

    @property
    def name_ports(self) -> bool:
        """True when a role was given to an address and port, not to an address alone."""
        said = (*self.proxies, *self.clients, *self.upstreams)
        return any(pattern.port is not None for pattern in said)

    @property
    def say_something(self) -> bool:
        """True when a role was given to any end."""
        return bool(self.proxies or self.clients or self.upstreams)

    def role(self, ip: str, port: int) -> Role | None:
        """Return the role given to an end; None when nothing was said about it."""
        given: tuple[tuple[Role, tuple[EndPattern, ...]], ...] = (
            ("proxy", self.proxies),
            ("client", self.clients),
            ("upstream", self.upstreams),
        )
        return next((role for role, said in given if any(p.matches(ip, port) for p in said)), None)


class Spoken(msgspec.Struct):
    """What the content of single connections showed, for the other ones of the same ends."""

    openers: set[str] = set()
    """Addresses that asked as proxies do."""
    endpoints: set[tuple[str, int]] = set()
    """Addresses and ports that answered as proxies do."""

    def note(self, initiator: str, responder: tuple[str, int], hints: Mapping[End, Role]) -> None:
        """Remember which ends a connection's content showed to be proxies, while there is room."""
        if hints.get("initiator") == "proxy" and len(self.openers) < MAX_ADDRESSES:
            self.openers.add(initiator)
        if hints.get("responder") == "proxy" and len(self.endpoints) < MAX_ADDRESSES:
            self.endpoints.add(responder)

    def add(self, other: Spoken) -> None:
        """Take over what other connections' content showed."""
        self.openers |= other.openers
        self.endpoints |= other.endpoints

    def ends(self, initiator: str, responder: tuple[str, int]) -> dict[End, Role]:
        """Return what was shown of these ends before; within one host that says nothing."""
        found: dict[End, Role] = {}
        called = responder[0]
        if initiator in self.openers and not (initiator == called or is_loopback(called)):
            found["initiator"] = "proxy"
        if responder in self.endpoints and not is_loopback(initiator):
            found["responder"] = "proxy"
        return found


class Ends(msgspec.Struct, frozen=True):
    """The roles of one connection's two ends; ``assumed`` when nothing in the capture said so."""

    initiator: Role
    responder: Role
    assumed: bool = False

    @property
    def leg(self) -> Leg:
        """Where the connection lies, seen from the proxy."""
        return _LEGS.get((self.initiator, self.responder), "unknown")

    def party(self, side: Side) -> Party:
        """Return the party of a side of this connection."""
        if side == "path":
            return "middlebox"
        if side == "unknown":
            return "unknown"
        return self.initiator if side == "initiator" else self.responder

    def assign(self, attribution: Attribution) -> None:
        """Fill the parties of an attribution and of its candidates."""
        attribution.party = self.party(attribution.side)
        for candidate in attribution.candidates:
            candidate.party = self.party(candidate.side)


class Roles(msgspec.Struct):
    """Collects who opens connections to whom, and names the roles; memory is bounded."""

    overrides: Overrides = msgspec.field(default_factory=Overrides)
    hosts: tuple[frozenset[str], ...] = ()
    """Addresses of one host (a capturing one, where it has several): they count as one."""
    spoken: Spoken = msgspec.field(default_factory=Spoken)
    left_out: int = 0
    """How often a connection's end was not remembered, because there was no room."""
    _opened_to: dict[str, set[str]] = {}
    """Some of the addresses that an address opened connections to."""
    _answered: dict[str, set[str]] = {}
    """Some of those whose connections it answered."""
    _given: dict[str, Role] = {}
    _pairs: int = 0

    def add(self, initiator: tuple[str, int], responder: tuple[str, int], answered: bool) -> None:
        """Count one connection, its ends as (address, port).

        ``answered`` says that the responder sent a SYN-ACK or data.
        """
        if self.overrides.say_something:
            self.add_end(*initiator)
            self.add_end(*responder)
        self._remember(self._opened_to, initiator[0], responder[0])
        if answered:
            self._remember(self._answered, responder[0], initiator[0])

    def add_end(self, ip: str, port: int) -> None:
        """Note an end that was met, for what the user says of it."""
        role = self.overrides.role(ip, port)
        if role is not None and len(self._given) < MAX_ADDRESSES:
            self._given[ip] = role

    def calls_others(self, address: str) -> bool:
        """Return whether an address, or its host's others, opened connections."""
        host = self._host(address)
        return any(self._opened_to.get(each) for each in host)

    @property
    def opened(self) -> Container[str]:
        """Addresses that opened connections."""
        return self._opened_to

    @property
    def answered(self) -> Container[str]:
        """Addresses that answered connections."""
        return self._answered

    def is_proxy(self, address: str) -> bool:
        """Return whether an address answers connections and opens others to a third party.

        One that does both with itself only (loopback) does not.
        """
        if not self.hosts and not (address in self._answered and address in self._opened_to):
            # So it is for most, and it is asked for each pair.
            return False
        host = self._host(address)
        answered = [self._answered[each] for each in host if each in self._answered]
        opened = [self._opened_to[each] for each in host if each in self._opened_to]
        if not answered or not opened:
            return False
        before, behind = set().union(*answered) - host, set().union(*opened) - host
        return bool(before and behind) and len(before | behind) > 1

    def ends(
        self,
        initiator: tuple[str, int],
        responder: tuple[str, int],
        hints: Mapping[End, Role] | None = None,
    ) -> Ends:
        """Return the roles of a connection's ends, given as (address, port).

        The user's word comes first, then ``hints`` (what the content shows) and what other content
        of these ends showed, then whom else the two talk to. With nothing to go by it is a proxy's
        connection to an upstream, and assumed.
        """
        shown = self.spoken.ends(initiator[0], responder)
        shown.update(hints or {})
        opener, answerer = shown.get("initiator"), shown.get("responder")
        if self.overrides.say_something:
            opener = self.overrides.role(*initiator) or opener
            answerer = self.overrides.role(*responder) or answerer
        if not self._are_one_host(initiator[0], responder[0]):
            opener = opener or self._initiator_by_peers(initiator[0])
            answerer = answerer or self._responder_by_peers(initiator[0], responder[0])
        if opener is None and answerer is None:
            return Ends("proxy", "upstream", assumed=True)
        return Ends(
            opener or _INITIATOR_OF.get(answerer or "unknown", "unknown"),
            answerer or _RESPONDER_OF.get(opener or "unknown", "unknown"),
        )

    def topology(self) -> Topology:
        """Return who is who over the whole capture; assumed where nothing in it says so."""
        listed: dict[Role, set[str]] = {"client": set(), "proxy": set(), "upstream": set()}
        shown = any(map(self._acts_as_proxy, self._answered)) or SIDECAR_SOURCE in self._opened_to
        shown = shown or bool(self.spoken.openers or self.spoken.endpoints)
        speaking = {address for address, _ in self.spoken.endpoints}
        assumed = not self._given and not shown
        for address, peers in self._opened_to.items():
            for peer in peers:
                said: dict[End, Role] = {}
                if peer in speaking and not is_loopback(address):
                    said["responder"] = "proxy"
                if address in self._given:
                    said["initiator"] = self._given[address]
                if peer in self._given:
                    said["responder"] = self._given[peer]
                ends = self.ends((address, 0), (peer, 0), said)
                if ends.assumed and not assumed:
                    continue
                listed.setdefault(ends.initiator, set()).add(address)
                listed.setdefault(ends.responder, set()).add(peer)
        for address, role in self._given.items():
            listed.setdefault(role, set()).add(address)
        return Topology(
            clients=sorted(listed["client"] - listed["proxy"])[:MAX_LISTED],
            proxies=sorted(listed["proxy"])[:MAX_LISTED],
            upstreams=sorted(listed["upstream"] - listed["proxy"])[:MAX_LISTED],
            assumed=assumed,
        )

    def _host(self, address: str) -> frozenset[str]:
        """Return all addresses of an address's host, as far as they are known."""
        if not self.hosts:
            return frozenset((address,))
        return next((host for host in self.hosts if address in host), frozenset({address}))

    def _are_one_host(self, one: str, other: str) -> bool:
        return one == other or (bool(self.hosts) and other in self._host(one))

    def _initiator_by_peers(self, address: str) -> Role | None:
        return "proxy" if address == SIDECAR_SOURCE or self.is_proxy(address) else None

    def _responder_by_peers(self, initiator: str, responder: str) -> Role | None:
        """Name the responder a proxy, or, to its own sidecar, the application behind it."""
        if initiator == SIDECAR_SOURCE:
            return "upstream"
        return "proxy" if self._acts_as_proxy(responder) else None

    def _acts_as_proxy(self, address: str) -> bool:
        return self.is_proxy(address) or address in self._opened_to.get(SIDECAR_SOURCE, ())

    def _remember(self, table: dict[str, set[str]], address: str, peer: str) -> None:
        peers = table.get(address)
        if peers is None and len(table) < MAX_ADDRESSES:
            peers = table[address] = set()
        if peers is None or (peer not in peers and self._is_full(peers)):
            self.left_out += 1
        elif peer not in peers:
            peers.add(peer)
            self._pairs += 1

    def _is_full(self, peers: set[str]) -> bool:
        return len(peers) >= MAX_PEERS or self._pairs >= MAX_PAIRS
