"""TCP that is not the usual kernel's: passt, libslirp, Multipath TCP, and TLS proxies' own ways."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

from failurelab import behaviours, namespaces, rules
from failurelab.capture import Point
from failurelab.connections import Connection, Leg
from failurelab.lab import Lab
from failurelab.programs.containers import passt, slirp
from failurelab.registry import PROXIED, scenario

_TAP = Point("client", "tap0", name="client", later=True)
_MPTCP = 262
"""IPPROTO_MPTCP, which Python knows from 3.10 on, on some systems only."""


def _from_container(lab: Lab, handler: Callable[[Connection], None]) -> Connection:
    """A request from a rootless container."""
    passt(lab, lab.client, lab.router)
    lab.start_capture("client")
    server = lab.upstream.serve(8080, handler)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart")).receive_all()
    connection.close()
    lab.sleep(0.2)
    return connection


@scenario(
    "tcp.reset_before_response-passt",
    "passt hands the upstream's reset on to a container: a bare RST with the window",
    points=(_TAP,),
)
def passt_before_response(lab: Lab) -> None:
    """A client in a rootless container (passt of 2023, user-mode TCP at its TAP device) sends a
    request; the server closes with linger zero 50 ms later. passt aborts by a RST without ACK, with
    the exact number and its last window.
    """
    connection = _from_container(lab, behaviours.reset_after_request(0.05))
    lab.judge(connection, "tcp.reset_before_response", ["responder", "unknown"])


@scenario(
    "tcp.reset_in_response-passt",
    "The same in the middle of an answer",
    points=(_TAP,),
)
def passt_in_response(lab: Lab) -> None:
    """A client in a rootless container gets 2000 of 9000 promised bytes; then the server resets,
    and passt hands that on by a RST without ACK.
    """
    handler = behaviours.half_response(reset=True, length=9000, sent=2000)
    lab.judge(_from_container(lab, handler), "tcp.reset_in_response", ["responder", "unknown"])


@scenario(
    "tcp.connection_refused-passt",
    "passt refuses by a RST without ACK, for a closed port and an address that is silent",
    points=(_TAP,),
)
def passt_refuses(lab: Lab) -> None:
    """A client in a rootless container is answered on one port; a closed port, and an address of
    the same network where nobody is, are refused by passt alike: a bare RST, which the client's
    kernel ignores, so that it repeats its SYN.
    """
    passt(lab, lab.client, lab.router)
    lab.start_capture("client")
    server = lab.upstream.serve(8080, behaviours.answer())
    works = lab.client.connect(server.address)
    works.send(behaviours.get()).receive_until()
    works.close()
    lab.healthy(works)
    nobody = f"{lab.upstream.ip.rsplit('.', 1)[0]}.{250 if lab.upstream.ip[-4:] != '.250' else 249}"
    for address, port in ((lab.upstream.ip, 8081), (nobody, 8082)):
        lab.client.run(["nc", "-w", "2", address, str(port)], check=False)
        lab.sleep(0.2)
    codes = ["tcp.connection_refused", "tcp.connection_timeout"]
    lab.judge(lab.leg(lab.upstream, 8081), codes, ["responder", "path", "unknown"])
    lab.others = "any"


@scenario(
    "tcp.connection_refused-slirp4netns",
    "libslirp hands a refusal on by a RST,ACK with a window",
    points=(_TAP,),
    kept_apart=False,
)
def slirp_refuses(lab: Lab) -> None:
    """A client in a rootless container (slirp4netns, user-mode TCP at its TAP device) calls a
    closed port three times, and gets a RST,ACK with window 65535 and without DF.
    """
    slirp(lab, lab.client, lab.router)
    lab.start_capture("client")
    for _ in range(3):
        refused = lab.client.connect((lab.upstream.ip, 8081))
        lab.judge(refused, "tcp.connection_refused", ["responder", "unknown"])
        lab.sleep(0.1)


@scenario(
    "tcp.reset_before_response-slirp4netns-beside-others",
    "libslirp hands a reset on while it is busy: one IP ID counter for all connections",
    points=(_TAP,),
)
def slirp_beside_others(lab: Lab) -> None:
    """A client in a rootless container (slirp4netns) has four connections. Requests on three are
    answered while the first waits; then the server resets that with linger zero. libslirp counts
    the IP IDs of all connections together, so the reset's is far from the last of its connection.
    """
    slirp(lab, lab.client, lab.router)
    lab.start_capture("client")
    wait = threading.Event()

    def in_turn(connection: Connection) -> None:
        for _ in range(4):
            connection.receive_until()
            connection.send(behaviours.reply(b"x" * 900))
        connection.receive_until()
        wait.wait(6)
        connection.reset()

    first = lab.upstream.serve(8080, in_turn)
    others = lab.upstream.serve(8081, behaviours.answer())
    waits = lab.client.connect(first.address)
    for _ in range(4):
        waits.send(behaviours.get()).receive(900)
        lab.sleep(0.05)
    waits.send(behaviours.get("/cart"))
    for _ in range(3):
        served = lab.client.connect(others.address)
        served.send(behaviours.get()).receive_until()
        served.close()
        lab.healthy(served)
    wait.set()
    waits.receive_all()
    waits.close()
    lab.sleep(0.3)
    lab.judge(waits, "tcp.reset_before_response", ["responder", "unknown"])


def _reads_to_the_end(connection: Connection) -> None:
    connection.receive_all()
    connection.send(behaviours.reply(b"x" * 5000))
    time.sleep(4)


@scenario(
    "healthy-half-close-server-stays",
    "The client half-closes and is answered; the server never closes",
)
def server_stays(lab: Lab) -> None:
    """The client sends a request, and FIN 0.2 s later; the server answers in full and keeps its
    side open (so does passt of 2023). The capture ends 1.5 s later.
    """
    server = lab.upstream.serve(8080, _reads_to_the_end)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get())
    lab.sleep(0.2)
    connection.shut().receive(5000)
    lab.sleep(1.5)
    lab.healthy(connection)


@scenario(
    "healthy-multipath-two-subflows",
    "An answer over both subflows of Multipath TCP",
    points=(Point("client", snaplen=200), Point("upstream", snaplen=200)),
)
def two_subflows(lab: Lab) -> None:
    """The client has a second address, and Multipath TCP (RFC 8684) joins a subflow from it. Three
    answers of 100 kB are spread over both; so the first subflow lacks bytes of them, and the second
    carries bytes without a request.
    """
    second = f"{lab.client.ip.rsplit('.', 1)[0]}.250"
    for host in (lab.client, lab.upstream):
        host.sysctl("net.mptcp.enabled", 1)
        host.run("ip mptcp limits set subflow 2 add_addr_accepted 2")
    lab.client.run(f"ip address add {second}/24 dev eth0")
    lab.client.run(f"ip mptcp endpoint add {second} dev eth0 subflow")
    body = behaviours.reply(b"x" * 100_000)
    with namespaces.inside(lab.upstream.namespace):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, _MPTCP)
    with namespaces.inside(lab.client.namespace):
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, _MPTCP)
    listener.bind((lab.upstream.ip, 8080))
    listener.listen()
    client.bind((lab.client.ip, 0))
    client.connect((lab.upstream.ip, 8080))
    near, far = Connection(client, accepted=False), Connection(listener.accept()[0], accepted=True)
    for _ in range(3):
        near.send(behaviours.get())
        far.receive_until()
        far.send(body)
        near.receive(len(body))
        lab.sleep(0.1)
    near.close()
    far.close()
    listener.close()
    lab.sleep(0.3)
    for nth in range(2):
        lab.healthy(lab.leg(lab.upstream, 8080, nth))


@scenario(
    "tcp.closed_before_response-stunnel-says-goodbye",
    "A TLS proxy whose backend resets says goodbye; its client's FIN comes before its own",
    path=PROXIED,
    bump="client-router",
    points=("client",),
)
def stunnel_goodbye(lab: Lab) -> None:
    """stunnel takes TLS off; the upstream resets 50 ms after the request. stunnel sends
    close_notify and FIN; the FIN is 30 ms late (the bump), so the client's comes first.
    """
    lab.bump.add(rules.delay(rules.Match(direction="back", any_flags="F"), 0.03))
    lab.used("stunnel", "stunnel4", "-version")
    server = lab.upstream.serve(8080, behaviours.reset_after_request(0.05))
    files = lab.authority.issue("shop.example")
    ip, port = server.address
    settings = f"foreground = yes\npid =\nsyslog = no\n[tls]\naccept = 8443\ncert = {files.both}\n"
    file = lab.file("stunnel.conf", f"{settings}connect = {ip}:{port}\n")
    lab.proxy.spawn(["stunnel4", str(file)], port=8443)
    connection = lab.client.connect((lab.proxy.ip, 8443))
    connection.tls(lab.authority.client_context(), "shop.example")
    connection.send(behaviours.get("/cart")).receive_all()
    connection.close()
    lab.sleep(0.2)
    lab.judge(
        Leg(connection.responder),
        "tcp.closed_before_response",
        "responder",
        ended_by=["responder"],
    )


@scenario(
    "tcp.connection_refused-beside-forwarded-ports",
    "A NAT forwards one port of its address and refuses the others itself",
    path="client router router2 upstream",
    points=("client",),
)
def beside_forwarded(lab: Lab) -> None:
    """Port 80 of the address is forwarded to a server with an initial TTL of 128, two routers
    behind; three requests are answered from there. Port 81 is not forwarded: four tries are refused
    by the host whose address it is.
    """
    lab.upstream.sysctl("net.ipv4.ip_default_ttl", 128)
    ip, port = lab.upstream.serve(8080, behaviours.answer()).address
    rule = f"-t nat -A PREROUTING -d {lab.router.ip} -p tcp --dport 80"
    lab.router.iptables(f"{rule} -j DNAT --to-destination {ip}:{port}")
    for _ in range(3):
        connection = lab.client.connect((lab.router.ip, 80))
        connection.send(behaviours.get()).receive_until()
        connection.close()
        lab.healthy(connection)
    for _ in range(4):
        refused = lab.client.connect((lab.router.ip, 81))
        lab.judge(refused, "tcp.connection_refused", ["responder", "unknown"])
    lab.findings.forbidden.append("path.reset_device")
    lab.sleep(0.2)
