"""Responses that are cut, lost, refused by the proxy, or not HTTP at all."""

from __future__ import annotations

import signal
import socket
import threading
import time

from failurelab import behaviours, envoy, haproxy, nginx
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.hosts import Process
from failurelab.lab import Lab
from failurelab.programs import streams
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted

_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))
_CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"


def _curl(lab: Lab, *options: str) -> None:
    lab.used("curl")
    lab.client.curl(*options, f"http://{lab.upstream.ip}:8080/report")


def _ask(lab: Lab, *options: str) -> str:
    lab.used("curl")
    return lab.client.curl(*options, f"http://{lab.proxy.ip}:8080/report")


def _nginx(lab: Lab, *more: str) -> None:
    text = f"""
    server {{
      listen 8080;
      location / {{
        proxy_pass http://{lab.upstream.ip}:9000;
        proxy_http_version 1.1;
        {" ".join(more)}
      }}
    }}"""
    nginx.start(lab, lab.proxy, text, port=8080)


def _haproxy(lab: Lab, more: str = "") -> Process:
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000", backend=f"retries 0\n  {more}")
    return haproxy.start(lab, lab.proxy, body, port=8080)


def _half_chunks(connection: Connection) -> None:
    connection.receive_until()
    connection.send(_CHUNKED.encode() + b"5\r\nhello\r\n64\r\nonly a part of it")
    time.sleep(0.05)
    connection.close()


# truncated


@scenario("http.truncated_response-length", "The server closes before Content-Length is reached")
def truncated_length(lab: Lab) -> None:
    """A server promises 1000 bytes, sends 300 and closes; curl."""
    lab.upstream.serve(8080, behaviours.half_response())
    _curl(lab)
    lab.judge(
        lab.leg(lab.upstream, 8080),
        "http.truncated_response",
        "responder",
        ended_by=["responder"],
    )


@scenario("http.truncated_response-chunk", "The server closes in the middle of a chunk")
def truncated_chunk(lab: Lab) -> None:
    """A server sends one chunk and a part of the next, and closes; curl."""
    lab.upstream.serve(8080, _half_chunks)
    _curl(lab)
    lab.judge(
        lab.leg(lab.upstream, 8080),
        "http.truncated_response",
        "responder",
        ended_by=["responder"],
    )


@scenario("http.truncated_response-killed", "NGINX is killed in the middle of a slow response")
def truncated_killed(lab: Lab) -> None:
    """NGINX sends 500 bytes a second of a body of 4000; its processes are killed after one and
    a half seconds: the kernel sends FIN.
    """
    body = "x" * 4000
    text = f"server {{ listen 8080; limit_rate 500; location / {{ return 200 '{body}'; }} }}"
    process = nginx.start(lab, lab.upstream, text, port=8080)
    workers = lab.upstream.run(["pgrep", "-P", str(process.popen.pid)]).split()

    def kill() -> None:
        process.popen.send_signal(signal.SIGKILL)
        lab.upstream.run(["kill", "-KILL", *workers])

    timer = threading.Timer(1.5, kill)
    timer.start()
    _curl(lab)
    timer.join()
    lab.judge(
        lab.leg(lab.upstream, 8080),
        "http.truncated_response",
        "responder",
        ended_by=["responder"],
    )


@scenario(
    "http.truncated_response-envoy",
    "The upstream cuts its body; Envoy cuts the client's a second later",
    path=PROXIED,
    points=(*_BOTH, Point("client")),
)
def truncated_envoy(lab: Lab) -> None:
    """The upstream promises 1000 bytes, sends 300 and closes; Envoy had sent the 200 on."""
    lab.upstream.serve(9000, behaviours.half_response())
    envoy.simple(lab, (lab.upstream.ip, 9000))
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    code = "http.truncated_response"
    lab.judge(lab.leg(lab.proxy, 8080), code, "responder", caused_by=cause)
    lab.judge(cause, code, "responder", ended_by=["responder"])


@scenario(
    "http.truncated_response-nginx",
    "The upstream cuts a chunked body; NGINX cuts the client's",
    path=PROXIED,
    points=_BOTH,
)
def truncated_nginx(lab: Lab) -> None:
    """The upstream sends one chunk and a part of the next, and closes."""
    lab.upstream.serve(9000, _half_chunks)
    _nginx(lab, "proxy_buffering off;")
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    code = "http.truncated_response"
    lab.judge(lab.leg(lab.proxy, 8080), code, "responder", caused_by=cause)
    lab.judge(cause, code, "responder", ended_by=["responder"])


# lost


def _early(status: str, now: threading.Event | None = None) -> behaviours.Handler:
    """Answer after the first 400 bytes, without reading the rest, and close."""

    def handle(connection: Connection) -> None:
        connection.sock.recv(400)
        if now:
            now.wait(5)
        connection.send(behaviours.reply(b"no\n", status, "Connection: close"))
        connection.close()

    return handle


def _tight(lab: Lab, handler: behaviours.Handler) -> None:
    """An upstream with a small receive buffer and a proxy with a small send buffer: the proxy
    still has much to send when the early answer comes.
    """
    server = lab.upstream.serve(9000, handler)
    server.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lab.proxy.sysctl("net.ipv4.tcp_wmem", "4096 8192 8192")


def _upload(lab: Lab, proxy: Process, now: threading.Event) -> str:
    """Upload; the proxy's process is held up while answer and RST come in."""
    data = lab.file("upload", b"x" * 40_000)
    answers: list[str] = []

    def ask() -> None:
        answers.append(_ask(lab, "-D", "-", "-H", "Expect:", "--data-binary", f"@{data}"))

    thread = threading.Thread(target=ask)
    thread.start()
    lab.sleep(0.5)
    proxy.popen.send_signal(signal.SIGSTOP)
    now.set()
    lab.sleep(0.1)
    proxy.popen.send_signal(signal.SIGCONT)
    thread.join()
    return answers[0]


@scenario(
    "http.response_lost-envoy-413",
    "An early 413 is destroyed by the RST behind it; Envoy answers 503",
    path=PROXIED,
    points=_BOTH[:1],
    layers=("http", "tcp"),
)
def lost_envoy(lab: Lab) -> None:
    """The upstream answers an upload with 413 after its first bytes and closes with the rest
    unread, while Envoy still sends; Envoy is busy (stopped for 100 ms) as both come in.
    """
    now = threading.Event()
    _tight(lab, _early("413 Payload Too Large", now))
    small = {"per_connection_buffer_limit_bytes": 4096}
    proxy = envoy.simple(lab, (lab.upstream.ip, 9000), cluster=small, listener=small)
    answer = _upload(lab, proxy, now)
    if "503" not in answer:
        raise RuntimeError(f"Envoy answered {answer[:40]}")
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "http.response_lost", "responder", ended_by=["responder"])


@scenario(
    "http.response_lost-haproxy-401",
    "An early 401 is destroyed by the RST behind it; HAProxy answers 502 or ends the connection",
    path=PROXIED,
    points=_BOTH[:1],
    layers=("http", "tcp"),
)
def lost_haproxy(lab: Lab) -> None:
    """The upstream answers an upload with 401 after its first bytes and closes with the rest
    unread, while HAProxy still sends; HAProxy is busy (stopped for 100 ms) as both come in.
    """
    now = threading.Event()
    _tight(lab, _early("401 Unauthorized", now))
    answer = _upload(lab, _haproxy(lab), now)
    if "401" in answer:
        raise RuntimeError("HAProxy got the 401 this time")
    cause = lab.leg(lab.upstream, 9000)
    code = "http.local_reply" if "502" in answer else "tcp.closed_before_response"
    lab.judge(lab.leg(lab.proxy, 8080), code, "responder", caused_by=cause)
    lab.judge(cause, "http.response_lost", "responder", ended_by=["responder"])


@scenario(
    "healthy-early-413-curl",
    "An early 413 with a RST behind it, which curl gets all the same",
    layers=("http", "tcp"),
    points=(Point("client", snaplen=300),),
)
def early_curl(lab: Lab) -> None:
    """A server answers an upload with 413 after its first segment and closes with the rest
    unread; curl stops and shows the 413. Packets are cut at 300 bytes.
    """
    lab.upstream.serve(8080, _early("413 Payload Too Large"))
    data = lab.file("upload", b"x" * 60_000)
    _curl(lab, "-H", "Expect:", "--data-binary", f"@{data}")
    lab.healthy(lab.leg(lab.upstream, 8080))


# refused by the proxy


@scenario(
    "http.response_rejected-nginx-big-header",
    "The upstream's header is larger than NGINX's buffer: 502",
    path=PROXIED,
    points=_BOTH,
)
def big_header(lab: Lab) -> None:
    """A cookie of 3000 bytes, proxy_buffer_size 1k: "upstream sent too big header"."""
    cookie = f"Set-Cookie: session={'a' * 3000}"
    lab.upstream.serve(9000, behaviours.answer(behaviours.reply(b"fine\n", "200 OK", cookie)))
    _nginx(lab, "proxy_buffer_size 1k; proxy_buffers 4 1k; proxy_busy_buffers_size 2k;")
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "http.response_rejected", "initiator", at=_one_leg(["ok"]))


@scenario(
    "http.response_rejected-envoy-many-headers",
    "The upstream sends more headers than Envoy takes: 502",
    path=PROXIED,
    points=_BOTH,
)
def many_headers(lab: Lab) -> None:
    """120 headers, Envoy's limit is 100."""
    headers = [f"X-Trace-{number}: {number}" for number in range(120)]
    lab.upstream.serve(9000, behaviours.answer(behaviours.reply(b"fine\n", "200 OK", *headers)))
    envoy.simple(lab, (lab.upstream.ip, 9000))
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "http.response_rejected", "initiator", at=_one_leg(["ok"]))


@scenario(
    "http.response_rejected-envoy-two-lengths",
    "Content-Length and Transfer-Encoding together: Envoy answers 502",
    path=PROXIED,
    points=_BOTH,
)
def two_lengths(lab: Lab) -> None:
    """The upstream's response is chunked and has a Content-Length as well."""
    head = _CHUNKED.replace("Transfer", "Content-Length: 5\r\nTransfer")
    data = head.encode() + b"5\r\nfine\n\r\n0\r\n\r\n"
    lab.upstream.serve(9000, behaviours.answer(data))
    envoy.simple(lab, (lab.upstream.ip, 9000))
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    sides = ["initiator", "responder"]
    lab.judge(cause, "http.response_rejected", sides, at=_one_leg(["ok"]))


@scenario(
    "http.response_rejected-haproxy-lengths-differ",
    "Two Content-Length headers that differ: HAProxy answers 502",
    path=PROXIED,
    points=_BOTH,
)
def lengths_differ(lab: Lab) -> None:
    """The upstream's response has Content-Length 5 and 7."""
    data = behaviours.reply(b"fine\n", "200 OK", "Content-Length: 7")
    lab.upstream.serve(9000, behaviours.answer(data))
    _haproxy(lab)
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    sides = ["initiator", "responder"]
    lab.judge(cause, ["http.response_rejected", "http.malformed_response"], sides)


def _one_leg(codes: list[str]) -> dict[str, Accepted]:
    """On the upstream leg alone the answer looks delivered."""
    return {"proxy-upstream": Accepted(["http.response_rejected", *codes])}


# not HTTP


def _line(data: bytes) -> behaviours.Handler:
    def handle(connection: Connection) -> None:
        while connection.receive_until(timeout=3):
            connection.send(data)
        connection.close()

    return handle


_REDIS = b"-ERR wrong number of arguments for 'get' command\r\n"


@scenario("http.malformed_response-redis", "curl asks a Redis port: an answer with no status line")
def redis(lab: Lab) -> None:
    """A server answers each request like Redis answers `GET / HTTP/1.1`."""
    lab.upstream.serve(8080, _line(_REDIS))
    _curl(lab)
    lab.judge(lab.leg(lab.upstream, 8080), "http.malformed_response", "responder")


@scenario(
    "http.malformed_response-envoy-redis",
    "Envoy's endpoint is a Redis port: 502",
    path=PROXIED,
    points=_BOTH,
)
def redis_envoy(lab: Lab) -> None:
    """The upstream answers like Redis."""
    lab.upstream.serve(9000, _line(_REDIS))
    envoy.simple(lab, (lab.upstream.ip, 9000))
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "http.malformed_response", "responder")


@scenario(
    "http.malformed_response-haproxy-ssh",
    "HAProxy's server is an SSH port, which speaks first: 502",
    path=PROXIED,
    points=_BOTH,
)
def ssh_haproxy(lab: Lab) -> None:
    """The upstream greets like OpenSSH and answers HTTP with "Invalid SSH identification"."""

    def handle(connection: Connection) -> None:
        connection.send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        connection.receive_until()
        connection.send(b"Invalid SSH identification string.\r\n")
        connection.close()

    lab.upstream.serve(9000, handle)
    _haproxy(lab)
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "http.malformed_response", "responder")


@scenario("http.malformed_response-chunk-size", "A chunk whose size is not a number")
def chunk_size(lab: Lab) -> None:
    """A server sends a good chunk and then "zz" for a size; curl gives up."""

    def handle(connection: Connection) -> None:
        connection.receive_until()
        connection.send(_CHUNKED.encode() + b"5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n")
        connection.receive_all(2)
        connection.close()

    lab.upstream.serve(8080, handle)
    _curl(lab)
    lab.judge(
        lab.leg(lab.upstream, 8080),
        "http.malformed_response",
        "responder",
        ended_by=["initiator"],
    )


# quiet streams


_IDLE = "http.stream_idle_timeout"


def _cut(lab: Lab, *truncated: str) -> None:
    """Both legs were cut by the proxy after the same quiet time."""
    there = {"client": Accepted([_IDLE, *truncated])} if truncated else {}
    lab.judge(lab.leg(lab.proxy, 8080), _IDLE, "responder", at=there)
    lab.judge(lab.leg(lab.upstream, 9000), _IDLE, "initiator")


@scenario(
    "http.stream_idle_timeout-envoy-events",
    "Envoy cuts server-sent events after a second of quiet",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("client")),
)
def idle_events(lab: Lab) -> None:
    """Three events, then quiet; stream_idle_timeout 1 s, no route timeout."""
    lab.upstream.serve(9000, streams.events(3, 0.2, 10))
    manager = {"stream_idle_timeout": "1s"}
    envoy.simple(lab, (lab.upstream.ip, 9000), route={"timeout": "0s"}, manager=manager)
    _ask(lab, "-N")
    _cut(lab, "http.truncated_response")


@scenario(
    "http.stream_idle_timeout-nginx-websocket",
    "NGINX cuts a WebSocket after its read timeout, without a Close frame",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("client")),
)
def idle_websocket(lab: Lab) -> None:
    """Three messages, then quiet; proxy_read_timeout 1 s."""
    lab.upstream.serve(9000, streams.websocket_server(3, 0.2))
    upgrade = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    _nginx(lab, upgrade, "proxy_read_timeout 1s;")
    connection = streams.websocket_client(lab.client.connect((lab.proxy.ip, 8080)))
    connection.receive_all(5)
    connection.close()
    _cut(lab, "http.truncated_response")


@scenario(
    "http.stream_idle_timeout-haproxy-tunnel",
    "HAProxy cuts a WebSocket after its tunnel timeout",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("client")),
)
def idle_tunnel(lab: Lab) -> None:
    """Two messages, then quiet; timeout tunnel 1 s."""
    lab.upstream.serve(9000, streams.websocket_server(2, 0.2))
    _haproxy(lab, "timeout tunnel 1s")
    connection = streams.websocket_client(lab.client.connect((lab.proxy.ip, 8080)))
    connection.receive_all(5)
    connection.close()
    _cut(lab, "http.truncated_response")


@scenario(
    "healthy-websocket-close-frame",
    "A WebSocket through NGINX that the server ends by a Close frame",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("http",),
)
def websocket_closed(lab: Lab) -> None:
    """Two messages, a Close frame, the client's Close frame, and FIN."""
    lab.upstream.serve(9000, streams.websocket_server(2, 0.2, close=True))
    upgrade = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    _nginx(lab, upgrade)
    connection = streams.websocket_client(lab.client.connect((lab.proxy.ip, 8080)))
    connection.receive_until(b"\x03\xe8")
    streams.websocket_answer_close(connection)
    lab.sleep(0.1)
    connection.close()
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.upstream, 9000))


@scenario(
    "healthy-events-finished",
    "Server-sent events that end with the last chunk after some quiet",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("http",),
)
def events_finished(lab: Lab) -> None:
    """Three events, half a second between, then the last chunk; Envoy between."""
    lab.upstream.serve(9000, streams.events(3, 0.5, 1, finish=True))
    envoy.simple(lab, (lab.upstream.ip, 9000), route={"timeout": "0s"})
    _ask(lab, "-N")
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.upstream, 9000))
