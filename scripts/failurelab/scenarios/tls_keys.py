"""Healthy TLS of every kind of cipher suite, with the secrets: what a key log must open."""

from __future__ import annotations

from collections.abc import Sequence

from failurelab import nginx, openssl
from failurelab.lab import Lab
from failurelab.registry import scenario

NAME = "shop.example"
PORT = 8443
REQUEST = f"GET /stock HTTP/1.1\\r\\nHost: {NAME}\\r\\n\\r\\n"
EVERYTHING = """
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_ciphers ALL:eNULL:@SECLEVEL=0;
    ssl_conf_command Ciphersuites
      TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256;"""
"""NGINX takes whatever OpenSSL has."""


def _serve(lab: Lab, port: int = PORT, more: str = "") -> None:
    server = nginx.tls_server(lab, port, NAME, more=EVERYTHING + more)
    nginx.start(lab, lab.upstream, server, port=port)


def _ask(lab: Lab, *options: str, more: Sequence[str] = (REQUEST,)) -> None:
    """One connection: two requests, one after the other, and the answers."""
    address = (lab.upstream.ip, PORT)
    said = openssl.client(
        lab, lab.client, address, NAME, *options, request=REQUEST, more=more, stay=0.2
    )
    if "fine" not in said:
        raise RuntimeError(said)


def _judge(lab: Lab, count: int) -> None:
    lab.sleep(0.1)
    for nth in range(count):
        lab.healthy(lab.leg(lab.upstream, PORT, nth))


def _with_suites(lab: Lab, version: str, *suites: str) -> None:
    _serve(lab)
    option = "-ciphersuites" if version == "-tls1_3" else "-cipher"
    for suite in suites:
        name, *more = suite.split()
        if option == "-cipher":
            name += ":@SECLEVEL=0"
        _ask(lab, version, option, name, *more)
    _judge(lab, len(suites))


@scenario(
    "healthy-decrypt-tls13-suites",
    "TLS 1.3 with each of its cipher suites, and the secrets",
    layers=("tls", "http"),
)
def tls13_suites(lab: Lab) -> None:
    """s_client asks NGINX twice on each of five connections, one for each cipher suite."""
    _with_suites(
        lab,
        "-tls1_3",
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
    )


@scenario(
    "healthy-decrypt-tls12-aead",
    "TLS 1.2 with GCM, ChaCha20-Poly1305, CCM and CCM_8, and the secrets",
    layers=("tls", "http"),
)
def tls12_aead(lab: Lab) -> None:
    """s_client asks NGINX twice on each of four connections, one for each cipher suite."""
    _with_suites(
        lab,
        "-tls1_2",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-CCM",
        "ECDHE-ECDSA-AES256-CCM8",
    )


@scenario(
    "healthy-decrypt-tls12-cbc",
    "TLS 1.2 with CBC, the MAC inside and outside, and without encryption; and the secrets",
    layers=("tls", "http"),
)
def tls12_cbc(lab: Lab) -> None:
    """s_client asks NGINX twice on each of five connections: CBC with three MACs, two of them with
    encrypt-then-MAC (OpenSSL's default), Camellia, and NULL.
    """
    _with_suites(
        lab,
        "-tls1_2",
        "ECDHE-ECDSA-AES128-SHA -no_etm",
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-ECDSA-AES256-SHA384 -no_etm",
        "ECDHE-ECDSA-CAMELLIA256-SHA384",
        "ECDHE-ECDSA-NULL-SHA",
    )


@scenario(
    "healthy-decrypt-tls10-tls11-cbc",
    "TLS 1.0 and 1.1 with CBC, the MAC inside and outside; and the secrets",
    layers=("tls", "http"),
)
def tls10_cbc(lab: Lab) -> None:
    """s_client asks NGINX twice on each of four connections: TLS 1.0 and 1.1, without and with
    encrypt-then-MAC.
    """
    _serve(lab)
    suite = ("-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    for version in ("-tls1", "-tls1_1"):
        _ask(lab, version, *suite, "-no_etm")
        _ask(lab, version, *suite)
    _judge(lab, 4)


@scenario(
    "healthy-decrypt-key-update",
    "TLS 1.3 with KeyUpdates between requests, and the secrets",
    layers=("tls", "http"),
)
def key_update(lab: Lab) -> None:
    """s_client asks NGINX four times; in between it updates its own keys (k), asks for new ones of
    both (K), and does that again.
    """
    _serve(lab)
    _ask(lab, "-tls1_3", more=["k\\n", REQUEST, "K\\n", REQUEST, "K\\n", REQUEST])
    _judge(lab, 1)


def _early_data(lab: Lab, outcome: str, *options: str) -> None:
    """A connection for the ticket, and one with early data and a request after the handshake."""
    ticket = str(lab.directory / "session.pem")
    _ask(lab, "-tls1_3", *options, "-sess_out", ticket)
    data = lab.file("early.txt", REQUEST.replace("\\r\\n", "\r\n"))
    options = ("-tls1_3", *options, "-sess_in", ticket, "-early_data", str(data))
    address = (lab.upstream.ip, PORT)
    said = openssl.client(lab, lab.client, address, NAME, *options, request=REQUEST)
    if f"Early data was {outcome}" not in said or "fine" not in said:
        raise RuntimeError(said)
    _judge(lab, 2)


@scenario(
    "healthy-decrypt-early-data",
    "A request as TLS 1.3 early data, and the secrets",
    layers=("tls", "http"),
)
def early_data(lab: Lab) -> None:
    """s_client asks NGINX (ssl_early_data on) and keeps the ticket; on a second connection it sends
    a request as early data and one more after the handshake.
    """
    _serve(lab, more="ssl_early_data on;")
    _early_data(lab, "accepted")


@scenario(
    "healthy-decrypt-early-data-rejected",
    "TLS 1.3 early data that the server passes over, and the secrets",
    layers=("tls", "http"),
)
def early_data_rejected(lab: Lab) -> None:
    """As with accepted early data; but NGINX takes only secp384r1, and what comes before its
    HelloRetryRequest is lost (RFC 8446 section 4.2.10).
    """
    _serve(lab, more="ssl_early_data on; ssl_ecdh_curve secp384r1;")
    _early_data(lab, "rejected", "-groups", "X25519:P-384")
