"""Captures through filters for flags: the first packets, or the last ones, of what worked."""

from __future__ import annotations

from failurelab import behaviours
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.hosts import Host
from failurelab.lab import Lab
from failurelab.registry import scenario

PAGE = behaviours.reply(b"<p>price</p>" * 50)
SYNS = "tcp[tcpflags] & tcp-syn != 0"


def _use(connection: Connection) -> None:
    connection.send(behaviours.get()).receive(len(PAGE))
    connection.close()


@scenario(
    "capture-filter-syn",
    "A filter lets SYNs pass, and in another capture SYNs and SYN-ACKs; all connections worked",
    points=(Point("client", filter="tcp[13] == 2"), Point("client", name="both", filter=SYNS)),
    branches={"upstream2": "router"},
)
def syns(lab: Lab) -> None:
    """Three requests to each of two servers, each on a connection of its own; after four seconds
    the same again.
    """
    servers = [host.serve(8080, behaviours.answer(PAGE)) for host in (lab.upstream, _second(lab))]
    for pause in (4, 0):
        for server in servers * 3:
            connection = lab.client.connect(server.address)
            _use(connection)
            lab.judge(connection, ["capture.partial", "ok"], "unknown", party="unknown")
        lab.sleep(pause)


def _second(lab: Lab) -> Host:
    return lab.hosts["upstream2"]


@scenario(
    "capture-filter-syn-fin-rst",
    "A filter lets SYN, FIN and RST pass: resets without what they cut",
    points=(Point("client", filter="tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0"),),
)
def resets(lab: Lab) -> None:
    """Two requests are answered and closed by FIN, two answered and reset by the client, one is
    reset by the server instead of an answer; another is answered four seconds later.
    """
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    for number in range(4):
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get()).receive(len(PAGE))
        connection.reset() if number % 2 else connection.close()
        codes = ["capture.partial", "ok"] if number % 2 else ["ok", "capture.partial"]
        lab.judge(connection, codes, "unknown", party="unknown")
        lab.sleep(0.05)
    failing = lab.upstream.serve(8081, behaviours.reset_after_request(0.05))
    connection = lab.client.connect(failing.address)
    connection.send(behaviours.get()).receive_all()
    connection.close()
    lab.judge(connection, "capture.partial", "unknown", party="unknown")
    lab.sleep(4)
    connection = lab.client.connect(server.address)
    _use(connection)
    lab.judge(connection, ["ok", "capture.partial"], "unknown", party="unknown")
