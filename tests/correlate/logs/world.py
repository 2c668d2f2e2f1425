"""A proxy, its clients and upstreams, made up: what its log says, and what a capture shows."""

from __future__ import annotations

import random
from typing import Literal

from pcapdiag.correlate.logs.ties import LogTies, tie_log
from pcapdiag.correlate.logs.wire import WireConnection, WireRequest
from pcapdiag.model.logs import LogEntry

MS = 1_000_000
SECOND = 1_000 * MS
START = 1_795_356_000 * SECOND
PROXY, INSIDE, UPSTREAM = "10.0.1.5", "10.0.2.1", "10.0.2.7"
LISTENER, SERVER = (PROXY, 8080), (UPSTREAM, 9000)

Format = Literal["ports", "default", "error", "haproxy"]


class World:
    """Requests that each fail on a call to the upstream, spread over some seconds."""

    def __init__(
        self,
        count: int,
        *,
        seconds: float = 60,
        seed: int = 1,
        targets: int = 5,
        joined: bool = True,
    ) -> None:
        self.random = random.Random(seed)
        self.wires: list[WireConnection] = []
        self.first, self.last = START, START + int(seconds * SECOND)
        times = sorted(self.random.randrange(self.first, self.last) for _ in range(count))
        self.asked = times
        self.targets = [f"/page/{self.random.randrange(targets)}" for _ in range(count)]
        self.took = [self.random.randrange(2 * MS, 30 * MS) for _ in range(count)]
        self.ports = self.random.sample(range(32_768, 61_000), count)
        for number in range(count):
            self._add(number, joined)

    def _add(self, number: int, joined: bool) -> None:
        asked, took = self.asked[number], self.took[number]
        request = WireRequest(
            0, asked, asked + took, "GET", self.targets[number], "shop.example", 503
        )
        client, own = ("10.0.0.9", self.ports[number]), (INSIDE, self.ports[number] - 20_000)
        self.wires += [
            WireConnection(
                ("", 2 * number), (client,), (LISTENER,), asked - MS, asked + took + MS,
                "http.local_reply", True, "before_response", "initiator", "responder",
                asked + took, requests=(request,),
                causes=((("", 2 * number + 1),) if joined else ()),
            ),
            WireConnection(
                ("", 2 * number + 1), (own,), (SERVER,), asked + MS, asked + took - MS,
                "tcp.connection_refused", True, "connect", "responder", "responder",
                asked + took - MS, came_up=False,
            ),
        ]  # fmt: skip

    def log(self, form: Format, *, behind: int = 0) -> list[LogEntry]:
        """Return the lines of all requests; the log's clock is ``behind`` the capture's (ns)."""
        return [self._line(number, form, behind) for number in range(len(self.asked))]

    def _line(self, number: int, form: Format, behind: int) -> LogEntry:
        began = self.asked[number] + self.random.randrange(MS // 2) - behind
        took = self.took[number] + self.random.randrange(MS // 2)
        entry = LogEntry(
            product="envoy", kind="access", file="access.log", line=number + 1,
            time=began // MS * MS, resolution=MS, duration=took // MS * MS, failed=True,
            method="GET", target=self.targets[number], host="shop.example", status=503,
            flags=["UF"], reset_reason="remote_connection_failure", upstreams=[SERVER],
            transport_failure="delayed_connect_error:_Connection_refused",
        )  # fmt: skip
        if form == "ports":
            entry.client, entry.listener = ("10.0.0.9", self.ports[number]), LISTENER
        if form == "haproxy":
            entry.product, entry.zoned, entry.upstreams = "haproxy", False, []
            entry.client, entry.flags, entry.upstream_name = (
                ("10.0.0.9", self.ports[number]), ["SC"], "back/one",
            )  # fmt: skip
            entry.reset_reason = entry.transport_failure = None
        if form == "error":
            entry.product, entry.kind, entry.zoned = "nginx", "error", False
            entry.begin, entry.duration, entry.resolution = False, None, SECOND
            entry.time = (began + took) // SECOND * SECOND
            entry.client, entry.status, entry.flags = ("10.0.0.9", 0), None, []
            entry.reset_reason = entry.transport_failure = None
            entry.message = (
                "connect() failed (111: Connection refused) while connecting to upstream"
            )
        return entry

    def tie(self, lines: list[LogEntry]) -> LogTies:
        """Tie lines to this world's connections."""
        return tie_log(lines, self.wires, self.first, self.last)


def wrong(ties: LogTies) -> int:
    """Return how many lines were tied to another request's connection."""
    return sum(any(tie.wire // 2 != line for tie in found) for line, found in ties.ties.items())


def legs(ties: LogTies, line: int) -> set[str]:
    """Return on which legs a line was tied."""
    return {tie.leg for tie in ties.ties.get(line, [])}
