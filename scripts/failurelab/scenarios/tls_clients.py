"""Servers that want a client certificate, and refuse who has none or a wrong one."""

from __future__ import annotations

from failurelab import envoy, haproxy, nginx, openssl
from failurelab.capture import Point
from failurelab.certs import Authority, Certificate
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted

_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))
_REQUIRED = "tls.client_certificate_required"
_HIDDEN = Accepted(["tls.certificate_rejected"])


def _envoy(lab: Lab, newest: str) -> None:
    """Envoy as a server that wants a client certificate."""
    files = lab.authority.issue("api.example")
    tls = envoy.downstream_tls(files, client_ca=lab.authority.cert, newest=newest)
    listener = envoy.http_listener(443, tls=tls)
    cluster = envoy.a_cluster("up", ("127.0.0.1", 9))
    envoy.start(lab, lab.upstream, [listener], [cluster], port=443)


def _haproxy(lab: Lab, more: str = "", newest: str = "TLSv1.3") -> None:
    """HAProxy as a server that wants a client certificate."""
    files = lab.authority.issue("api.example")
    wants = f"verify required ca-file {lab.authority.cert} ssl-max-ver {newest} {more}"
    body = f"""
frontend in
  bind :::443 v4v6 ssl crt {files.both} {wants}
  http-request return status 200
"""
    haproxy.start(lab, lab.upstream, body, port=443)


def _curl(lab: Lab, identity: Certificate | None = None) -> None:
    where = openssl.at((lab.upstream.ip, 443), "api.example")
    options = ["--cert", str(identity.cert), "--key", str(identity.key)] if identity else []
    openssl.curl(lab, lab.client, *options, *where, "https://api.example/")


def _refused(lab: Lab, code: str = _REQUIRED, at: dict[str, Accepted] | None = None) -> None:
    leg = lab.leg(lab.upstream, 443)
    lab.judge(leg, code, "responder", ended_by=["responder"], at=at)


def _asks(lab: Lab, tls: envoy.Json) -> None:
    envoy.simple(lab, (lab.upstream.ip, 443), up_tls=tls)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    cause = lab.leg(lab.upstream, 443)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)


@scenario("tls.client_certificate_required-envoy-tls12", "No client certificate, TLS 1.2: alert 40")
def envoy_12(lab: Lab) -> None:
    """Envoy requires a client certificate, curl has none."""
    _envoy(lab, "TLSv1_2")
    _curl(lab)
    _refused(lab)


@scenario(
    "tls.client_certificate_required-envoy-tls13",
    "No client certificate, TLS 1.3: the request is met by an encrypted alert",
    points=("client", "upstream"),
)
def envoy_13(lab: Lab) -> None:
    """Envoy requires a client certificate, curl has none."""
    _envoy(lab, "TLSv1_3")
    _curl(lab)
    lab.with_keys("client")
    _refused(lab)


@scenario("tls.client_certificate_required-s_server-tls12", "OpenSSL's server wants a certificate")
def s_server_12(lab: Lab) -> None:
    """s_server with -Verify and TLS 1.2; s_client has no certificate: alert 40."""
    openssl.server(lab, lab.upstream, 443, "-Verify", "1", "-tls1_2")
    openssl.client(lab, lab.client, (lab.upstream.ip, 443), "shop.example")
    _refused(lab)


@scenario(
    "tls.client_certificate_required-s_server-tls13",
    "OpenSSL's server wants a certificate, TLS 1.3: encrypted alert 116",
)
def s_server_13(lab: Lab) -> None:
    """s_server with -Verify; Python's client has no certificate and sends a request."""
    openssl.server(lab, lab.upstream, 443, "-Verify", "1")
    context = lab.authority.client_context()
    context.keylog_filename = str(lab.key_log)
    connection = lab.client.connect((lab.upstream.ip, 443))
    connection.tls(context, "shop.example")
    connection.send(b"GET / HTTP/1.0\r\n\r\n").receive_all()
    connection.close()
    lab.with_keys("client")
    _refused(lab)


@scenario(
    "tls.client_certificate_required-envoy-haproxy-tls13",
    "Envoy has no certificate for its upstream, TLS 1.3: 503 as if the connection had ended",
    path=PROXIED,
    points=_BOTH,
)
def chain_13(lab: Lab) -> None:
    """HAProxy requires a client certificate, Envoy's cluster has none."""
    _haproxy(lab)
    _asks(lab, envoy.upstream_tls("api.example", key_log=lab.key_log))
    lab.with_keys("proxy")
    _refused(lab)


@scenario(
    "tls.client_certificate_required-envoy-envoy-tls12",
    "Envoy has no certificate for an Envoy behind it, TLS 1.2: alert 40",
    path=PROXIED,
    points=_BOTH,
)
def chain_12(lab: Lab) -> None:
    """The upstream is an Envoy that requires a client certificate, the proxy's cluster has none."""
    _envoy(lab, "TLSv1_2")
    _asks(lab, envoy.upstream_tls("api.example", newest="TLSv1_2"))
    _refused(lab)


@scenario(
    "tls.certificate_untrusted-client-haproxy",
    "The server does not know the issuer of the client's certificate: its alert 48, TLS 1.2",
)
def client_untrusted(lab: Lab) -> None:
    """HAProxy requires a certificate of the lab's authority, curl has one of another."""
    _haproxy(lab, newest="TLSv1.2")
    _curl(lab, Authority(lab.directory, "Partner Root").issue("robot.example", client=True))
    _refused(lab, "tls.certificate_untrusted")


@scenario(
    "tls.certificate_untrusted-client-envoy-tls13",
    "The server does not know the issuer of the client's certificate: encrypted alert, TLS 1.3",
)
def client_untrusted_13(lab: Lab) -> None:
    """Envoy requires a certificate of the lab's authority, curl has one of another."""
    _envoy(lab, "TLSv1_3")
    _curl(lab, Authority(lab.directory, "Partner Root").issue("robot.example", client=True))
    lab.with_keys("client")
    _refused(lab, "tls.certificate_untrusted", {"client": _HIDDEN})


@scenario("tls.certificate_expired-client-haproxy", "The client's certificate expired: alert 45")
def client_expired(lab: Lab) -> None:
    """HAProxy requires a certificate, curl's expired a month ago; TLS 1.2."""
    _haproxy(lab, newest="TLSv1.2")
    _curl(lab, lab.authority.issue("robot.example", client=True, since=-90, days=60))
    _refused(lab, "tls.certificate_expired")


@scenario("tls.certificate_rejected-client-revoked", "The client's certificate was revoked")
def client_revoked(lab: Lab) -> None:
    """HAProxy has a revocation list with curl's certificate: alert 44, TLS 1.2."""
    identity = lab.authority.issue("robot.example", client=True)
    revoked = lab.authority.revocation_list(identity)
    _haproxy(lab, f"crl-file {revoked}", newest="TLSv1.2")
    _curl(lab, identity)
    _refused(lab, "tls.certificate_rejected")


@scenario(
    "healthy-nginx-no-client-certificate",
    "NGINX answers a missing client certificate with HTTP 400: no TLS failure",
    layers=("tls", "http"),
)
def nginx_400(lab: Lab) -> None:
    """NGINX with ssl_verify_client on; curl has no certificate; TLS 1.3."""
    more = f"ssl_protocols TLSv1.3; ssl_verify_client on; ssl_client_certificate {_ca(lab)};"
    text = nginx.tls_server(lab, 443, "api.example", more=more)
    nginx.start(lab, lab.upstream, text, port=443)
    _curl(lab)
    lab.with_keys("client")
    lab.healthy(lab.leg(lab.upstream, 443))


def _ca(lab: Lab) -> str:
    return str(lab.authority.cert)


@scenario(
    "healthy-mutual-tls13",
    "A client certificate that is accepted, TLS 1.3",
    path=PROXIED,
    points=_BOTH,
    layers=("tls",),
)
def mutual(lab: Lab) -> None:
    """HAProxy requires a client certificate and Envoy's cluster has a good one."""
    _haproxy(lab)
    identity = lab.authority.issue("proxy.example", client=True)
    tls = envoy.upstream_tls("api.example", identity=identity, trust=lab.authority.cert)
    envoy.simple(lab, (lab.upstream.ip, 443), up_tls=tls)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/", f"http://{lab.proxy.ip}:8080/")
    lab.healthy(lab.leg(lab.upstream, 443))
    lab.healthy(lab.leg(lab.proxy, 8080))
