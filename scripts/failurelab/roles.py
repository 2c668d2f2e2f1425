"""What a scenario says of a connection, and the parties that follow from hosts and points."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from failurelab.capfile import Seen
from failurelab.capture import Point
from failurelab.connections import Connection, Leg
from failurelab.hosts import Host
from failurelab.truth import Accepted, TrueConnection

Words = str | Sequence[str]


def listed(words: Words) -> list[str]:
    """One word or several, as a list."""
    return [words] if isinstance(words, str) else list(words)


@dataclass(slots=True)
class Judgement:
    """What a scenario says of one connection, before its ports are known."""

    who: Connection | Leg
    codes: list[str]
    sides: list[str]
    parties: list[str]
    ended_by: list[str | None] = field(default_factory=list)
    caused_by: Connection | Leg | None = None
    at: dict[str, Accepted] = field(default_factory=dict)
    born: dict[str, Words] = field(default_factory=dict)
    also: Connection | Leg | None = None
    """The same connection under the name that it has elsewhere."""


@dataclass(slots=True)
class Roles:
    """Who is client, proxy and upstream, by host; and what a capture alone must assume."""

    hosts: Mapping[str, Host]
    points: Mapping[str, Point]

    def there(self, accepted: Accepted, seen: Seen) -> Accepted:
        """What is accepted at one capture, with the parties that follow from its sides."""
        parties = accepted.parties or self.parties(accepted.sides, seen)
        return Accepted(accepted.codes, accepted.sides, parties)

    def parties(self, sides: Sequence[str], seen: Seen) -> list[str]:
        """The parties of these sides."""
        roles = {
            "initiator": self._role(seen.initiator[0], "initiator"),
            "responder": self._role(seen.responder[0], "responder"),
            "path": "middlebox",
        }
        return [roles.get(side, "unknown") for side in sides]

    def _role(self, ip: str, side: str) -> str:
        """By host; one leg alone is read as proxy to upstream."""
        if "proxy" in self.hosts:
            for name, host in self.hosts.items():
                addresses = {a for i in host.node.interfaces for a in (i.ip4, i.ip6)}
                if ip in addresses and not name.startswith("router"):
                    return re.sub(r"\d+$", "", name)
        return "proxy" if side == "initiator" else "upstream"

    def know_client(self, connection: TrueConnection, name: str) -> None:
        """Where points are compared one named `client` says who that end is, without a proxy."""
        right = connection.accepted(name)
        if "proxy" not in self.hosts and "proxy" in right.parties:
            there = connection.at.setdefault(name, Accepted())
            there.parties = list(dict.fromkeys([*right.parties, "client"]))

    def assume(self, connection: TrueConnection, judgement: Judgement) -> None:
        """Where a capture shows one leg only, the roles that are assumed are right as well."""
        if "proxy" not in self.hosts or judgement.parties:
            return
        assumed = {"initiator": "proxy", "responder": "upstream"}
        for name in connection.seen:
            point = self.points[name]
            right = connection.accepted(name)
            extra = [assumed[side] for side in right.sides if side in assumed]
            both = point.host == "proxy" and point.interface == "any"
            accepted = list(dict.fromkeys(right.parties + extra))
            if not both and accepted != right.parties:
                connection.at.setdefault(name, Accepted()).parties = accepted
