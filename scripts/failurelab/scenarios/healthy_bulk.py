"""Everyday traffic in some quantity: bulk, kept connections and short ones, plain and TLS."""

from __future__ import annotations

import random

from failurelab import behaviours, nginx, openssl
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario

NAME = "shop.example"


def _text(size: int, seed: str) -> bytes:
    """Text of this size that looks like a page."""
    dice = random.Random(seed)
    words = ["order", "price", "basket", "colour", "delivery", "customer", "2026-03-14", "<li>"]
    made = bytearray()
    while len(made) < size:
        made += dice.choice(words).encode() + b" %d " % dice.randrange(10_000)
    return bytes(made[:size])


def _site(lab: Lab, sizes: dict[str, int]) -> str:
    """Files to serve; the `root` line for NGINX."""
    folder = lab.directory / "site"
    folder.mkdir()
    for name, size in sizes.items():
        (folder / name).write_bytes(_text(size, name))
    lab.directory.chmod(0o755)
    return f"root {folder};"


@scenario(
    "healthy-bulk-download-plain",
    "A download of 130 kB, and a small one after it",
    bump="router-upstream",
    layers=("http", "tcp"),
)
def download_plain(lab: Lab) -> None:
    """curl fetches two files from NGINX over one connection; round trip 8 ms."""
    lab.bump.delay = 0.004
    root = _site(lab, {"export.csv": 130_000, "info": 900})
    nginx.start(lab, lab.upstream, f"server {{ listen 8080; {root} }}", port=8080)
    base = f"http://{lab.upstream.ip}:8080"
    lab.used("curl")
    _complete(lab.client.curl(f"{base}/export.csv", f"{base}/info"), 130_900)
    lab.sleep(0.1)
    lab.healthy(lab.leg(lab.upstream, 8080))


def _complete(text: str, size: int) -> None:
    if len(text) != size:
        raise RuntimeError(f"{len(text)} bytes came instead of {size}: {text[:200]}")


@scenario(
    "healthy-bulk-download-tls",
    "A download of 150 kB by TLS 1.3",
    bump="router-upstream",
    layers=("tls", "tcp"),
)
def download_tls(lab: Lab) -> None:
    """curl fetches a file from NGINX by HTTPS; round trip 8 ms."""
    lab.bump.delay = 0.004
    root = _site(lab, {"backup.tar": 150_000})
    files = lab.authority.issue(NAME)
    server = f"""server {{ listen 443 ssl http2; {root}
      ssl_certificate {files.cert}; ssl_certificate_key {files.key}; }}"""
    nginx.start(lab, lab.upstream, server, port=443)
    lab.used("curl")
    where = openssl.at((lab.upstream.ip, 443), NAME)
    _complete(lab.client.curl("-k", *where, f"https://{NAME}/backup.tar"), 150_000)
    lab.sleep(0.1)
    lab.healthy(lab.leg(lab.upstream, 443))


@scenario(
    "healthy-bulk-upload-plain",
    "An upload of 100 kB",
    bump="router-upstream",
    layers=("http", "tcp"),
)
def upload_plain(lab: Lab) -> None:
    """curl posts a file; the server reads all of it and answers 201; round trip 8 ms."""
    lab.bump.delay = 0.004
    size = 100_000

    def take(connection: Connection) -> None:
        connection.receive(size)
        connection.receive(timeout=0.3)
        connection.send(behaviours.reply(b"stored\n", "201 Created"))
        connection.receive_all()
        connection.close()

    lab.upstream.serve(8080, take)
    file = lab.file("photo", _text(size, "photo"))
    lab.used("curl")
    lab.client.curl("-H", "Expect:", "--data-binary", f"@{file}",
                    f"http://{lab.upstream.ip}:8080/photos")  # fmt: skip
    lab.sleep(0.1)
    lab.healthy(lab.leg(lab.upstream, 8080))


SIZES = [210, 4800, 90, 900, 12_000, 330, 1500, 60, 2600, 7000, 480, 150, 3300, 770]


@scenario(
    "healthy-keepalive-tls",
    "Fourteen requests of many sizes on one kept TLS connection",
    bump="router-upstream",
    layers=("tls", "tcp"),
)
def keepalive_tls(lab: Lab) -> None:
    """HTTP/1.1 over TLS 1.3 to NGINX, 60 B to 12 kB each, pauses between; round trip 4 ms."""
    lab.bump.delay = 0.002
    root = _site(lab, {f"f{n}": size for n, size in enumerate(SIZES)})
    files = lab.authority.issue(NAME)
    server = f"""server {{ listen 443 ssl; {root}
      ssl_certificate {files.cert}; ssl_certificate_key {files.key}; }}"""
    nginx.start(lab, lab.upstream, server, port=443)
    connection = lab.client.connect((lab.upstream.ip, 443))
    connection.tls(lab.authority.client_context(), NAME)
    for number, size in enumerate(SIZES):
        connection.send(behaviours.get(f"/f{number}", NAME))
        answer = connection.receive_until()
        connection.receive(max(1, size - len(answer.partition(b"\r\n\r\n")[2])), timeout=0.3)
        lab.sleep(0.03)
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-short-http",
    "Fourteen short connections with one request each, of many sizes",
    bump="router-upstream",
    layers=("http", "tcp"),
)
def short_http(lab: Lab) -> None:
    """HTTP/1.1 with Connection: close, 60 B to 12 kB each; round trip 4 ms."""
    lab.bump.delay = 0.002
    sizes = iter(SIZES)

    def handle(connection: Connection) -> None:
        connection.receive_until()
        body = _text(next(sizes), "short")
        connection.send(behaviours.reply(body, "200 OK", "Connection: close"))
        connection.close()

    server = lab.upstream.serve(8080, handle)
    for number in range(len(SIZES)):
        connection = lab.client.connect(server.address)
        request = behaviours.get(f"/item/{number}", NAME, "Connection: close")
        connection.send(request).receive_all()
        connection.close()
        lab.sleep(0.02)
        lab.healthy(connection)


@scenario(
    "healthy-short-tls",
    "Six short TLS connections, with TLS 1.2 and 1.3",
    bump="router-upstream",
    layers=("tls", "tcp"),
)
def short_tls(lab: Lab) -> None:
    """curl, one connection per request, TLS 1.2 and 1.3 in turn; round trip 4 ms."""
    lab.bump.delay = 0.002
    root = _site(lab, {f"f{n}": size for n, size in enumerate(SIZES)})
    files = lab.authority.issue(NAME)
    server = f"""server {{ listen 443 ssl; {root}
      ssl_certificate {files.cert}; ssl_certificate_key {files.key}; }}"""
    nginx.start(lab, lab.upstream, server, port=443)
    lab.used("curl")
    where = openssl.at((lab.upstream.ip, 443), NAME)
    for nth in range(6):
        version = ("--tls-max", "1.2") if nth % 2 else ()
        lab.client.curl("-k", *version, *where, f"https://{NAME}/f{nth}")
        lab.healthy(lab.leg(lab.upstream, 443, nth))
    lab.sleep(0.1)
