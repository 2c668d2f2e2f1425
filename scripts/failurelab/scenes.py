"""What several scenarios do alike: ask in turn, set a proxy up, lose every nth packet."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from failurelab import behaviours, nginx, rules
from failurelab.bump import Forge
from failurelab.connections import Connection, Listener
from failurelab.lab import Lab
from failurelab.packets import SYN, Packet

PAGE = behaviours.reply(b"<p>price</p>" * 250)


def ask(connection: Connection, *paths: str, pause: float = 0.02) -> None:
    """Get the page from each path, one after the other."""
    for path in paths:
        connection.send(behaviours.get(path)).receive(len(PAGE))
        Lab.sleep(pause)


def keepalive(lab: Lab, *, pause: float = 0.02, ip: str | None = None) -> Connection:
    """Three requests and answers, then a FIN by the client and by the server."""
    server = lab.upstream.serve(8080, behaviours.answer(PAGE), ip=ip)
    connection = lab.client.connect(server.address)
    ask(connection, "/", "/price", "/list", pause=pause)
    connection.close()
    lab.sleep(0.1)
    return connection


def reset_after_request(lab: Lab) -> None:
    """The server resets the connection 50 ms after the request."""
    server = lab.upstream.serve(9000, behaviours.reset_after_request(0.05))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart")).receive_all()
    lab.judge(connection, "tcp.reset_before_response", "responder", ended_by=["responder"])


def injected(lab: Lab) -> None:
    """RSTs (TTL 128, IP ID 4242) to both ends in mid transfer; round trip 20 ms."""
    lab.judge(cut_off(lab), "tcp.injected_reset", "path")


def cut_off(lab: Lab, ttl: int = 128) -> Connection:
    """Return a connection that the bump cuts off in mid transfer by RSTs of this TTL."""
    lab.bump.delay = 0.01
    server = lab.upstream.serve(80, behaviours.slow(0, behaviours.reply(b"x" * 9000)))
    late = rules.Match(direction="back", data=True, first=3, times=1)
    lab.bump.add(rules.forge_reset(late, Forge(ttl=ttl, ip_id=4242, flags="R")))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/report")).receive_all()
    return connection


def curl(lab: Lab, ip: str, *options: str) -> str:
    """Get the report from port 8080 of a host; return what curl says."""
    lab.used("curl")
    return lab.client.curl(*options, f"http://{ip}:8080/report")


def nginx_proxy(lab: Lab, *more: str) -> None:
    """NGINX on the proxy, passing everything on to port 9000 of the upstream."""
    text = f"""
    server {{
      listen 8080;
      location / {{
        proxy_pass http://{lab.upstream.ip}:9000;
        {" ".join(more)}
      }}
    }}"""
    nginx.start(lab, lab.proxy, text, port=8080)


def turns(*handlers: behaviours.Handler) -> behaviours.Handler:
    """Another handler for each connection."""
    left = list(handlers)

    def handle(connection: Connection) -> None:
        left.pop(0)(connection)

    return handle


def accepted(lab: Lab, listener: Listener, nth: int) -> Connection:
    """The nth connection that a listener accepts."""
    lab.wait_until(lambda: len(listener.accepted) > nth)
    return listener.accepted[nth]


def every(nth: int) -> Callable[[Packet], bool]:
    """True for every nth packet that is no SYN."""
    count = itertools.count(1)
    return lambda packet: not packet.flags & SYN and next(count) % nth == 0
