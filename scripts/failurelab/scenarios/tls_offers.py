"""TLS ends that share no ALPN protocol, server name, version or cipher."""

from __future__ import annotations

import ssl

from failurelab import behaviours, envoy, haproxy, nginx, openssl
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import node, python
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted

_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))


def _reply(lab: Lab, upstream_port: int, code: str, side: str = "responder") -> None:
    """The upstream leg failed so; the client's leg carries the proxy's own answer."""
    cause = lab.leg(lab.upstream, upstream_port)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, code, side, ended_by=[side])


# ALPN


@scenario("tls.alpn_mismatch-s_server", "The client speaks h2 only, the server HTTP/1.1 only")
def alpn_s_server(lab: Lab) -> None:
    """s_client offers ALPN h2 by TLS 1.2 to an s_server that was given http/1.1: alert 120."""
    openssl.server(lab, lab.upstream, 8443, "-alpn", "http/1.1")
    address = (lab.upstream.ip, 8443)
    openssl.client(lab, lab.client, address, "shop.example", "-alpn", "h2", "-tls1_2")
    lab.judge(lab.leg(*address), "tls.alpn_mismatch", "responder", ended_by=["responder"])


@scenario("tls.alpn_mismatch-node-h2-only", "An HTTP/1.1 client at a server that has h2 only")
def alpn_node(lab: Lab) -> None:
    """curl offers ALPN http/1.1 to node's http2 server without allowHTTP1: alert 120."""
    node.http2_secure(lab, lab.upstream, 443, "shop.example")
    where = openssl.at((lab.upstream.ip, 443), "shop.example")
    openssl.curl(lab, lab.client, "--http1.1", *where, "https://shop.example/")
    lab.judge(lab.leg(lab.upstream, 443), "tls.alpn_mismatch", "responder")


@scenario(
    "tls.alpn_mismatch-envoy-nginx",
    "Envoy's h2 cluster meets a server without h2: alert 120, and Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
)
def alpn_envoy_nginx(lab: Lab) -> None:
    """Envoy offers h2 only to an NGINX without http2, by TLS 1.2; curl asks Envoy."""
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "api.example"), port=443)
    tls = envoy.upstream_tls("api.example", alpn=("h2",), newest="TLSv1_2")
    envoy.simple(lab, (lab.upstream.ip, 443), h2=True, up_tls=tls)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    _reply(lab, 443, "tls.alpn_mismatch")


@scenario(
    "tls.alpn_mismatch-envoy-ignored",
    "The upstream ignores ALPN and speaks HTTP/1 when HTTP/2 was offered alone",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream")),
)
def alpn_ignored(lab: Lab) -> None:
    """Envoy offers h2 only, by TLS 1.2, to Python's http.server, which knows no ALPN: the
    handshake completes without a protocol, the HTTP/2 preface gets an HTML page. Envoy gives 502.
    """
    python.https_server(lab, lab.upstream, 443, "api.example")
    tls = envoy.upstream_tls("api.example", alpn=("h2",), newest="TLSv1_2", key_log=lab.key_log)
    envoy.simple(lab, (lab.upstream.ip, 443), h2=True, up_tls=tls)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    cause = lab.leg(lab.upstream, 443)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.with_keys("proxy")
    there = {
        "proxy-keys": Accepted(["tls.alpn_mismatch", "protocol.http2_to_http1"]),
        "proxy-upstream": Accepted(["tls.alpn_mismatch", "ok"]),
    }
    lab.judge(cause, "tls.alpn_mismatch", ["responder", "initiator"], at=there)


# server names


@scenario("tls.sni_rejected-nginx", "A name that NGINX rejects: alert 112")
def sni_nginx(lab: Lab) -> None:
    """NGINX knows shop.example and rejects other names (ssl_reject_handshake). curl asks for
    shop.example and for www.shop.example, by TLS 1.3.
    """
    known = nginx.tls_server(lab, 443, "shop.example")
    other = "server { listen 443 ssl default_server; ssl_reject_handshake on; }"
    nginx.start(lab, lab.upstream, known + other, port=443)
    address = (lab.upstream.ip, 443)
    for name in ("shop.example", "www.shop.example"):
        where = openssl.at(address, name)
        openssl.curl(lab, lab.client, *where, f"https://{name}/")
    lab.healthy(lab.leg(*address))
    lab.judge(lab.leg(*address, 1), "tls.sni_rejected", "responder", ended_by=["responder"])


@scenario("tls.sni_rejected-s_server", "A name that OpenSSL's server rejects: alert 112, TLS 1.2")
def sni_s_server(lab: Lab) -> None:
    """s_server with -servername_fatal wants api.example; s_client names old.example."""
    second = lab.authority.issue("api.example")
    options = ["-servername", "api.example", "-servername_fatal"]
    options += ["-cert2", str(second.cert), "-key2", str(second.key)]
    openssl.server(lab, lab.upstream, 443, *options)
    address = (lab.upstream.ip, 443)
    openssl.client(lab, lab.client, address, "old.example", "-tls1_2")
    lab.judge(lab.leg(*address), "tls.sni_rejected", "responder", ended_by=["responder"])


@scenario(
    "tls.sni_rejected-envoy-filter-chain",
    "Envoy has no filter chain for the name: RST right after the ClientHello",
)
def sni_envoy(lab: Lab) -> None:
    """Envoy has a filter chain for shop.example only. curl asks twice for shop.example, which
    works, and twice for api.example: RST without an alert.
    """
    files = lab.authority.issue("shop.example", "api.example")
    backend = lab.upstream.serve(9000, behaviours.answer(), ip="127.0.0.1")
    listener = envoy.http_listener(443, tls=envoy.downstream_tls(files))
    listener["filter_chains"][0]["filter_chain_match"] = {"server_names": ["shop.example"]}
    inspector = "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3"
    listener["listener_filters"] = [
        {"name": "tls", "typed_config": {"@type": f"{inspector}.TlsInspector"}}
    ]
    envoy.start(lab, lab.upstream, [listener], [envoy.a_cluster("up", backend.address)], port=443)
    address = (lab.upstream.ip, 443)
    for name in ("shop.example", "api.example", "shop.example", "api.example"):
        openssl.curl(lab, lab.client, *openssl.at(address, name), f"https://{name}/")
    for nth in (0, 2):
        lab.healthy(lab.leg(*address, nth))
        lab.judge(
            lab.leg(*address, nth + 1), "tls.sni_rejected", "responder", ended_by=["responder"]
        )


@scenario("tls.sni_rejected-haproxy-strict", "HAProxy with strict-sni does not know the name")
def sni_haproxy(lab: Lab) -> None:
    """HAProxy binds with strict-sni and a certificate for shop.example; curl asks for
    pay.example by TLS 1.3.
    """
    files = lab.authority.issue("shop.example")
    body = f"""
frontend in
  bind :::443 v4v6 ssl crt {files.both} strict-sni
  http-request return status 200
"""
    haproxy.start(lab, lab.upstream, body, port=443)
    address = (lab.upstream.ip, 443)
    openssl.curl(lab, lab.client, *openssl.at(address, "pay.example"), "https://pay.example/")
    lab.judge(lab.leg(*address), "tls.sni_rejected", "responder", ended_by=["responder"])


@scenario(
    "tls.sni_rejected-envoy-nginx",
    "Envoy's cluster sends a name that the upstream rejects, and Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
)
def sni_envoy_nginx(lab: Lab) -> None:
    """Envoy asks NGINX for v2.internal.example, NGINX knows api.internal.example only."""
    known = nginx.tls_server(lab, 443, "api.internal.example")
    other = "server { listen 443 ssl default_server; ssl_reject_handshake on; }"
    nginx.start(lab, lab.upstream, known + other, port=443)
    envoy.simple(lab, (lab.upstream.ip, 443), up_tls=envoy.upstream_tls("v2.internal.example"))
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    _reply(lab, 443, "tls.sni_rejected")


# versions


@scenario("tls.version_mismatch-nginx", "A TLS 1.2 client at a server that has TLS 1.3 only")
def version_nginx(lab: Lab) -> None:
    """NGINX with ssl_protocols TLSv1.3; curl with --tls-max 1.2: alert 70."""
    text = nginx.tls_server(lab, 443, "shop.example", more="ssl_protocols TLSv1.3;")
    nginx.start(lab, lab.upstream, text, port=443)
    address = (lab.upstream.ip, 443)
    where = openssl.at(address, "shop.example")
    openssl.curl(lab, lab.client, "--tls-max", "1.2", *where, "https://shop.example/")
    lab.judge(lab.leg(*address), "tls.version_mismatch", "responder", ended_by=["responder"])


@scenario("tls.version_mismatch-client-refuses", "The client refuses the server's TLS 1.1")
def version_client(lab: Lab) -> None:
    """s_server speaks TLS 1.1 at most and chooses it; s_client wants TLS 1.2: its alert 70."""
    openssl.server(lab, lab.upstream, 443, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    address = (lab.upstream.ip, 443)
    openssl.client(lab, lab.client, address, "shop.example", "-tls1_2")
    lab.judge(lab.leg(*address), "tls.version_mismatch", "initiator", ended_by=["initiator"])


@scenario("tls.version_mismatch-fallback", "A client fell back to TLS 1.2 without need: alert 86")
def version_fallback(lab: Lab) -> None:
    """s_client offers TLS 1.2 with the fallback signal to an s_server that has TLS 1.3."""
    openssl.server(lab, lab.upstream, 443)
    address = (lab.upstream.ip, 443)
    openssl.client(lab, lab.client, address, "shop.example", "-tls1_2", "-fallback_scsv")
    lab.judge(lab.leg(*address), "tls.version_mismatch", "responder", ended_by=["responder"])


@scenario(
    "tls.version_mismatch-envoy-haproxy",
    "Envoy wants TLS 1.3, the upstream has TLS 1.2 only",
    path=PROXIED,
    points=_BOTH,
)
def version_envoy(lab: Lab) -> None:
    """Envoy's cluster has TLS 1.3 as minimum, HAProxy's bind ssl-max-ver TLSv1.2: alert 70."""
    files = lab.authority.issue("api.example")
    body = f"""
frontend in
  bind :::443 v4v6 ssl crt {files.both} ssl-max-ver TLSv1.2
  http-request return status 200
"""
    haproxy.start(lab, lab.upstream, body, port=443)
    tls = envoy.upstream_tls("api.example", parameters={"tls_minimum_protocol_version": "TLSv1_3"})
    envoy.simple(lab, (lab.upstream.ip, 443), up_tls=tls)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    _reply(lab, 443, "tls.version_mismatch")


@scenario("tls.version_mismatch-envoy-listener", "A TLS 1.3 client at an Envoy that has TLS 1.2")
def version_listener(lab: Lab) -> None:
    """Envoy's listener allows TLS 1.2 at most; Python's client wants TLS 1.3: alert 70."""
    files = lab.authority.issue("shop.example")
    tls = envoy.downstream_tls(files, newest="TLSv1_2")
    listener = envoy.http_listener(443, tls=tls)
    envoy.start(lab, lab.upstream, [listener], [envoy.a_cluster("up", ("127.0.0.1", 9))], port=443)
    context = lab.authority.client_context()
    context.minimum_version = context.maximum_version
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    connection = lab.client.connect((lab.upstream.ip, 443))
    connection.tls(context, "shop.example").close()
    lab.judge(connection, "tls.version_mismatch", "responder", ended_by=["responder"])


# ciphers, groups, signatures


@scenario("tls.no_shared_cipher-tls12", "TLS 1.2 ends without a common cipher suite: alert 40")
def cipher_tls12(lab: Lab) -> None:
    """s_server has ECDHE-ECDSA-AES256-GCM-SHA384 only; s_client offers two CHACHA20 suites."""
    one = ("-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384", "-tls1_2")
    openssl.server(lab, lab.upstream, 443, *one)
    address = (lab.upstream.ip, 443)
    offer = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    openssl.client(lab, lab.client, address, "shop.example", "-tls1_2", "-cipher", offer)
    lab.judge(lab.leg(*address), "tls.no_shared_cipher", "responder", ended_by=["responder"])


@scenario("tls.no_shared_cipher-tls13-nginx", "TLS 1.3 ends without a common cipher suite")
def cipher_tls13(lab: Lab) -> None:
    """NGINX has TLS_AES_256_GCM_SHA384 only, curl offers TLS_AES_128_GCM_SHA256 only."""
    more = "ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;"
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "shop.example", more=more), port=443)
    address = (lab.upstream.ip, 443)
    offer = ("--tlsv1.3", "--tls13-ciphers", "TLS_AES_128_GCM_SHA256")
    where = openssl.at(address, "shop.example")
    openssl.curl(lab, lab.client, *offer, *where, "https://shop.example/")
    lab.judge(lab.leg(*address), "tls.no_shared_cipher", "responder", ended_by=["responder"])


@scenario("tls.no_shared_cipher-groups", "TLS 1.3 ends without a common group: alert 40")
def groups(lab: Lab) -> None:
    """s_server has P-521 only, s_client X25519 only."""
    openssl.server(lab, lab.upstream, 443, "-groups", "P-521")
    address = (lab.upstream.ip, 443)
    options = ("-groups", "X25519", "-tls1_3")
    openssl.client(lab, lab.client, address, "shop.example", *options)
    lab.judge(lab.leg(*address), "tls.no_shared_cipher", "responder", ended_by=["responder"])


@scenario("tls.no_shared_cipher-signature", "The server's key fits none of the offered signatures")
def signatures(lab: Lab) -> None:
    """s_server has an ECDSA certificate; s_client accepts RSA-PSS signatures only, by TLS 1.3."""
    openssl.server(lab, lab.upstream, 443)
    address = (lab.upstream.ip, 443)
    options = ("-sigalgs", "rsa_pss_rsae_sha256", "-tls1_3")
    openssl.client(lab, lab.client, address, "shop.example", *options)
    lab.judge(
        lab.leg(*address),
        ["tls.no_shared_cipher", "tls.alert"],
        "responder",
        ended_by=["responder"],
    )


@scenario(
    "tls.no_shared_cipher-envoy-haproxy",
    "Envoy offers one cipher suite, the upstream has another",
    path=PROXIED,
    points=_BOTH,
)
def cipher_envoy(lab: Lab) -> None:
    """Envoy's cluster has ECDHE-ECDSA-AES128-GCM-SHA256 by TLS 1.2, HAProxy the 256-bit one."""
    files = lab.authority.issue("api.example")
    body = f"""
frontend in
  bind :::443 v4v6 ssl crt {files.both} ciphers ECDHE-ECDSA-AES256-GCM-SHA384
  http-request return status 200
"""
    haproxy.start(lab, lab.upstream, body, port=443)
    tls = envoy.upstream_tls(
        "api.example",
        newest="TLSv1_2",
        parameters={"cipher_suites": ["ECDHE-ECDSA-AES128-GCM-SHA256"]},
    )
    envoy.simple(lab, (lab.upstream.ip, 443), up_tls=tls)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    _reply(lab, 443, "tls.no_shared_cipher")
