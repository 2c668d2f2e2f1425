"""Captures of a host that translates addresses: each connection is seen twice."""

from __future__ import annotations

from failurelab import behaviours
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.truth import Accepted

_ROUTER = (Point("router", "any"), Point("client"), Point("upstream"))
_SERVICE = 80
_VIRTUAL = "10.96.0.20"


def _service(lab: Lab, *, hide: bool = False) -> None:
    """The router's address stands for the upstream's port 8080; `hide`: sources change too."""
    rule = f"-t nat -A PREROUTING -d {lab.router.ip} -p tcp --dport {_SERVICE}"
    lab.router.iptables(f"{rule} -j DNAT --to-destination {lab.upstream.ip}:8080")
    if hide:
        lab.router.iptables("-t nat -A POSTROUTING -o eth1 -j MASQUERADE")


def _connect(lab: Lab) -> Connection:
    return lab.client.connect((lab.router.ip, _SERVICE))


def _upstream_only(lab: Lab, connection: Connection, code: str, last: str = "responder") -> None:
    lab.judge(connection, code, "responder", party="upstream", ended_by=[last])


@scenario(
    "tcp.connection_refused-behind-dnat",
    "A service address whose endpoint refuses, captured on the host that translates",
    points=_ROUTER,
)
def refused(lab: Lab) -> None:
    """DNAT to a port where nothing listens; -i any shows client to service and to endpoint."""
    _service(lab)
    _upstream_only(lab, _connect(lab), "tcp.connection_refused")


@scenario(
    "icmp.unreachable-behind-dnat",
    "A service address whose endpoint is gone: host unreachable in the service's own name",
    points=_ROUTER[:2],
)
def gone(lab: Lab) -> None:
    """DNAT to an address at which nobody is; after 3 s the router says ICMP 3/1, to which its NAT
    gives the service's address.
    """
    nobody = f"{lab.upstream.ip.rpartition('.')[0]}.250"
    rule = f"-t nat -A PREROUTING -d {_VIRTUAL} -p tcp --dport {_SERVICE}"
    lab.router.iptables(f"{rule} -j DNAT --to-destination {nobody}:8080")
    connection = lab.client.connect((_VIRTUAL, _SERVICE), timeout=6)
    lab.judge(connection, "icmp.unreachable", "path")


@scenario(
    "tcp.connection_timeout-dropped-by-the-node",
    "A node that translates a service drops new connections itself, and passes one's packets on",
    points=_ROUTER[:2],
)
def dropped(lab: Lab) -> None:
    """One request works; from then on the node drops SYNs before it translates them, as with a full
    table of connections.
    """
    lab.upstream.serve(8080, behaviours.answer())
    _service(lab)
    first = _connect(lab)
    first.send(behaviours.get("/")).receive_until()
    first.close()
    lab.healthy(first)
    lab.sleep(0.2)
    lab.router.iptables(f"-t raw -A PREROUTING -p tcp --syn --dport {_SERVICE} -j DROP")
    connection = lab.client.connect((lab.router.ip, _SERVICE), timeout=5)
    open_ = {"client": Accepted(sides=["unknown", "path"])}
    lab.judge(connection, "tcp.connection_timeout", "path", at=open_)


@scenario(
    "tcp.reset_before_response-behind-dnat",
    "A service address whose endpoint resets, captured on the host that translates",
    points=_ROUTER,
)
def reset(lab: Lab) -> None:
    """DNAT and MASQUERADE; the endpoint reads the request and closes with linger zero."""
    lab.upstream.serve(8080, behaviours.reset_after_request(0.1))
    _service(lab, hide=True)
    connection = _connect(lab)
    connection.send(behaviours.get("/cart")).receive_all(3)
    _upstream_only(lab, connection, "tcp.reset_before_response")


@scenario(
    "tcp.response_timeout-behind-dnat",
    "A service address whose endpoint never answers, captured on the host that translates",
    points=_ROUTER,
)
def silent(lab: Lab) -> None:
    """DNAT; the endpoint reads and says nothing; the client leaves after 2.5 s."""
    lab.upstream.serve(8080, behaviours.silent())
    _service(lab)
    connection = _connect(lab)
    connection.send(behaviours.get("/cart")).receive_all(2.5)
    connection.close()
    _upstream_only(lab, connection, "tcp.response_timeout", "initiator")


@scenario(
    "http.truncated_response-behind-dnat",
    "A cut response behind a service address, captured on the host that translates",
    points=_ROUTER,
    layers=("http", "tcp"),
)
def truncated(lab: Lab) -> None:
    """DNAT and MASQUERADE; the endpoint sends 300 of 1000 bytes and closes."""
    lab.upstream.serve(8080, behaviours.half_response())
    _service(lab, hide=True)
    connection = _connect(lab)
    connection.send(behaviours.get("/cart")).receive_all(2)
    connection.close()
    _upstream_only(lab, connection, "http.truncated_response")


@scenario(
    "healthy-behind-dnat",
    "Requests to a service address, captured on the host that translates",
    points=_ROUTER,
    layers=("http", "tcp"),
)
def works(lab: Lab) -> None:
    """DNAT and MASQUERADE; three requests on each of two connections."""
    lab.upstream.serve(8080, behaviours.answer())
    _service(lab, hide=True)
    for _ in range(2):
        connection = _connect(lab)
        for path in ("/", "/style.css", "/logo.svg"):
            connection.send(behaviours.get(path)).receive_until()
        connection.close()
        lab.healthy(connection)
