"""Proxies whose own answers nothing in them shows: only the leg behind tells."""

from __future__ import annotations

from failurelab import behaviours, haproxy, nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import gateway
from failurelab.registry import PROXIED, scenario
from failurelab.scenes import turns

_ANY = (Point("proxy", "any"),)
_DOWN = behaviours.reply(b'{"message": "down for a while"}', "503 Service Unavailable")


def _ask(lab: Lab) -> None:
    lab.client.curl(f"http://{lab.proxy.ip}:8080/cart")
    lab.sleep(0.1)


@scenario(
    "http.local_reply-gateway-of-ones-own",
    "A gateway written in Python answers 502 and 504 in pages of its own, and hands a 503 on",
    path=PROXIED,
    points=_ANY,
)
def own_gateway(lab: Lab) -> None:
    """Its upstream refuses, resets after the request, never answers, closes; then it answers 503
    itself, which is the origin's own word and no failure of a leg.
    """
    upstream = (lab.upstream.ip, 9000)
    gateway.start(lab.proxy, 8080, upstream)
    _ask(lab)
    handlers = (
        behaviours.reset_after_request(0.02),
        behaviours.silent(),
        behaviours.close_after_request(0.02),
        behaviours.answer_and_close(_DOWN),
    )
    lab.upstream.serve(9000, turns(*handlers))
    for _ in handlers:
        _ask(lab)
    codes = (
        "tcp.connection_refused",
        "tcp.reset_before_response",
        "tcp.response_timeout",
        "tcp.closed_before_response",
    )
    for nth, code in enumerate(codes):
        cause = lab.leg(lab.upstream, 9000, nth)
        lab.judge(lab.leg(lab.proxy, 8080, nth), "http.local_reply", "responder", caused_by=cause)
        lab.judge(cause, code, "responder")
    lab.healthy(lab.leg(lab.proxy, 8080, 4))
    lab.healthy(lab.leg(lab.upstream, 9000, 4))


@scenario(
    "http.local_reply-haproxy-own-pages",
    "HAProxy with error files of one's own: 503 and 504 in JSON",
    path=PROXIED,
    points=_ANY,
)
def own_pages(lab: Lab) -> None:
    """The upstream refuses, then never answers; timeout server 1 s."""
    lines = []
    for status in ("503 Service Unavailable", "504 Gateway Timeout"):
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
        file = lab.file(f"{status[:3]}.http", head + '{"error": "the shop is away"}\n')
        lines.append(f"errorfile {status[:3]} {file}")
    more = "\n  ".join(["retries 0", *lines])
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000", backend=more)
    haproxy.start(lab, lab.proxy, body, port=8080, server="1s")
    _ask(lab)
    lab.upstream.serve(9000, behaviours.silent())
    _ask(lab)
    for nth, code in enumerate(("tcp.connection_refused", "tcp.response_timeout")):
        cause = lab.leg(lab.upstream, 9000, nth)
        lab.judge(lab.leg(lab.proxy, 8080, nth), "http.local_reply", "responder", caused_by=cause)
        lab.judge(cause, code, "responder")


@scenario(
    "healthy-http-origin-503-beside-a-mirror",
    "An origin's own 503 is handed on while the copy of the request is refused elsewhere",
    path=PROXIED,
    points=_ANY,
    layers=("http",),
)
def beside_a_mirror(lab: Lab) -> None:
    """NGINX mirrors each request to a port where nothing listens; the origin answers 503 in a page
    of its own. The mirror's refusal is a failure, and not why the client got 503.
    """
    lab.upstream.serve(9000, behaviours.answer_and_close(_DOWN))
    conf = f"""
    server {{
      listen 8080;
      location / {{ mirror /copy; proxy_pass http://{lab.upstream.ip}:9000; }}
      location /copy {{ internal; proxy_pass http://{lab.upstream.ip}:9001$request_uri; }}
    }}"""
    nginx.start(lab, lab.proxy, conf, port=8080)
    for nth in range(2):
        _ask(lab)
        lab.healthy(lab.leg(lab.proxy, 8080, nth))
        lab.healthy(lab.leg(lab.upstream, 9000, nth))
        lab.judge(lab.leg(lab.upstream, 9001, nth), "tcp.connection_refused", "responder")


@scenario(
    "tcp.closed_before_response-stunnel-both-legs",
    "stunnel says goodbye to its client because the backend reset: both legs captured",
    path=PROXIED,
    points=_ANY,
    kept_apart=False,
)
def stunnel(lab: Lab) -> None:
    """The upstream resets 50 ms after the request; stunnel says goodbye inside TLS, the client
    answers with its own and leaves first.
    """
    lab.used("stunnel", "stunnel4", "-version")
    server = lab.upstream.serve(9000, behaviours.reset_after_request(0.05))
    files = lab.authority.issue("shop.example")
    ends = f"accept = {lab.proxy.ip}:8443\nconnect = {lab.upstream.ip}:9000\n"
    plain = "foreground = yes\npid =\n[shop]\nreset = no\n"
    settings = f"{plain}cert = {files.cert}\nkey = {files.key}\n{ends}"
    lab.proxy.spawn(["stunnel4", str(lab.file("stunnel.conf", settings))], port=8443)
    lab.client.curl("-k", f"https://{lab.proxy.ip}:8443/cart")
    lab.sleep(0.1)
    cause = lab.leg(server.address[0], 9000)
    code = "tcp.closed_before_response"
    lab.judge(lab.leg(lab.proxy, 8443), code, "responder", caused_by=cause)
    lab.judge(cause, "tcp.reset_before_response", "responder")
