"""Certificates that end soon, seen in handshakes that work."""

from __future__ import annotations

from failurelab import nginx, openssl
from failurelab.lab import Lab
from failurelab.registry import scenario

_FINDING = "tls.certificate_expiring"


def _serve(lab: Lab, port: int, days: int, since: int) -> None:
    """s_server with TLS 1.2, whose certificate is in clear, and two connections to it."""
    files = lab.authority.issue("shop.example", days=days, since=since)
    openssl.server(lab, lab.upstream, port, "-tls1_2", files=files)
    for _ in range(2):
        url = f"https://shop.example:{port}/"
        openssl.curl(lab, lab.client, "--resolve", f"shop.example:{port}:{lab.upstream.ip}", url)


@scenario(
    "tls.certificate_expiring-nine-days",
    "Handshakes work with a certificate that ends in nine days",
    points=("client",),
)
def nine_days(lab: Lab) -> None:
    """A certificate for 90 days of which 81 are over; TLS 1.2, two connections by curl."""
    _serve(lab, 8443, 90, -81)
    for nth in range(2):
        lab.healthy(lab.leg(lab.upstream, 8443, nth))
    lab.findings.expected = [_FINDING]


@scenario(
    "tls.certificate_expiring-inside-tls13",
    "The same inside of TLS 1.3, for whoever has the keys",
    points=("client",),
)
def inside(lab: Lab) -> None:
    """NGINX with TLS 1.3 and a certificate that ends in three days; the capture with the secrets
    inside shows it, the other one cannot.
    """
    files = lab.authority.issue("shop.example", days=60, since=-57)
    nginx.start(
        lab,
        lab.upstream,
        f"""server {{ listen 8443 ssl; ssl_protocols TLSv1.3;
        ssl_certificate {files.cert}; ssl_certificate_key {files.key};
        location / {{ return 200 "fine\\n"; }} }}""",
        port=8443,
    )
    resolve = f"shop.example:8443:{lab.upstream.ip}"
    openssl.curl(lab, lab.client, "--resolve", resolve, "https://shop.example:8443/")
    lab.with_keys("client")
    lab.healthy(lab.leg(lab.upstream, 8443))


@scenario(
    "healthy-certificates-not-ending",
    "Certificates with a month left, and one of a mesh that lives for a day",
    points=("client",),
)
def not_ending(lab: Lab) -> None:
    """TLS 1.2: one certificate ends in 30 days; one was just made for a day, as meshes do
    that renew them all the time.
    """
    _serve(lab, 8443, 90, -60)
    _serve(lab, 9443, 1, 0)
    lab.findings.forbidden = [_FINDING]
