"""HAProxy's log beside what was on the wire: its termination states."""

from __future__ import annotations

from failurelab import behaviours, haproxy
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_BOTH = (Point("proxy", "any"),)
_CUSTOM = (
    "%ci:%cp -> %bi:%bp -> %si:%sp [%tr] %ft %b/%s st=%ST state=%tsc times=%TR/%Tw/%Tc/%Tr/%Ta "
    "retries=%rc %{+Q}r"
)


def _start(lab: Lab, more: str = "") -> None:
    """A frontend per port, each with an upstream port of its own."""
    body = "\n".join(
        f"frontend in-{port}\n  bind :::{port} v4v6\n  {more}\n  default_backend out-{port}\n"
        f"backend out-{port}\n  retries 0\n  server one {lab.upstream.ip}:{port + 920}\n"
        for port in range(8080, 8085)
    )
    haproxy.start(lab, lab.proxy, body, port=8084, server="1s")


def _ask(lab: Lab, port: int, path: str) -> None:
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:{port}{path}")


def _five(lab: Lab) -> None:
    """9000 answers, 9001 refuses (SC), 9002 resets (SH), 9003 closes (SH), 9004 is silent (sH)."""
    lab.upstream.serve(9000, behaviours.answer())
    lab.upstream.serve(9002, behaviours.reset_after_request(0.1))
    lab.upstream.serve(9003, behaviours.close_after_request(0.1))
    lab.upstream.serve(9004, behaviours.silent())
    for port in (8080, 8081, 8080, 8082, 8083, 8084, 8080):
        _ask(lab, port, f"/items/{port}")
        lab.sleep(0.1)
    for nth in range(3):
        lab.healthy(lab.leg(lab.proxy, 8080, nth))
    codes = {
        8081: "tcp.connection_refused",
        8082: "tcp.reset_before_response",
        8083: "tcp.closed_before_response",
        8084: "tcp.response_timeout",
    }
    for port, code in codes.items():
        cause = lab.leg(lab.upstream, port + 920)
        lab.judge(lab.leg(lab.proxy, port), "http.local_reply", "responder", caused_by=cause)
        lab.judge(cause, code, "responder")


@scenario(
    "log-haproxy-many",
    "Four servers fail in four ways; HAProxy logs SC, SH and sH",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def many(lab: Lab) -> None:
    """Five frontends, each with its own upstream port: 9000 answers, 9001 refuses, 9002 resets,
    9003 closes, 9004 never answers (timeout server 1 s). option httplog.
    """
    _start(lab)
    _five(lab)


@scenario(
    "log-haproxy-custom",
    "The same failures, with both connections' ports in the log",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def custom(lab: Lab) -> None:
    """Five frontends, each with its own upstream port: 9000 answers, 9001 refuses, 9002 resets,
    9003 closes, 9004 never answers (timeout server 1 s). A log-format of its own.
    """
    form = _CUSTOM.replace(" ", "\\ ").replace('"', '\\"')
    _start(lab, f"log-format {form}")
    _five(lab)
    lab.logs["haproxy.log"].form = _CUSTOM


@scenario(
    "log-haproxy-clock-behind",
    "The same failures; the log's clock is 7.5 s behind the capture's",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def clock_behind(lab: Lab) -> None:
    """Five frontends, each with its own upstream port: 9000 answers, 9001 refuses, 9002 resets,
    9003 closes, 9004 never answers (timeout server 1 s). option httplog, its times moved
    afterwards.
    """
    _start(lab)
    _five(lab)
    lab.logs["haproxy.log"].shift = -7.5


@scenario(
    "log-haproxy-tcp",
    "HAProxy in TCP mode logs SC and sD",
    path=PROXIED,
    points=_BOTH,
    layers=("tcp",),
    kept_apart=False,
)
def tcp(lab: Lab) -> None:
    """TCP mode, no retries: the backend of port 5432 is closed, that of 5433 answers. option
    tcplog.
    """
    lab.upstream.serve(5433, behaviours.answer())
    body = "\n".join(
        f"frontend in-{port}\n  bind :::{port} v4v6\n  default_backend out-{port}\n"
        f"backend out-{port}\n  retries 0\n  server one {lab.upstream.ip}:{port}\n"
        for port in (5432, 5433)
    )
    haproxy.start(lab, lab.proxy, body, port=5433, mode="tcp")
    good = lab.client.connect((lab.proxy.ip, 5433))
    good.send(behaviours.get("/")).receive_until(timeout=1)
    good.close()
    waiting = lab.client.connect((lab.proxy.ip, 5432))
    waiting.receive_all()
    waiting.close()
    lab.sleep(0.2)
    cause = lab.leg(lab.upstream, 5432)
    lab.healthy(good)
    lab.judge(waiting, "tcp.closed_before_request", "responder", caused_by=cause)
    lab.judge(cause, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "log-haproxy-tls-client",
    "HAProxy logs that a client's TLS handshake failed",
    path=PROXIED,
    points=(Point("proxy", "eth0"),),
    layers=("tls", "protocol"),
    kept_apart=False,
)
def tls_client(lab: Lab) -> None:
    """A TLS frontend; curl does not trust its issuer, and then asks in plain HTTP."""
    files = lab.authority.issue("shop.example")
    pair = lab.file("pair.pem", files.cert.read_bytes() + files.key.read_bytes())
    lab.upstream.serve(9000, behaviours.answer())
    body = f"""
frontend in
  bind :::8443 v4v6 ssl crt {pair}
  default_backend out
backend out
  server one {lab.upstream.ip}:9000
"""
    haproxy.start(lab, lab.proxy, body, port=8443)
    lab.used("curl")
    untrusting = ["--resolve", f"shop.example:8443:{lab.proxy.ip}", "https://shop.example:8443/"]
    lab.client.curl("--cacert", "/etc/ssl/certs/ca-certificates.crt", *untrusting)
    lab.client.curl(f"http://{lab.proxy.ip}:8443/")
    lab.sleep(0.2)
    lab.judge(lab.leg(lab.proxy, 8443), "tls.certificate_untrusted", "initiator")
    lab.judge(lab.leg(lab.proxy, 8443, 1), "protocol.plaintext_to_tls", "responder")
