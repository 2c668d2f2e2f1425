"""A snapshot of the host that this runs on: read only, as root or not, within seconds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial

from pcapdiag import __version__
from pcapdiag.errors import UsageError
from pcapdiag.host.counters import read_counters, with_groups
from pcapdiag.host.envoy import check_admin, read_envoy
from pcapdiag.host.firewall import read_firewall
from pcapdiag.host.identity import (
    read_clock,
    read_dns,
    read_identity,
    read_limits,
    tcp_memory,
)
from pcapdiag.host.kernel import Reading
from pcapdiag.host.links import read_interfaces
from pcapdiag.host.processes import read_owners
from pcapdiag.host.routes import read_neighbours, read_routes, read_rules
from pcapdiag.host.settings import read_conntrack, read_ports, read_settings
from pcapdiag.host.sockets import Listening, read_sockets
from pcapdiag.model.snapshot import SCHEMA, Counters, Generator, Neighbours, Process, Snapshot
from pcapdiag.model.units import format_seconds

Wait = Callable[[float], None]


def take_snapshot(
    during: float | None = None, envoy_admin: str | None = None, wait: Wait = time.sleep
) -> Snapshot:
    """Return what decides connection failures on this host; what cannot be read is listed.

    With ``during`` counters are read twice, so many seconds apart. Raises UsageError on another
    system than Linux, and for an admin address that is none.
    """
    if sys.platform != "linux":
        raise UsageError(
            f"a snapshot is taken on Linux, and this is {sys.platform}",
            "run it on the host that the failures are on",
        )
    if envoy_admin is not None:
        check_admin(envoy_admin)
    reading = Reading()
    earlier = None
    if during is not None:
        earlier = _counters(reading)
        wait(during)
    return _snapshot(reading, earlier, envoy_admin)


def _counters(reading: Reading) -> Counters:
    firewall, counts = read_firewall(reading)
    _, listening = read_sockets(reading)
    owners = _owners(listening, reading)
    counters = read_counters(reading, firewall, counts)
    return with_groups(counters, (one.group for one in owners if one.group))


def _owners(listening: list[Listening], reading: Reading) -> list[Process]:
    none: list[Process] = []
    return reading.attempt("processes", partial(read_owners, listening, reading), none)


def _snapshot(reading: Reading, earlier: Counters | None, envoy_admin: str | None) -> Snapshot:
    attempt = reading.attempt
    sockets, listening = read_sockets(reading)
    sockets.orphans, sockets.memory_pages = tcp_memory()
    owners = _owners(listening, reading)
    firewall, counts = read_firewall(reading)
    counters = read_counters(reading, firewall, counts)
    return Snapshot(
        schema=SCHEMA,
        generator=Generator(version=__version__),
        time=format_seconds(time.time_ns()),
        root=os.geteuid() == 0,
        host=read_identity(),
        counters=with_groups(counters, (one.group for one in owners if one.group)),
        earlier=earlier,
        settings=read_settings(),
        sockets=sockets,
        processes=owners,
        ports=read_ports(),
        limits=read_limits(reading),
        conntrack=read_conntrack(reading),
        interfaces=attempt("interfaces", lambda: read_interfaces(reading), []),
        routes=attempt("routes", lambda: read_routes(reading), []),
        rules=attempt("rules of policy routing", lambda: read_rules(reading), []),
        neighbours=attempt("neighbour table", lambda: read_neighbours(reading), Neighbours()),
        firewall=firewall,
        dns=read_dns(reading),
        clock=read_clock(),
        envoy=None if envoy_admin is None else read_envoy(envoy_admin, reading),
        unread=reading.unread,
        cut=reading.cut,
    )
