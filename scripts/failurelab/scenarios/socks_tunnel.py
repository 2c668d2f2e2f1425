"""What lies in a SOCKS tunnel: HTTP, TLS and HTTP/2, good and bad."""

from __future__ import annotations

from failurelab import behaviours, nginx, openssl
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import caches, nghttp2, socks
from failurelab.registry import PROXIED, scenario

POINTS = (Point("client"), Point("proxy", "any"))
PORT = 1080
VERSIONS = ("socks4", "socks5")


def _by(lab: Lab, version: str) -> tuple[str, str]:
    return "-x", f"{version}://{lab.proxy.ip}:{PORT}"


@scenario(
    "healthy-socks",
    "HTTP/1, TLS and HTTP/2 by way of SOCKS4 and SOCKS5",
    path=PROXIED,
    points=POINTS,
    layers=("socks", "tls", "http2"),
)
def healthy(lab: Lab) -> None:
    """curl asks three servers by way of Dante, with each of the versions."""
    lab.upstream.serve(8080, behaviours.answer())
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "shop.example"), port=443)
    nghttp2.server(lab, lab.upstream, 8082)
    socks.dante(lab, lab.proxy, PORT)
    host = lab.upstream.ip
    for version in VERSIONS:
        lab.client.curl(*_by(lab, version), f"http://{host}:8080/")
        openssl.curl(lab, lab.client, "-k", *_by(lab, version), f"https://{host}/")
        by = _by(lab, version)
        lab.client.curl("--http2-prior-knowledge", *by, f"http://{host}:8082/")
    lab.sleep(0.5)
    for nth in range(3 * len(VERSIONS)):
        lab.healthy(lab.leg(lab.proxy, PORT, nth))
    for port in (8080, 443, 8082):
        for nth in range(len(VERSIONS)):
            lab.healthy(lab.leg(lab.upstream, port, nth))


@scenario(
    "tls.certificate_untrusted-socks",
    "By way of SOCKS: the client does not know the issuer",
    path=PROXIED,
    points=POINTS,
    layers=("tls", "socks"),
)
def untrusted(lab: Lab) -> None:
    """curl verifies against the system's authorities, and Dante passes its alert on."""
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "shop.example"), port=443)
    socks.dante(lab, lab.proxy, PORT)
    for version in VERSIONS:
        lab.client.curl(*_by(lab, version), f"https://{lab.upstream.ip}/")
    lab.sleep(0.5)
    for nth in range(len(VERSIONS)):
        for leg in (lab.leg(lab.proxy, PORT, nth), lab.leg(lab.upstream, 443, nth)):
            lab.judge(leg, "tls.certificate_untrusted", "initiator")


@scenario(
    "http.local_reply-socks",
    "By way of SOCKS: Apache httpd says 502, for its upstream did not answer",
    path=PROXIED,
    points=POINTS,
    layers=("http", "socks"),
)
def bad_gateway(lab: Lab) -> None:
    """Dante takes curl to an Apache httpd, whose upstream on the same host says nothing."""
    lab.upstream.serve(8081, behaviours.silent())
    caches.apache(lab, lab.upstream, 8080, lab.upstream.ip, 8081)
    socks.dante(lab, lab.proxy, PORT)
    for version in VERSIONS:
        lab.client.curl(*_by(lab, version), f"http://{lab.upstream.ip}:8080/")
    lab.sleep(0.5)
    for nth in range(len(VERSIONS)):
        lab.judge(lab.leg(lab.proxy, PORT, nth), "http.local_reply", "responder")
        behind = lab.leg(lab.upstream, 8080, nth)
        lab.judge(behind, "http.local_reply", "responder", party=["upstream", "proxy"])
