"""Several clients fail at one proxy at the same moment, each for a reason of its own."""

from __future__ import annotations

from failurelab import behaviours, haproxy, nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_POINTS = (Point("proxy", "any"),)
_FRONT, _BACK = 8080, 9000
_REFUSED, _RESET, _CLOSED = (0, 1, 2), (3, 4), (5,)
"""Which of the clients meets what, by the last digit of both ports."""


def _upstreams(lab: Lab) -> None:
    """Refuses on three ports, resets on two and closes on one, each soon after it was asked."""
    for n in _RESET:
        lab.upstream.serve(_BACK + n, behaviours.reset_after_request(0.002))
    for n in _CLOSED:
        lab.upstream.serve(_BACK + n, behaviours.close_after_request(0.002))


def _ask_all_at_once(lab: Lab) -> None:
    lab.used("curl")
    ports = [_FRONT + n for n in (*_REFUSED, *_RESET, *_CLOSED)]
    urls = [f"http://{lab.proxy.ip}:{port}/pay" for port in ports]
    lab.client.curl("--parallel", "--parallel-immediate", *urls)


def _judge(lab: Lab) -> None:
    codes = {
        **dict.fromkeys(_REFUSED, "tcp.connection_refused"),
        **dict.fromkeys(_RESET, "tcp.reset_before_response"),
        **dict.fromkeys(_CLOSED, "tcp.closed_before_response"),
    }
    for n, code in codes.items():
        cause = lab.leg(lab.upstream, _BACK + n)
        front = lab.leg(lab.proxy, _FRONT + n)
        lab.judge(front, "http.local_reply", "responder", caused_by=cause)
        lab.judge(cause, code, "responder")


@scenario(
    "http.local_reply-nginx-six-at-once",
    "Six clients of one NGINX at once: refused, reset and closed upstreams",
    path=PROXIED,
    points=_POINTS,
    layers=("http", "tcp"),
)
def nginx_six_at_once(lab: Lab) -> None:
    """Each client has its own port of NGINX and that its own port of the upstream."""
    _upstreams(lab)
    servers = "".join(
        f"""
    server {{
      listen {_FRONT + n};
      location / {{ proxy_pass http://{lab.upstream.ip}:{_BACK + n}; }}
    }}"""
        for n in (*_REFUSED, *_RESET, *_CLOSED)
    )
    nginx.start(lab, lab.proxy, servers, port=_FRONT)
    _ask_all_at_once(lab)
    _judge(lab)


@scenario(
    "http.local_reply-haproxy-six-at-once",
    "Six clients of one HAProxy at once: refused, reset and closed upstreams",
    path=PROXIED,
    points=_POINTS,
    layers=("http", "tcp"),
)
def haproxy_six_at_once(lab: Lab) -> None:
    """Each client has its own port of HAProxy and that its own port of the upstream."""
    _upstreams(lab)
    body = "".join(
        f"""
frontend in{n}
  bind :::{_FRONT + n} v4v6
  default_backend out{n}
backend out{n}
  retries 0
  server one {lab.upstream.ip}:{_BACK + n}
"""
        for n in (*_REFUSED, *_RESET, *_CLOSED)
    )
    haproxy.start(lab, lab.proxy, body, port=_FRONT, server="1s")
    _ask_all_at_once(lab)
    _judge(lab)
