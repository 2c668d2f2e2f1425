"""NGINX's two logs beside what was on the wire."""

from __future__ import annotations

from failurelab import behaviours, nginx
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_BOTH = (Point("proxy", "any"),)
_FULL = (
    "$remote_addr:$remote_port [$time_iso8601] $msec conn=$connection/$connection_requests "
    '"$request" $status $upstream_addr $upstream_status connect=$upstream_connect_time '
    "header=$upstream_header_time total=$request_time host=$host id=$request_id"
)


def _start(lab: Lab, more: str = "", *, http: str = "", zone: str = "") -> None:
    """One server per port, each with an upstream port of its own."""
    servers = [
        f"server {{ listen {port}; location / {{ {more}"
        f" proxy_pass http://{lab.upstream.ip}:{port + 920}; }} }}"
        for port in range(8080, 8085)
    ]
    nginx.start(lab, lab.proxy, http + "\n".join(servers), port=8084, zone=zone)


def _close_after_hello(connection: Connection) -> None:
    connection.receive()
    connection.close()


def _ask(lab: Lab, port: int = 8080, path: str = "/checkout") -> None:
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:{port}{path}")


def _caused(lab: Lab, port: int, code: str, side: str | list[str] = "responder") -> None:
    cause = lab.leg(lab.upstream, port + 920)
    lab.judge(lab.leg(lab.proxy, port), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, code, side)


def _four(lab: Lab) -> None:
    """9000 answers, 9001 refuses, 9002 resets, 9003 closes, 9004 never answers."""
    lab.upstream.serve(9000, behaviours.answer())
    lab.upstream.serve(9002, behaviours.close_unread(0.1))
    lab.upstream.serve(9003, behaviours.close_after_request(0.1))
    lab.upstream.serve(9004, behaviours.silent())
    for port in (8080, 8081, 8080, 8082, 8083, 8084, 8080):
        _ask(lab, port, f"/items/{port}")
        lab.sleep(0.1)
    for nth in range(3):
        lab.healthy(lab.leg(lab.proxy, 8080, nth))
    _caused(lab, 8081, "tcp.connection_refused")
    _caused(lab, 8082, "tcp.reset_before_response")
    _caused(lab, 8083, "tcp.closed_before_response")
    _caused(lab, 8084, "tcp.response_timeout")


@scenario(
    "log-nginx-many",
    "Four upstreams fail in four ways; NGINX's error log names each",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def many(lab: Lab) -> None:
    """Five servers, each with its own upstream port: 9000 answers, 9001 refuses, 9002 resets,
    9003 closes, 9004 never answers (proxy_read_timeout 1 s). Access log in combined format.
    """
    _start(lab, "proxy_read_timeout 1s;")
    _four(lab)


@scenario(
    "log-nginx-custom",
    "The same failures, with an access log that has ports and times of the upstream",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def custom(lab: Lab) -> None:
    """Five servers, each with its own upstream port: 9000 answers, 9001 refuses, 9002 resets,
    9003 closes, 9004 never answers (proxy_read_timeout 1 s). A log_format of its own.
    """
    path = lab.directory / "nginx-proxy-access.log"
    form = f"log_format full '{_FULL}'; "
    _start(lab, f"proxy_read_timeout 1s; access_log {path} full;", http=form)
    _four(lab)
    lab.logs["nginx-access.log"].form = _FULL


@scenario(
    "log-nginx-local-time",
    "The same failures on a host whose time zone is five and a half hours ahead",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def local_time(lab: Lab) -> None:
    """Five servers, each with its own upstream port: 9000 answers, 9001 refuses, 9002 resets,
    9003 closes, 9004 never answers (proxy_read_timeout 1 s). TZ is IST-5:30: the access log says
    so, the error log does not.
    """
    _start(lab, "proxy_read_timeout 1s;", zone="IST-5:30")
    _four(lab)
    lab.logs["nginx-error.log"].zone = 5.5


@scenario(
    "log-nginx-next-upstream",
    "NGINX tries a second upstream, and the client never learns of the first",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def next_upstream(lab: Lab) -> None:
    """An upstream block of two ports; the first is closed, the second answers. ingress-nginx's
    format without the name of its service.
    """
    lab.upstream.serve(9001, behaviours.answer())
    path = lab.directory / "nginx-proxy-access.log"
    ip = lab.upstream.ip
    form = (
        '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
        '"$http_referer" "$http_user_agent" $request_length $request_time [shop-web-80] [] '
        "$upstream_addr $upstream_response_length $upstream_response_time $upstream_status "
        "$request_id"
    )
    text = f"""
    log_format upstreaminfo '{form}';
    upstream web {{ server {ip}:9000; server {ip}:9001; }}
    access_log {path} upstreaminfo;
    server {{ listen 8080; location / {{ proxy_pass http://web; }} }}
    """
    nginx.start(lab, lab.proxy, text, port=8080)
    _ask(lab)
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(lab.leg(lab.upstream, 9000), "tcp.connection_refused", "responder")
    lab.healthy(lab.leg(lab.upstream, 9001))


@scenario(
    "log-nginx-tls",
    "NGINX logs why TLS to its upstreams failed",
    path=PROXIED,
    points=_BOTH,
    layers=("tls", "protocol"),
    kept_apart=False,
)
def tls(lab: Lab) -> None:
    """proxy_pass https:// to a server that answers in plain HTTP, and to one that closes after the
    ClientHello.
    """
    lab.upstream.serve(9000, behaviours.respond(behaviours.reply(b"no\n", "400 Bad Request")))
    lab.upstream.serve(9001, _close_after_hello)
    servers = [
        f"server {{ listen {port}; location / {{ proxy_pass https://{lab.upstream.ip}:{port + 920};"
        " } }"
        for port in (8080, 8081)
    ]
    nginx.start(lab, lab.proxy, "\n".join(servers), port=8081)
    for port in (8080, 8081):
        _ask(lab, port)
    _caused(lab, 8080, "protocol.tls_to_plaintext", ["initiator", "responder"])
    _caused(lab, 8081, "tls.handshake_closed")


@scenario(
    "log-nginx-tls-client",
    "NGINX logs that a client's TLS handshake failed: its address, and no port",
    path=PROXIED,
    points=_BOTH,
    layers=("tls", "tcp"),
    kept_apart=False,
)
def tls_client(lab: Lab) -> None:
    """A listener of TLS 1.3; curl does not trust its issuer, then speaks TLS 1.2 at most. Beside it
    one of plain HTTP, whose upstream refuses. The error log's times are seconds: pauses between.
    """
    files = lab.authority.issue("shop.example")
    nginx.start(
        lab,
        lab.proxy,
        f"server {{ listen 8443 ssl; ssl_protocols TLSv1.3; ssl_certificate {files.cert};"
        f" ssl_certificate_key {files.key}; listen 8080;"
        f" location / {{ proxy_pass http://{lab.upstream.ip}:9000; }} }}",
        port=8443,
    )
    lab.used("curl")
    name = ["--resolve", f"shop.example:8443:{lab.proxy.ip}", "https://shop.example:8443/"]
    lab.client.curl("--cacert", "/etc/ssl/certs/ca-certificates.crt", *name)
    lab.sleep(1.2)
    lab.client.curl("--cacert", str(lab.authority.cert), "--tls-max", "1.2", *name)
    lab.sleep(1.2)
    _ask(lab)
    lab.judge(lab.leg(lab.proxy, 8443), "tls.certificate_untrusted", "initiator")
    lab.judge(lab.leg(lab.proxy, 8443, 1), "tls.version_mismatch", "responder")
    _caused(lab, 8080, "tcp.connection_refused")


@scenario(
    "log-nginx-client-left",
    "NGINX logs 499: the client did not wait",
    path=PROXIED,
    points=_BOTH,
    layers=("tcp", "http"),
    kept_apart=False,
)
def client_left(lab: Lab) -> None:
    """The upstream needs one second, as a first request shows; the second client closes
    0.237 s after its request.
    """
    lab.upstream.serve(9000, behaviours.slow(1))
    _start(lab)
    _ask(lab)
    gone = lab.client.connect((lab.proxy.ip, 8080))
    gone.send(behaviours.get("/slow"))
    lab.sleep(0.237)
    gone.close()
    lab.sleep(1.2)
    abort = "tcp.initiator_abort"
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(gone, abort, "initiator")
    lab.judge(lab.leg(lab.upstream, 9000, 1), abort, "initiator", caused_by=gone)
