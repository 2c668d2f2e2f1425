"""Early answers that a RST behind them destroys, or does not."""

from __future__ import annotations

import signal
import socket
import threading

from failurelab import behaviours, envoy, haproxy
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.hosts import Process
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.scenes import curl

_PROXY = (Point("proxy", "any"),)


def _haproxy(lab: Lab) -> Process:
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000", backend="retries 0")
    return haproxy.start(lab, lab.proxy, body, port=8080)


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
        answers.append(
            curl(lab, lab.proxy.ip, "-D", "-", "-H", "Expect:", "--data-binary", f"@{data}")
        )

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
    points=_PROXY,
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
    points=_PROXY,
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
    curl(lab, lab.upstream.ip, "-H", "Expect:", "--data-binary", f"@{data}")
    lab.healthy(lab.leg(lab.upstream, 8080))
