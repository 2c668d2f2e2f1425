"""Server certificates that the client does not accept."""

from __future__ import annotations

import ssl

from failurelab import envoy, haproxy, nginx, openssl, rules
from failurelab.capture import Point
from failurelab.certs import Authority, Certificate
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.programs import java, nss
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted

_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))
_HIDDEN = Accepted(["tls.certificate_rejected"])


def _nginx(lab: Lab, files: Certificate, more: str = "") -> None:
    text = f"""
    server {{
      listen 443 ssl;
      ssl_certificate {files.cert}; ssl_certificate_key {files.key};
      {more}
      location / {{ return 200 "fine\\n"; }}
    }}"""
    nginx.start(lab, lab.upstream, text, port=443)


def _curl(lab: Lab, name: str, *options: str) -> None:
    where = openssl.at((lab.upstream.ip, 443), name)
    openssl.curl(lab, lab.client, *options, *where, f"https://{name}/")


def _python(lab: Lab, name: str, port: int = 443) -> Connection:
    context = lab.authority.client_context()
    context.keylog_filename = str(lab.key_log)
    connection = lab.client.connect((lab.upstream.ip, port))
    connection.tls(context, name).close()
    return connection


def _refused_by_client(lab: Lab, code: str) -> None:
    lab.judge(lab.leg(lab.upstream, 443), code, "initiator", ended_by=["initiator"])


def _envoy(lab: Lab, code: str, tls: envoy.Json, hidden: bool = False) -> None:
    envoy.simple(lab, (lab.upstream.ip, 443), up_tls=tls)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    cause = lab.leg(lab.upstream, 443)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    there = {"proxy": _HIDDEN, "proxy-upstream": _HIDDEN} if hidden else {}
    if hidden:
        lab.with_keys("proxy")
    lab.judge(cause, code, "initiator", ended_by=["initiator"], at=there)


# issuer


@scenario("tls.certificate_untrusted-curl-tls12", "curl does not know the issuer: alert 48")
def untrusted_curl(lab: Lab) -> None:
    """curl with the system's authorities asks NGINX, whose certificate the lab issued; TLS 1.2."""
    _nginx(lab, lab.authority.issue("shop.example"))
    where = openssl.at((lab.upstream.ip, 443), "shop.example")
    lab.used("curl")
    lab.client.curl(*where, "https://shop.example/")
    _refused_by_client(lab, "tls.certificate_untrusted")


@scenario(
    "tls.certificate_untrusted-curl-tls13",
    "The same by TLS 1.3: OpenSSL's alert 48 is in the clear although the certificate is not",
    points=("client", "upstream"),
)
def untrusted_curl_13(lab: Lab) -> None:
    """curl with the system's authorities asks HAProxy, TLS 1.3."""
    files = lab.authority.issue("shop.example")
    body = f"""
frontend in
  bind :::443 v4v6 ssl crt {files.both}
  http-request return status 200
"""
    haproxy.start(lab, lab.upstream, body, port=443)
    lab.used("curl")
    lab.client.curl(*openssl.at((lab.upstream.ip, 443), "shop.example"), "https://shop.example/")
    _refused_by_client(lab, "tls.certificate_untrusted")


@scenario(
    "tls.certificate_untrusted-envoy-tls12",
    "Envoy does not know the upstream's issuer and answers 503",
    path=PROXIED,
    points=_BOTH,
)
def untrusted_envoy(lab: Lab) -> None:
    """Envoy's cluster trusts another authority than the one that issued NGINX's certificate."""
    _nginx(lab, lab.authority.issue("api.example"))
    other = Authority(lab.directory, "Other Root")
    tls = envoy.upstream_tls("api.example", trust=other.cert, newest="TLSv1_2")
    _envoy(lab, "tls.certificate_untrusted", tls)


@scenario(
    "tls.certificate_untrusted-envoy-tls13",
    "The same by TLS 1.3, where Envoy's alert is encrypted",
    path=PROXIED,
    points=_BOTH,
)
def untrusted_envoy_13(lab: Lab) -> None:
    """As with TLS 1.2, the upstream being s_server."""
    openssl.server(lab, lab.upstream, 443, files=lab.authority.issue("api.example"))
    other = Authority(lab.directory, "Other Root")
    tls = envoy.upstream_tls("api.example", trust=other.cert, key_log=lab.key_log)
    _envoy(lab, "tls.certificate_untrusted", tls, hidden=True)


@scenario("tls.certificate_untrusted-java", "Java does not know the issuer: its alert is 46")
def untrusted_java(lab: Lab) -> None:
    """A Java client with Java's own authorities asks NGINX by TLS 1.2."""
    _nginx(lab, lab.authority.issue("shop.example"))
    java.tls_client(lab, lab.client, (lab.upstream.ip, 443), "shop.example", "TLSv1.2")
    lab.judge(
        lab.leg(lab.upstream, 443),
        ["tls.certificate_rejected", "tls.certificate_untrusted"],
        "initiator",
        ended_by=["initiator"],
    )


# dates


@scenario("tls.certificate_expired-curl", "The server's certificate expired ten days ago")
def expired_curl(lab: Lab) -> None:
    """NGINX has an expired certificate, curl trusts its issuer: alert 45, TLS 1.2."""
    _nginx(lab, lab.authority.issue("shop.example", since=-100, days=90))
    _curl(lab, "shop.example")
    _refused_by_client(lab, "tls.certificate_expired")


@scenario(
    "tls.certificate_expired-python-tls13",
    "Expired certificate by TLS 1.3: alert 45 in the clear",
    family=6,
)
def expired_python(lab: Lab) -> None:
    """s_server has a certificate that expired yesterday, Python's client refuses it; IPv6."""
    files = lab.authority.issue("shop.example", since=-31, days=30)
    openssl.server(lab, lab.upstream, 443, files=files)
    connection = _python(lab, "shop.example")
    lab.judge(connection, "tls.certificate_expired", "initiator", ended_by=["initiator"])


@scenario(
    "tls.certificate_expired-envoy",
    "The upstream's certificate expired, and Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
)
def expired_envoy(lab: Lab) -> None:
    """Envoy verifies NGINX's certificate, which expired yesterday; TLS 1.2."""
    _nginx(lab, lab.authority.issue("api.example", since=-31, days=30))
    tls = envoy.upstream_tls("api.example", trust=lab.authority.cert, newest="TLSv1_2")
    _envoy(lab, "tls.certificate_expired", tls)


@scenario("tls.certificate_expired-not-yet-valid", "A certificate that begins tomorrow: alert 42")
def not_yet_valid(lab: Lab) -> None:
    """NGINX's certificate is valid from tomorrow on; Python's client sends alert 42; TLS 1.2."""
    _nginx(lab, lab.authority.issue("shop.example", since=1))
    connection = _python(lab, "shop.example")
    lab.judge(connection, "tls.certificate_expired", "initiator", ended_by=["initiator"])


@scenario(
    "tls.certificate_expired-not-yet-valid-tls13",
    "The same by TLS 1.3: alert 42 says no more than that the certificate was rejected",
)
def not_yet_valid_13(lab: Lab) -> None:
    """s_server's certificate is valid from tomorrow on; Python's client sends alert 42."""
    openssl.server(lab, lab.upstream, 443, files=lab.authority.issue("shop.example", since=1))
    connection = _python(lab, "shop.example")
    lab.with_keys("client")
    lab.judge(
        connection,
        "tls.certificate_expired",
        "initiator",
        ended_by=["initiator"],
        at={"client": _HIDDEN},
    )


# names


@scenario("tls.certificate_name_mismatch-python", "The certificate is for another name: alert 42")
def name_python(lab: Lab) -> None:
    """Python's client asks NGINX for shop.example and gets a certificate for www.shop.example
    and mail.shop.example; TLS 1.2.
    """
    _nginx(lab, lab.authority.issue("www.shop.example", "mail.shop.example"))
    connection = _python(lab, "shop.example")
    lab.judge(connection, "tls.certificate_name_mismatch", "initiator", ended_by=["initiator"])


@scenario(
    "tls.certificate_name_mismatch-python-tls13",
    "The same by TLS 1.3: only with the keys can the names be compared",
)
def name_python_13(lab: Lab) -> None:
    """Python's client and s_server."""
    files = lab.authority.issue("*.shop.example")
    openssl.server(lab, lab.upstream, 443, files=files)
    connection = _python(lab, "shop.example")
    lab.with_keys("client")
    lab.judge(
        connection,
        "tls.certificate_name_mismatch",
        "initiator",
        ended_by=["initiator"],
        at={"client": _HIDDEN},
    )


@scenario(
    "tls.certificate_name_mismatch-envoy",
    "Envoy wants another name in the upstream's certificate: alert 46",
    path=PROXIED,
    points=_BOTH,
)
def name_envoy(lab: Lab) -> None:
    """Envoy asks for api.example and wants it in the certificate; NGINX has one for old.example;
    TLS 1.2.
    """
    _nginx(lab, lab.authority.issue("old.example"))
    tls = envoy.upstream_tls(
        "api.example", trust=lab.authority.cert, san="api.example", newest="TLSv1_2"
    )
    _envoy(lab, "tls.certificate_name_mismatch", tls)


@scenario(
    "tls.certificate_name_mismatch-curl",
    "curl finishes the handshake, compares the names and leaves without an alert",
)
def name_curl(lab: Lab) -> None:
    """curl asks NGINX for pay.example and gets a certificate for shop.example; TLS 1.2."""
    _nginx(lab, lab.authority.issue("shop.example"))
    _curl(lab, "pay.example")
    _refused_by_client(lab, "tls.certificate_name_mismatch")


@scenario(
    "tls.certificate_name_mismatch-curl-tls13",
    "The same by TLS 1.3: without keys a client that connects and leaves",
    points=(Point("client", can_tell=False),),
)
def name_curl_13(lab: Lab) -> None:
    """curl and s_server by TLS 1.3."""
    openssl.server(lab, lab.upstream, 443, files=lab.authority.issue("shop.example"))
    _curl(lab, "pay.example")
    lab.with_keys("client")
    _refused_by_client(lab, "tls.certificate_name_mismatch")


# anything else


@scenario("tls.certificate_rejected-purpose", "A client certificate in a server's place: alert 43")
def purpose(lab: Lab) -> None:
    """NGINX has a certificate for client authentication only; curl refuses it; TLS 1.2."""
    _nginx(lab, lab.authority.issue("shop.example", client=True))
    _curl(lab, "shop.example")
    _refused_by_client(lab, "tls.certificate_rejected")


@scenario("tls.certificate_rejected-revoked", "The server's certificate was revoked: alert 44")
def revoked(lab: Lab) -> None:
    """Python's client checks a revocation list that holds s_server's certificate; TLS 1.3."""
    files = lab.authority.issue("shop.example")
    openssl.server(lab, lab.upstream, 443, files=files)
    context = lab.authority.client_context()
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.load_verify_locations(lab.authority.revocation_list(files))
    connection = lab.client.connect((lab.upstream.ip, 443))
    connection.tls(context, "shop.example").close()
    lab.judge(connection, "tls.certificate_rejected", "initiator", ended_by=["initiator"])


@scenario(
    "tls.certificate_rejected-java-tls13",
    "Java's encrypted alert right after the server's certificate",
)
def java_13(lab: Lab) -> None:
    """A Java client with Java's own authorities asks s_server by TLS 1.3."""
    openssl.server(lab, lab.upstream, 443)
    java.tls_client(lab, lab.client, (lab.upstream.ip, 443), "shop.example", "TLSv1.3")
    _refused_by_client(lab, "tls.certificate_rejected")


@scenario(
    "tls.certificate_rejected-nss-tls12",
    "NSS's alert behind its own Finished, before the server's: encrypted already in TLS 1.2",
    bump="router-upstream",
    kept_apart=False,
)
def nss_12(lab: Lab) -> None:
    """tstclnt, which trusts nobody, asks s_server by TLS 1.2 over a path of 30 ms."""
    lab.bump.add(rules.delay(rules.Match(direction="back"), 0.03))
    openssl.server(lab, lab.upstream, 443, "-tls1_2")
    nss.tls_client(lab, lab.client, (lab.upstream.ip, 443), "shop.example", "tls1.2")
    _refused_by_client(lab, "tls.certificate_rejected")


@scenario(
    "tls.certificate_rejected-envoy-tls13-expired",
    "Envoy's encrypted alert, TLS 1.3: what was wrong is seen with the keys only",
    path=PROXIED,
    points=_BOTH,
)
def envoy_13_expired(lab: Lab) -> None:
    """HAProxy's certificate expired; Envoy verifies it by TLS 1.3."""
    files = lab.authority.issue("api.example", since=-60, days=50)
    body = f"""
frontend in
  bind :::443 v4v6 ssl crt {files.both}
  http-request return status 200
"""
    haproxy.start(lab, lab.upstream, body, port=443)
    tls = envoy.upstream_tls("api.example", trust=lab.authority.cert, key_log=lab.key_log)
    _envoy(lab, "tls.certificate_expired", tls, hidden=True)
