"""Scenarios: declared with a decorator, found by importing the scenarios package."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from failurelab.capture import Point

if TYPE_CHECKING:
    from failurelab.lab import Lab

SIMPLE = "client router upstream"
PROXIED = "client router proxy router2 upstream"
_NAME = re.compile(r"[a-z0-9_.]+(-[a-z0-9_.]+)+")
_LAYERS = (
    "tcp",
    "icmp",
    "mtu",
    "tls",
    "protocol",
    "socks",
    "http",
    "http2",
    "grpc",
    "capture",
    "path",
    "dns",
    "health",
    "endpoint",
    "host",
)

Body = Callable[["Lab"], None]
_scenarios: dict[str, Scenario] = {}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A failure (or a healthy look-alike), and how to make it."""

    name: str
    title: str
    body: Body
    path: str = SIMPLE
    points: tuple[Point, ...] = ()
    family: int = 4
    branches: dict[str, str] = field(default_factory=dict)
    bump: str | None = None
    offload: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    kept_apart: bool = False
    alone: bool = False

    @property
    def how(self) -> str:
        """What was done to make it."""
        return " ".join((inspect.getdoc(self.body) or "").split())

    @property
    def split(self) -> str:
        """Whether weights may be fitted on it."""
        return "kept_apart" if self.kept_apart else "fit"


def scenario(
    name: str,
    title: str,
    *,
    path: str = SIMPLE,
    points: Sequence[str | Point] = ("client",),
    family: int = 4,
    branches: dict[str, str] | None = None,
    bump: str | None = None,
    offload: tuple[str, ...] = (),
    layers: tuple[str, ...] = (),
    kept_apart: bool | None = None,
    alone: bool = False,
) -> Callable[[Body], Body]:
    """Declare a scenario; the function's docstring says what is done to make it.

    `points`: captures started before the function runs, a host's name meaning its eth0.
    `bump`: the link that holds it, as in "router-upstream". `kept_apart`: by the name's hash
    unless given. `alone`: for one that is sensitive to timing; not run beside others.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"scenario name {name!r}")
    taken = tuple(p if isinstance(p, Point) else Point(p) for p in points)
    apart = hashlib.sha256(name.encode()).digest()[0] % 3 == 0 if kept_apart is None else kept_apart

    def register(body: Body) -> Body:
        if name in _scenarios:
            raise ValueError(f"two scenarios are named {name}")
        if not body.__doc__:
            raise ValueError(f"scenario {name} needs a docstring: what is done to make it")
        _scenarios[name] = Scenario(
            name,
            title,
            body,
            path,
            taken,
            family,
            branches or {},
            bump,
            offload,
            layers or _layers(name),
            apart,
            alone,
        )
        return body

    return register


def _layers(name: str) -> tuple[str, ...]:
    first = re.split(r"[.-]", name)[0]
    return (first,) if first in _LAYERS else ("tcp",)


def discover() -> dict[str, Scenario]:
    """All scenarios by name."""
    package = importlib.import_module("failurelab.scenarios")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_scenarios.items()))
