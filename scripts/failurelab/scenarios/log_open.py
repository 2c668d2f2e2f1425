"""Lines of logs that leave open what the wire shows: they name the same for different failures."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import python
from failurelab.registry import PROXIED, scenario
from failurelab.scenarios.log_envoy import istio
from failurelab.scenarios.tcp_stale import idle_close, on_fin

_BOTH = (Point("proxy", "any"),)


@scenario(
    "log-envoy-stale",
    "Envoy logs UC, as for any close: its request crossed the upstream's FIN",
    path=PROXIED,
    bump="proxy-router2",
    points=_BOTH,
    layers=("tcp", "http"),
    kept_apart=False,
)
def stale(lab: Lab) -> None:
    """The upstream closes after one idle second; the client's next request reaches Envoy while
    the FIN is under way. Round trip to the upstream 40 ms. Istio's text format.
    """
    lab.bump.delay = 0.02
    server = lab.upstream.serve(9000, idle_close(1))
    envoy.simple(lab, server.address, manager=istio())
    connection = lab.client.connect((lab.proxy.ip, 8080))
    connection.send(behaviours.get("/first")).receive_until()
    on_fin(lab, lambda: connection.send(behaviours.get("/second")))
    lab.sleep(1.6)
    connection.close()
    lab.sleep(0.2)
    crossed = lab.leg(lab.upstream, 9000)
    lab.judge(connection, "http.local_reply", "responder", caused_by=crossed)
    lab.judge(crossed, "tcp.stale_connection", ["responder", "unknown"])


@scenario(
    "log-envoy-client-certificate",
    "Envoy logs UC without a word of TLS: the upstream wanted a certificate, TLS 1.3",
    path=PROXIED,
    points=_BOTH,
    layers=("tls",),
    kept_apart=False,
)
def client_certificate(lab: Lab) -> None:
    """HAProxy requires a client certificate, Envoy's cluster has none. Istio's text format; the
    upstream's log, too.
    """
    files = lab.authority.issue("api.example")
    body = f"""
frontend in
  bind :::443 v4v6 ssl crt {files.both} verify required ca-file {lab.authority.cert}
  http-request return status 200
"""
    haproxy.start(lab, lab.upstream, body, port=443)
    tls = envoy.upstream_tls("api.example")
    envoy.simple(lab, (lab.upstream.ip, 443), up_tls=tls, manager=istio())
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    cause = lab.leg(lab.upstream, 443)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "tls.client_certificate_required", "responder")


@scenario(
    "log-haproxy-tls-to-plaintext",
    "HAProxy logs SC, as for a refused connection: the server speaks no TLS",
    path=PROXIED,
    points=_BOTH,
    layers=("protocol", "tls"),
    kept_apart=False,
)
def tls_to_plaintext(lab: Lab) -> None:
    """HAProxy's server has `ssl verify none` and no retries, Python's http.server has no TLS."""
    python.http_server(lab.upstream, 5000)
    server = f"{lab.upstream.ip}:5000"
    body = haproxy.simple(8080, server, server="ssl verify none", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/basket")
    cause = lab.leg(lab.upstream, 5000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "protocol.tls_to_plaintext", ["initiator", "responder"])
