"""A snapshot as text for a terminal: which host, what stands out, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pcapdiag.host.remarks import Remark, span
from pcapdiag.model.ends import join_port
from pcapdiag.model.harmless import harmless
from pcapdiag.model.snapshot import Listener, Snapshot
from pcapdiag.report.clock import Clock
from pcapdiag.report.layout import Page

MAX_LISTENERS = 12
MAX_PEERS = 5
FEWEST_PORTS = 10
"""Ports held for one destination from which it is worth a word."""


def render_snapshot(snapshot: Snapshot, found: Sequence[Remark], page: Page) -> Iterator[str]:
    """Yield the lines of a snapshot's summary; ``found`` is what stands out in it."""
    yield from page.labelled("HOST", harmless(_host(snapshot)))
    yield from page.labelled("TIME", _when(snapshot))
    for label, text in _overview(snapshot):
        yield from page.labelled(label, harmless(text))
    yield ""
    yield from _remarks(snapshot, found, page)
    if snapshot.unread:
        yield ""
        label = "UNREAD"
        for one in snapshot.unread:
            how = f"; {one.how}" if one.how else ""
            yield from page.labelled(label, harmless(f"{one.what}: {one.reason}{how}"), "warn")
            label = ""
    for kind, count in snapshot.cut.items():
        yield from page.labelled("CUT", harmless(f"{count:,} {kind} more were left out"), "dim")


def _host(snapshot: Snapshot) -> str:
    host = snapshot.host
    parts = [f"{host.name}, Linux {host.kernel} {host.machine}"]
    parts.append("root" if snapshot.root else "not root")
    return ", ".join([*parts, *host.hints])


def _when(snapshot: Snapshot) -> str:
    days = snapshot.host.uptime / 86_400
    up = f"{days:,.1f} days" if days >= 1 else f"{snapshot.host.uptime / 3600:.1f} hours"
    apart = span(snapshot)
    read = f"counters read twice, {apart:.1f} s apart" if apart else "counters read once"
    return f"{Clock().full(snapshot.time)}, up {up}, {read}"


def _overview(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    sockets = snapshot.sockets
    if sockets.states:
        yield "TCP", ", ".join(f"{count:,} {state}" for state, count in sockets.states.items())
    names = {process.pid: process.name for process in snapshot.processes}
    for number, one in enumerate(sockets.listeners[:MAX_LISTENERS]):
        yield "" if number else "LISTEN", _listener(one, names)
    if len(sockets.listeners) > MAX_LISTENERS:
        yield "", f"and {len(sockets.listeners) - MAX_LISTENERS:,} more"
    if snapshot.ports.size:
        yield "PORTS", _ports(snapshot)
    table = snapshot.conntrack
    if table is not None and table.max:
        yield "TRACKED", f"{table.count or 0:,} of {table.max:,} connections"
    yield (
        "NETWORK",
        ", ".join(
            f"{one.name} mtu {one.mtu}"
            for one in snapshot.interfaces
            if one.state in ("up", "unknown")
        ),
    )
    if snapshot.dns.servers:
        yield "DNS", ", ".join([*snapshot.dns.servers, *snapshot.dns.options])
    if snapshot.envoy is not None:
        envoy = snapshot.envoy
        yield (
            "ENVOY",
            f"{envoy.admin}: {envoy.version}, {envoy.state}, {len(envoy.clusters)} clusters",
        )


def _listener(one: Listener, names: Mapping[int, str]) -> str:
    owners = ", ".join(dict.fromkeys(names[pid] for pid in one.pids if pid in names))
    text = one.host_port + (f" ({owners})" if owners else "")
    limit = "" if one.limit is None else f" of {one.limit:,}"
    text += f": {one.queue:,}{limit} wait to be accepted"
    states = ", ".join(f"{count:,} {state}" for state, count in one.states.items())
    return f"{text}; {states}" if states else text


def _ports(snapshot: Snapshot) -> str:
    ports = snapshot.ports
    text = f"{ports.first} to {ports.last}, {ports.size:,} to take"
    used = [
        f"{one.sockets:,} to {join_port(one.remote, one.port)}"
        for one in snapshot.sockets.peers[:MAX_PEERS]
        if one.sockets >= FEWEST_PORTS
    ]
    return f"{text}; {', '.join(used)}" if used else text


def _remarks(snapshot: Snapshot, found: Sequence[Remark], page: Page) -> Iterator[str]:
    since = "counted meanwhile" if snapshot.earlier else "since it came up"
    now = [one.what for one in found if one.is_now]
    before = [one.what for one in found if not one.is_now]
    if not found:
        yield from page.labelled("NOTHING", "stands out", "good")
    for label, items in (("NOW", now), ("COUNTED", before)):
        for number, item in enumerate(items):
            yield from page.labelled("" if number else label, harmless(item), "bad")
    if before:
        yield from page.labelled(
            "", f"(COUNTED is {since}: --during 10, or a second snapshot, says what happens now)"
        )
