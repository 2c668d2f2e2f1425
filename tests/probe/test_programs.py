"""The probe against NGINX, HAProxy, OpenSSL's s_server and nghttpd, as they come."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from failurelab.certs import Authority, Certificate
from pcapdiag.model.probe import ProbeReport
from tests.probe.servers import ask, check, code

pytestmark = pytest.mark.once

HOME = "127.0.0.1"
READY = 10
"""Seconds until a program must listen."""


def free_ports(number: int) -> list[int]:
    listeners = [socket.create_server((HOME, 0)) for _ in range(number)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


@contextmanager
def program(*command: object, ports: list[int]) -> Iterator[None]:
    """Run a program until the context ends; it listens on all ports when it begins."""
    running = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for port in ports:
            _await(port, running)
        yield
    finally:
        running.terminate()
        running.wait(READY)
        if running.stdin:
            running.stdin.close()


def _await(port: int, running: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY
    while time.monotonic() < end:
        assert running.poll() is None
        with socket.socket() as probe:
            if probe.connect_ex((HOME, port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {port}")


def to(port: int, authority: Authority, **options: object) -> ProbeReport:
    return ask(f"{HOME}:{port}", ca=str(authority.cert), **options)


def codes(report: ProbeReport) -> list[str]:
    return [code(one) for one in report.checks if one.status == "failed"]


NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  ssl_certificate {made.cert}; ssl_certificate_key {made.key};
  server {{ listen 127.0.0.1:{http2} ssl http2; location / {{ return 204; }} }}
  server {{ listen 127.0.0.1:{proxied} ssl proxy_protocol; location / {{ return 204; }} }}
  server {{ listen 127.0.0.1:{mutual} ssl; ssl_verify_client on;
            ssl_client_certificate {ca}; location / {{ return 204; }} }}
  server {{ listen 127.0.0.1:{old} ssl; ssl_protocols TLSv1.2; return 204; }}
}}
"""


@pytest.mark.needs(program="nginx")
def test_nginx(authority: Authority, tmp_path: Path) -> None:
    ports = dict(zip(("http2", "proxied", "mutual", "old"), free_ports(4), strict=True))
    made = authority.issue(HOME)
    text = NGINX.format(folder=tmp_path, made=made, ca=authority.cert, **ports)
    config = tmp_path / "nginx.conf"
    config.write_text(text)
    mine = authority.issue("client", client=True)
    files = {"client_cert": str(mine.cert), "client_key": str(mine.key)}
    with program("nginx", "-p", tmp_path, "-c", config, ports=list(ports.values())):
        good = to(ports["http2"], authority, http2=True, alpn=("h2",), http_path="/")
        assert codes(good) == []
        assert check(good, "http2").facts.settings["MAX_CONCURRENT_STREAMS"] == 128
        assert check(good, "http").facts.http_status == 204
        # NGINX finishes the handshake, and answers 400 to the request.
        mutual = to(ports["mutual"], authority, http_path="/")
        assert check(mutual, "http").facts.http_status == 400
        assert check(mutual, "tls").facts.client_certificate_asked
        assert codes(to(ports["mutual"], authority, http_path="/", **files)) == []
        old = to(ports["old"], authority)
        assert code(check(old, "tls_version", "TLS 1.3")) == "tls.version_mismatch"
        alone = to(ports["old"], authority, alpn=("h2",))
        assert set(codes(alone)) == {"tls.alpn_mismatch"}
        assert check(alone, "alpn").facts.alert == "no_application_protocol (120)"
        plain = to(ports["proxied"], authority)
        assert plain.status == "failed"
        proxied = to(ports["proxied"], authority, proxy_protocol=True)
        assert proxied.status == "ok"
        plaintext = ask(f"{HOME}:{ports['http2']}", tls=False, http_path="/")
        assert codes(plaintext) == ["protocol.plaintext_to_tls"]


HAPROXY = """
defaults
  mode http
  retries 0
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend tls
  bind 127.0.0.1:{tls} ssl crt {made.both} alpn h2,http/1.1 ca-file {ca} verify required
  http-request return status 200
frontend proxied
  bind 127.0.0.1:{proxied} accept-proxy
  http-request return status 200
frontend dead
  bind 127.0.0.1:{dead}
  default_backend nobody
backend nobody
  server s 127.0.0.1:{closed}
"""


@pytest.mark.needs(program="haproxy")
def test_haproxy(authority: Authority, tmp_path: Path) -> None:
    names = ("tls", "proxied", "dead", "closed")
    ports = dict(zip(names, free_ports(4), strict=True))
    text = HAPROXY.format(made=authority.issue(HOME), ca=authority.cert, **ports)
    config = tmp_path / "haproxy.cfg"
    config.write_text(text)
    mine = authority.issue("client", client=True)
    files = {"client_cert": str(mine.cert), "client_key": str(mine.key)}
    with program("haproxy", "-db", "-f", config, ports=[ports[name] for name in names[:3]]):
        assert codes(to(ports["tls"], authority)) == ["tls.client_certificate_required"]
        assert codes(to(ports["tls"], authority, http2=True, http_path="/", **files)) == []
        home = f"{HOME}:{ports['proxied']}"
        assert ask(home, tls=False, http_path="/", proxy_protocol=True).status == "ok"
        assert ask(home, tls=False, http_path="/").status == "failed"
        dead = ask(f"{HOME}:{ports['dead']}", tls=False, http_path="/")
        assert codes(dead) == ["http.local_reply"]


@contextmanager
def s_server(made: Certificate, *options: object) -> Iterator[int]:
    (port,) = free_ports(1)
    files = ("-cert", made.cert, "-key", made.key)
    where = ("-accept", f"{HOME}:{port}")
    with program("openssl", "s_server", *where, *files, *options, "-quiet", ports=[port]):
        yield port


@pytest.mark.needs(program="openssl")
@pytest.mark.parametrize(
    ("options", "asked", "expected"),
    [
        (("-alpn", "http/1.1"), {"alpn": ("h2",)}, ["tls.alpn_mismatch", "tls.alpn_mismatch"]),
        (("-tls1_2", "-cipher", "NULL"), {}, ["tls.alert"]),
        (("-alpn", "h2"), {"alpn": ("h2",)}, []),
        (("-tls1_3",), {}, []),
    ],
)
def test_openssl(
    authority: Authority, options: tuple[str, ...], asked: dict[str, object], expected: list[str]
) -> None:
    with s_server(authority.issue(HOME), *options) as port:
        assert codes(to(port, authority, **asked)) == expected


@pytest.mark.needs(program="nghttpd")
def test_nghttpd(authority: Authority) -> None:
    (port,) = free_ports(1)
    made = authority.issue(HOME)
    with program("nghttpd", "-a", HOME, port, made.key, made.cert, ports=[port]):
        report = to(port, authority, alpn=("h2",), http2=True)
    assert codes(report) == []
    assert check(report, "http2").facts.settings
    (port,) = free_ports(1)
    with program("nghttpd", "-a", HOME, "--no-tls", port, ports=[port]):
        assert codes(ask(f"{HOME}:{port}", tls=False, http2=True)) == []
        wrong = ask(f"{HOME}:{port}", tls=False, http_path="/")
    assert codes(wrong) == ["protocol.http1_to_http2"]
