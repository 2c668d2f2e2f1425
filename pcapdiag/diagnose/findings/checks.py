"""Which of a host's requests to an endpoint are health checks, whose, and how they went.

A known user agent says it. Without one, or with a path that checks use, regular times must; a bare
connection counts only where a proxy makes it, since any client may try again at regular times.
"""

from __future__ import annotations

import re

import msgspec

from pcapdiag.flow.screen import CHECK_WORDS
from pcapdiag.model.fleet import (
    CAME_UP,
    GRPC_FAILED,
    NO_ANSWER,
    NOT_HTTP,
    REFUSED,
    SILENT,
    AskFacts,
    Fleet,
)
from pcapdiag.model.harmless import harmless
from pcapdiag.model.units import MS, SECOND
from pcapdiag.protocols.http.grpc import status_name

MIN_REGULAR = 4
"""Requests of unknown purpose from which on regular times make a check."""
MIN_BARE = 5
STEADY = 0.6
"""Share of equal pauses that makes times regular (a check that is answered late comes late)."""
SHORTEST_PERIOD = 100 * MS
LONGEST_PERIOD = 300 * SECOND
"""Pauses (ns) of checks that are known by their regular times."""
MAX_PATH = 80
GRPC_HEALTH = "/grpc.health.v1.Health/"
"""Path of gRPC's own health checks; what is not SERVING counts as status 503."""
NOT_SERVING = 503

_IDENTIFIER = r"[0-9]+|(?=[a-f-]*[0-9])[0-9a-f-]{8,}"
"""A word of a path that names one thing of many: a number, a hash, a UUID."""
_CHECKERS = (
    (b"amazon-route53", "Route 53"),
    (b"azure traffic manager", "Azure Traffic Manager"),
    (b"consul", "Consul"),
    (b"edge health probe", "Azure Front Door"),
    (b"elb-healthchecker", "AWS load balancer"),
    (b"envoy/hc", "Envoy"),
    (b"googlehc", "Google Cloud load balancer"),
    (b"googlestackdriver", "Google Cloud Monitoring"),
    (b"kube-probe", "Kubernetes (kubelet)"),
    (b"load balancer agent", "Azure load balancer"),
    (b"nginx", "NGINX Plus"),
)
_WORDS = {
    NOT_HTTP: "answered, though not in HTTP",
    CAME_UP: "connected",
    REFUSED: "connection refused",
    SILENT: "connection never answered",
    NO_ANSWER: "no answer",
}


class Check(msgspec.Struct, frozen=True):
    """One health check: who asks what of which endpoint."""

    ask: AskFacts
    checker: str
    """Whose check it is, as far as its user agent says; empty otherwise."""
    what: str
    """What it asks for, in words."""

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return self.ask.count - self.ask.good

    @property
    def is_failing(self) -> bool:
        """Whether the last ones failed."""
        return bool(self.ask.changes) and not is_good(self.ask.changes[-1][1])


def checks(fleet: Fleet) -> list[Check]:
    """Return every health check of the capture."""
    calling = {host.address for host in fleet.hosts if host.answered} | set(fleet.proxies)
    return [
        Check(ask, _checker(ask.head) if ask.kind == "check" else "", _what(ask))
        for ask in fleet.asks
        if _is_check(ask, calling)
    ]


def _is_check(ask: AskFacts, calling: set[str]) -> bool:
    if ask.kind == "check":
        return True
    if ask.kind == "request" or ask.alone < ask.count:
        return False
    if ask.steady < STEADY or not SHORTEST_PERIOD <= ask.period <= LONGEST_PERIOD:
        return False
    if ask.kind == "connect":
        return ask.count >= MIN_BARE and ask.caller in calling
    if ask.same < ask.count or _asks_for_one_thing(ask):
        return False
    return ask.count >= MIN_REGULAR and (ask.kind == "path" or _asks_like_a_check(ask))


def _asks_like_a_check(ask: AskFacts) -> bool:
    """Return whether a request without a user agent has no field at all, or a check's path.

    HAProxy's httpchk sends nothing but the request line; a program that sends a Host and asks for
    anything else is a client that does without a name.
    """
    if ask.head.partition(b"\r\n")[2].startswith(b"\r\n"):
        return True
    words = re.split(r"[/._-]", path(ask).lower())
    return any(word.encode().startswith(CHECK_WORDS) for word in words if word)


def _asks_for_one_thing(ask: AskFacts) -> bool:
    """Return whether the path has an identifier: ``/orders/17/status`` asks how an order is."""
    return any(re.fullmatch(_IDENTIFIER, word) for word in path(ask).lower().split("/"))


def is_good(outcome: int) -> bool:
    """Return whether an outcome is what a check wants."""
    return outcome in (NOT_HTTP, CAME_UP) or 200 <= outcome < 400


def outcome_words(outcome: int) -> str:
    """Return an outcome in words: ``status 503``, ``connection refused``."""
    if outcome >= GRPC_FAILED:
        number = outcome - GRPC_FAILED
        return f"gRPC status {number} {status_name(number)}"
    return _WORDS.get(outcome, f"status {outcome}")


def result_words(ask: AskFacts, outcome: int) -> str:
    """Return the outcome of a check in words; a gRPC server says by itself that it is not well."""
    return "not SERVING" if asks_grpc(ask) and outcome == NOT_SERVING else outcome_words(outcome)


def asks_grpc(ask: AskFacts) -> bool:
    """Return whether a check calls gRPC's health service."""
    return ask.kind == "check" and path(ask).startswith(GRPC_HEALTH)


def worst(ask: AskFacts) -> int:
    """Return the most frequent of the bad outcomes."""
    bad = {outcome: n for outcome, n in ask.outcomes.items() if not is_good(outcome)}
    return max(bad, key=lambda outcome: bad[outcome])


def path(ask: AskFacts) -> str:
    """Return the path that is asked for, without its query; empty for a bare connection."""
    words = ask.head.partition(b"\r\n")[0].split(b" ")
    target = words[1].partition(b"?")[0] if len(words) > 1 else b""
    return harmless(target.decode("latin-1"), MAX_PATH)


def _what(ask: AskFacts) -> str:
    if ask.kind == "connect":
        return "a connection"
    if asks_grpc(ask):
        return "its gRPC health"
    method = ask.head.partition(b" ")[0].decode("latin-1")
    return f"{harmless(method, 16)} {path(ask)}"


def _checker(head: bytes) -> str:
    lowered = head.lower()
    _, found, rest = lowered.partition(b"\nuser-agent:")
    agent = rest.strip() if found else b""
    return next((name for start, name in _CHECKERS if agent.startswith(start)), "")
