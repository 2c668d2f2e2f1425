"""Filters on the way that do not send the usual RSTs to both ends."""

from __future__ import annotations

import time

from failurelab import behaviours, rules
from failurelab.bump import Forge
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.truth import Accepted

_PATH = ["path", "unknown"]
_FAR = "client router router2 upstream"


def _ask(lab: Lab, path: str, port: int = 8080) -> Connection:
    connection = lab.client.connect((lab.upstream.ip, port))
    connection.send(behaviours.get(path)).receive_until(timeout=1)
    lab.sleep(0.1)
    connection.close()
    return connection


def _close_late(connection: Connection) -> None:
    """Answer each request; a moment after the caller's FIN, close."""
    while connection.receive_until(timeout=60):
        connection.send(behaviours.reply())
    time.sleep(0.1)
    connection.close()


@scenario(
    "tcp.closed_before_response-filter-ends-both",
    "A filter swallows requests with a word and ends both directions by FIN",
    path=_FAR,
    bump="router-router2",
    points=("client", "upstream"),
)
def ends_both(lab: Lab) -> None:
    """The bump answers requests with /admin in them by FIN,ACK to both ends in the other's name,
    with their own TTL and next IP ID, without timestamps, and swallows them. Two requests pass,
    three do not. Round trip 12 ms.
    """
    lab.bump.delay = 0.006
    word = rules.Match(direction="forward", contains=b"/admin")
    forge = Forge(flags="FA", window=500)
    lab.bump.add(rules.forge_reset(word, forge, swallow=True))
    lab.upstream.serve(8080, _close_late)
    for path in ("/cart", "/admin/1", "/pay", "/admin/2", "/admin/3"):
        connection = _ask(lab, path)
        if path.startswith("/admin"):
            # At the server a caller opened and closed, and asked nothing.
            at = {"upstream": Accepted(["ok"], ["unknown"])}
            lab.judge(connection, "tcp.closed_before_response", _PATH, at=at)
        else:
            lab.healthy(connection)


@scenario(
    "tcp.injected_reset-to-the-client-alone",
    "A filter resets the client only; the server's capture sees the client's host answer",
    path=_FAR,
    bump="client-router",
    points=("client", "upstream"),
    kept_apart=False,
)
def client_alone(lab: Lab) -> None:
    """When a request with /admin in it passes, the client gets a RST,ACK with TTL and IP ID of the
    server's packets. The server, which needs 0.3 s, acknowledges the request, and the client's
    kernel answers that by a bare RST. Two requests work. Round trip 16 ms.
    """
    lab.bump.delay = 0.008
    word = rules.Match(direction="forward", contains=b"/admin")
    lab.bump.add(rules.forge_reset(word, Forge(window=64), to="sender"))
    lab.upstream.serve(8080, behaviours.slow(0.3))
    for path in ("/cart", "/admin/1", "/pay", "/admin/2", "/admin/3"):
        connection = _ask(lab, path)
        lab.sleep(0.4)
        if path.startswith("/admin"):
            codes = ["tcp.injected_reset", "tcp.reset_before_response"]
            at = {"upstream": Accepted(["tcp.state_lost", *codes], [*_PATH, "initiator"])}
            lab.judge(connection, codes, _PATH, at=at)
        else:
            lab.healthy(connection)


@scenario(
    "tcp.connection_refused-router-limits-connections",
    "A router rejects what is more than three connections at once of one source",
    path="client router router2 router3 upstream",
)
def limits(lab: Lab) -> None:
    """iptables connlimit on the second of three routers; three connections are open, three more are
    refused, and the three go on.
    """
    rule = "-A FORWARD -p tcp --syn --dport 8080 -m connlimit --connlimit-above 3"
    lab.router2.iptables(f"{rule} -j REJECT --reject-with tcp-reset")
    server = lab.upstream.serve(8080, behaviours.answer())
    kept = [lab.client.connect(server.address) for _ in range(3)]
    for connection in kept:
        connection.send(behaviours.get("/first")).receive_until()
        lab.healthy(connection)
    for _ in range(3):
        lab.judge(lab.client.connect(server.address), "tcp.connection_refused", _PATH)
        lab.sleep(0.1)
    for connection in kept:
        connection.send(behaviours.get("/second")).receive_until()
        connection.close()
    lab.sleep(0.2)
