"""Caddy, lighttpd and a gateway of one's own: what each says and does when a leg of it fails."""

from __future__ import annotations

from failurelab import behaviours
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import gateway, webproxies
from failurelab.registry import PROXIED, scenario
from failurelab.scenes import turns

_ANY = (Point("proxy", "any"),)
_MANY = behaviours.reply(b"fine\n", "200 OK", *(f"X-Tag-{n}: 1" for n in range(120)))


@scenario(
    "tcp.initiator_abort-caddy-tells-who-has-left",
    "A client leaves Caddy, which drops the upstream and answers whom nobody hears",
    path=PROXIED,
    points=_ANY,
    layers=("http",),
    kept_apart=False,
)
def client_left(lab: Lab) -> None:
    """The upstream is silent; the client closes after 437 ms. Caddy closes on the upstream and
    sends an empty 200 to its client, whose kernel answers with RST.
    """
    server = lab.upstream.serve(9000, behaviours.silent())
    webproxies.caddy(lab, lab.proxy, 8080, server.address)
    connection = lab.client.connect((lab.proxy.ip, 8080)).send(behaviours.get("/cart"))
    lab.sleep(0.437)
    connection.close()
    lab.sleep(0.2)
    lab.judge(connection, "tcp.initiator_abort", "initiator")
    call = lab.leg(server.address[0], 9000)
    lab.judge(call, "tcp.initiator_abort", "initiator", caused_by=connection)


@scenario(
    "http.local_reply-lighttpd-500",
    "lighttpd says 500 in its upstream's place, and closes on a client that stops in its request",
    path=PROXIED,
    points=_ANY,
    layers=("http",),
    kept_apart=False,
)
def internal_error(lab: Lab) -> None:
    """The upstream resets after the first request and closes after the second. A third client
    stops within its request line; server.max-read-idle is 2 s.
    """
    handlers = (behaviours.reset_after_request(0.05), behaviours.close_after_request(0.05))
    server = lab.upstream.serve(9000, turns(*handlers))
    webproxies.lighttpd(lab, lab.proxy, 8080, server.address)
    for nth, code in enumerate(("tcp.reset_before_response", "tcp.closed_before_response")):
        lab.client.curl(f"http://{lab.proxy.ip}:8080/cart")
        lab.sleep(0.1)
        cause = lab.leg(server.address[0], 9000, nth)
        lab.judge(cause, code, "responder")
        lab.judge(lab.leg(lab.proxy, 8080, nth), "http.local_reply", "responder", caused_by=cause)
    connection = lab.client.connect((lab.proxy.ip, 8080))
    connection.send(b"GET /ca").receive_all()
    connection.close()
    lab.judge(connection, "tcp.closed_before_response", "initiator", ended_by=["responder"])


@scenario(
    "http.response_rejected-gateway-of-ones-own",
    "A gateway written in Python takes no 120 headers, and says 502 in a page of its own",
    path=PROXIED,
    points=_ANY,
    layers=("http",),
    kept_apart=False,
)
def many_headers(lab: Lab) -> None:
    """Python's http.client takes 100 headers at most; the gateway's page names no product."""
    server = lab.upstream.serve(9000, behaviours.answer(_MANY))
    gateway.start(lab.proxy, 8080, server.address)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/cart")
    lab.sleep(0.1)
    cause = lab.leg(server.address[0], 9000)
    lab.judge(cause, "http.response_rejected", ["initiator", "responder"])
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
