"""TLS handshakes that end by an alert of another kind, a close, a reset, or silence."""

from __future__ import annotations

import signal
import time

from failurelab import behaviours, envoy, haproxy, nginx, openssl, rules
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))


def _curl(lab: Lab, *options: str, name: str = "shop.example") -> None:
    where = openssl.at((lab.upstream.ip, 443), name)
    openssl.curl(lab, lab.client, *options, *where, f"https://{name}/")


def _asks(lab: Lab) -> None:
    """curl asks Envoy, which asks port 443 of the upstream by TLS; the client's leg is judged."""
    tls = envoy.upstream_tls("api.example", newest="TLSv1_2")
    envoy.simple(lab, (lab.upstream.ip, 443), up_tls=tls)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    cause = lab.leg(lab.upstream, 443)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)


def _failed(lab: Lab, code: str, side: str = "responder") -> None:
    lab.judge(lab.leg(lab.upstream, 443), code, side, ended_by=[side])


# other alerts


@scenario("tls.alert-bad-psk", "Two ends with different pre-shared keys: alert 20, TLS 1.2")
def bad_psk(lab: Lab) -> None:
    """s_server and s_client have different keys for the same identity."""
    options = ("-nocert", "-tls1_2", "-cipher", "PSK")
    openssl.server(lab, lab.upstream, 443, *options, "-psk", "1a2b3c4d5e6f")
    offer = ("-tls1_2", "-cipher", "PSK", "-psk", "ffffffffffff")
    openssl.client(lab, lab.client, (lab.upstream.ip, 443), "", *offer)
    _failed(lab, "tls.alert")


@scenario("tls.alert-bad-psk-tls13", "Different pre-shared keys by TLS 1.3: the binder is wrong")
def bad_psk_13(lab: Lab) -> None:
    """s_server and s_client have different keys for the same identity and no certificate."""
    options = ("-nocert", "-tls1_3")
    openssl.server(lab, lab.upstream, 443, *options, "-psk", "1a2b3c4d5e6f")
    offer = ("-tls1_3", "-psk", "ffffffffffff")
    openssl.client(lab, lab.client, (lab.upstream.ip, 443), "", *offer)
    _failed(lab, "tls.alert")


@scenario("tls.alert-nginx-old-hello", "A TLS 1.0 client at NGINX: alert 80 instead of 70")
def old_hello(lab: Lab) -> None:
    """s_client offers TLS 1.0 only; OpenSSL's security level makes NGINX answer 80."""
    text = nginx.tls_server(lab, 443, "shop.example")
    nginx.start(lab, lab.upstream, text, port=443)
    offer = ("-tls1", "-cipher", "ALL:@SECLEVEL=0")
    openssl.client(lab, lab.client, (lab.upstream.ip, 443), "shop.example", *offer)
    lab.judge(
        lab.leg(lab.upstream, 443),
        ["tls.alert", "tls.version_mismatch"],
        "responder",
        ended_by=["responder"],
    )


@scenario(
    "tls.sni_rejected-haproxy-no-name", "A ClientHello without a name at a server that wants one"
)
def no_name(lab: Lab) -> None:
    """HAProxy binds with strict-sni; s_client sends no name by TLS 1.3; curl with one works."""
    files = lab.authority.issue("shop.example")
    body = f"""
frontend in
  bind :::443 v4v6 ssl crt {files.both} strict-sni
  http-request return status 200
"""
    haproxy.start(lab, lab.upstream, body, port=443)
    _curl(lab)
    openssl.client(lab, lab.client, (lab.upstream.ip, 443))
    lab.healthy(lab.leg(lab.upstream, 443))
    lab.judge(
        lab.leg(lab.upstream, 443, 1), "tls.sni_rejected", "responder", ended_by=["responder"]
    )


# reset


@scenario("tls.handshake_reset-server", "The server resets after the ClientHello")
def reset_server(lab: Lab) -> None:
    """A server reads the ClientHello and closes with linger zero; curl by TLS 1.3."""

    def handle(connection: Connection) -> None:
        connection.receive(100)
        time.sleep(0.02)
        connection.reset()

    lab.upstream.serve(443, handle)
    _curl(lab)
    _failed(lab, "tls.handshake_reset")


@scenario("tls.handshake_reset-killed", "The server's process dies while a ClientHello waits")
def killed(lab: Lab) -> None:
    """s_server is stopped before the ClientHello and killed half a second after it."""
    process = openssl.server(lab, lab.upstream, 443)
    _curl(lab)
    process.popen.send_signal(signal.SIGSTOP)
    connection = lab.client.connect((lab.upstream.ip, 443))
    connection.send(openssl.client_hello("shop.example"))
    lab.sleep(0.5)
    process.popen.kill()
    connection.receive_all(1)
    connection.close()
    lab.healthy(lab.leg(lab.upstream, 443))
    lab.judge(connection, "tls.handshake_reset", "responder", ended_by=["responder"])


@scenario(
    "tls.handshake_reset-envoy",
    "The upstream resets Envoy's handshake, and Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
)
def reset_envoy(lab: Lab) -> None:
    """The upstream reads Envoy's ClientHello and closes with linger zero; TLS 1.2."""

    def handle(connection: Connection) -> None:
        connection.receive(50)
        connection.reset()

    lab.upstream.serve(443, handle)
    _asks(lab)
    _failed(lab, "tls.handshake_reset")


@scenario("tls.handshake_reset-client", "The client resets after the server's certificate")
def reset_client(lab: Lab) -> None:
    """A client sends a ClientHello (Python's, TLS 1.2), gets the answer of NGINX and resets."""
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "shop.example"), port=443)
    connection = lab.client.connect((lab.upstream.ip, 443))
    connection.send(openssl.client_hello("shop.example")).receive(200)
    lab.sleep(0.05)
    connection.reset()
    _failed(lab, "tls.handshake_reset", "initiator")


# close


@scenario("tls.handshake_closed-server", "The server closes after the ClientHello, no alert")
def closed_server(lab: Lab) -> None:
    """A server reads the ClientHello and closes; curl answers with alert 50 or FIN."""

    def handle(connection: Connection) -> None:
        connection.receive(100)
        time.sleep(0.02)
        connection.close()

    lab.upstream.serve(443, handle)
    _curl(lab)
    _failed(lab, "tls.handshake_closed")


@scenario(
    "tls.handshake_closed-envoy",
    "The upstream closes Envoy's handshake, and Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
)
def closed_envoy(lab: Lab) -> None:
    """The upstream reads Envoy's ClientHello and closes; TLS 1.2."""

    def handle(connection: Connection) -> None:
        connection.receive(50)
        connection.close()

    lab.upstream.serve(443, handle)
    _asks(lab)
    _failed(lab, "tls.handshake_closed")


@scenario(
    "tls.handshake_closed-haproxy-tcp",
    "A TCP proxy closes the client's handshake because its backend is dead",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("client")),
    layers=("tls", "tcp"),
)
def closed_haproxy(lab: Lab) -> None:
    """HAProxy in TCP mode waits for the ClientHello; its backend's port is closed, no retries."""
    wait = "tcp-request inspect-delay 2s"
    hello = "tcp-request content accept if { req.ssl_hello_type 1 }"
    body = haproxy.simple(443, f"{lab.upstream.ip}:8443", backend="retries 0")
    body = body.replace("default_backend", f"{wait}\n  {hello}\n  default_backend")
    haproxy.start(lab, lab.proxy, body, port=443, mode="tcp")
    where = openssl.at((lab.proxy.ip, 443), "shop.example")
    openssl.curl(lab, lab.client, *where, "https://shop.example/")
    cause = lab.leg(lab.upstream, 8443)
    front = lab.leg(lab.proxy, 443)
    lab.judge(front, "tls.handshake_closed", "responder", ended_by=["responder"], caused_by=cause)
    lab.judge(cause, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario("tls.handshake_closed-client", "The client leaves in the middle of the handshake")
def closed_client(lab: Lab) -> None:
    """A client sends a ClientHello, gets s_server's flight and closes without a word."""
    openssl.server(lab, lab.upstream, 443)
    connection = lab.client.connect((lab.upstream.ip, 443))
    connection.send(openssl.client_hello("shop.example")).receive(500)
    lab.sleep(0.05)
    connection.close()
    _failed(lab, "tls.handshake_closed", "initiator")


# silence


@scenario("tls.handshake_timeout-silent-server", "The server never answers the ClientHello")
def silent(lab: Lab) -> None:
    """A server reads and says nothing; curl gives up after two seconds."""
    lab.upstream.serve(443, behaviours.silent())
    _curl(lab, "--connect-timeout", "2")
    lab.judge(
        lab.leg(lab.upstream, 443), "tls.handshake_timeout", "responder", ended_by=["initiator"]
    )


@scenario("tls.handshake_timeout-stopped-worker", "NGINX's worker hangs: the kernel acks, no more")
def stopped(lab: Lab) -> None:
    """NGINX's worker is stopped by a signal after one good request; curl waits two seconds."""
    process = nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "shop.example"), port=443)
    _curl(lab)
    workers = lab.upstream.run(["pgrep", "-P", str(process.popen.pid)]).split()
    lab.upstream.run(["kill", "-STOP", *workers])
    _curl(lab, "--connect-timeout", "2")
    lab.upstream.run(["kill", "-CONT", *workers])
    lab.healthy(lab.leg(lab.upstream, 443))
    lab.judge(
        lab.leg(lab.upstream, 443, 1),
        "tls.handshake_timeout",
        "responder",
        ended_by=["initiator"],
    )


@scenario(
    "tls.handshake_timeout-envoy",
    "The upstream never answers Envoy's ClientHello; Envoy's connect timeout ends it",
    path=PROXIED,
    points=_BOTH,
)
def silent_envoy(lab: Lab) -> None:
    """The upstream reads and says nothing; connect_timeout 1 s, 503."""
    lab.upstream.serve(443, behaviours.silent())
    _asks(lab)
    lab.judge(
        lab.leg(lab.upstream, 443), "tls.handshake_timeout", "responder", ended_by=["initiator"]
    )


@scenario(
    "tls.handshake_timeout-lost-hello",
    "The ClientHello vanishes on the path: repeated and never acked",
    bump="router-upstream",
)
def lost_hello(lab: Lab) -> None:
    """The bump drops every segment that holds a ClientHello for shop.example, as a filter does;
    curl gives up after three seconds. A ClientHello for other.example passes.
    """
    openssl.server(lab, lab.upstream, 443)
    _curl(lab, "-k", name="other.example")
    lab.bump.add(rules.drop(rules.Match(sni="shop.example")))
    _curl(lab, "--connect-timeout", "3")
    lab.healthy(lab.leg(lab.upstream, 443))
    lab.judge(
        lab.leg(lab.upstream, 443, 1),
        "tls.handshake_timeout",
        ["path", "unknown"],
        ended_by=["initiator", None],
    )
