"""Responses that are cut, lost, refused by the proxy, or not HTTP at all."""

from __future__ import annotations

import signal
import threading
import time

from failurelab import behaviours, envoy, haproxy, nginx
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.scenes import curl, nginx_proxy
from failurelab.truth import Accepted

KEPT = "proxy_http_version 1.1;"
_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))
_CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"


def _haproxy(lab: Lab) -> None:
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=8080)


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
    curl(lab, lab.upstream.ip)
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
    curl(lab, lab.upstream.ip)
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
    curl(lab, lab.upstream.ip)
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
    curl(lab, lab.proxy.ip)
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
    nginx_proxy(lab, KEPT, "proxy_buffering off;")
    curl(lab, lab.proxy.ip)
    cause = lab.leg(lab.upstream, 9000)
    code = "http.truncated_response"
    lab.judge(lab.leg(lab.proxy, 8080), code, "responder", caused_by=cause)
    lab.judge(cause, code, "responder", ended_by=["responder"])


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
    nginx_proxy(lab, KEPT, "proxy_buffer_size 1k; proxy_buffers 4 1k; proxy_busy_buffers_size 2k;")
    curl(lab, lab.proxy.ip)
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
    curl(lab, lab.proxy.ip)
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
    curl(lab, lab.proxy.ip)
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
    curl(lab, lab.proxy.ip)
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
    curl(lab, lab.upstream.ip)
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
    curl(lab, lab.proxy.ip)
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
    curl(lab, lab.proxy.ip)
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
    curl(lab, lab.upstream.ip)
    lab.judge(
        lab.leg(lab.upstream, 8080),
        "http.malformed_response",
        "responder",
        ended_by=["initiator"],
    )
