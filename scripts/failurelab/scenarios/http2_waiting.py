"""HTTP/2 streams that stall, are lost in a shutdown, or end because a PING was not answered."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

from failurelab import envoy, nginx, rules
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import grpc, http2, nghttp2
from failurelab.registry import PROXIED, scenario

_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))
_INITIAL_WINDOW = 4
_PINGS = (
    "grpc.keepalive_time_ms=1000",
    "grpc.keepalive_timeout_ms=1000",
    "grpc.http2.ping_timeout_ms=1000",
    "grpc.http2.max_pings_without_data=0",
)
_ALLOWS = ("grpc.http2.min_ping_interval_without_data_ms=100", "grpc.http2.max_ping_strikes=0")


def _later(seconds: float, action: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    return timer


# PING


@scenario("http2.ping_timeout-grpc-stopped", "A gRPC server hangs: TCP acks the PING, nobody else")
def ping_stopped(lab: Lab) -> None:
    """grpcio's client has a stream open and pings after one second, waits another; the server's
    process is stopped by a signal.
    """
    process = grpc.server(lab, lab.upstream, 50051, *_ALLOWS)
    _later(1.2, lambda: process.popen.send_signal(signal.SIGSTOP))
    grpc.call(lab, lab.client, (lab.upstream.ip, 50051), "hang", *_PINGS, seconds=8)
    lab.judge(
        lab.leg(lab.upstream, 50051), "http2.ping_timeout", "responder", ended_by=["initiator"]
    )
    process.popen.kill()
    lab.others = "any"


@scenario(
    "http2.ping_timeout-envoy",
    "Envoy's PING is not answered by a hanging upstream; the client gets 503",
    path=PROXIED,
    points=_BOTH,
)
def ping_envoy(lab: Lab) -> None:
    """The upstream takes a request and then does nothing for ten seconds; Envoy pings after half
    a second and waits one.
    """

    def hang(_session: http2.Session, _stream: int) -> None:
        time.sleep(10)

    server = lab.upstream.serve(9000, http2.server(hang))
    cluster = envoy.pinging(envoy.a_cluster("up", server.address), "0.5s", "1s")
    listener = envoy.http_listener(8080, route={"timeout": "8s"})
    envoy.start(lab, lab.proxy, [listener], [cluster], port=8080)
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/basket")
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "http2.ping_timeout", "responder", ended_by=["initiator"])


@scenario(
    "http2.ping_timeout-dead-path",
    "The path dies under an open stream: the PING is repeated by TCP and never acked",
    bump="router-upstream",
    points=("client", Point("upstream", can_tell=False)),
)
def ping_path(lab: Lab) -> None:
    """The bump drops everything from 1.2 s on; grpcio's client pings after a second of quiet and
    waits another.
    """
    grpc.server(lab, lab.upstream, 50051, *_ALLOWS)
    _later(1.2, lambda: lab.bump.add(rules.drop(rules.Match())))
    grpc.call(lab, lab.client, (lab.upstream.ip, 50051), "hang", *_PINGS, seconds=8)
    lab.sleep(1.5)
    codes = ["http2.ping_timeout", "tcp.data_timeout"]
    leg = lab.leg(lab.upstream, 50051)
    lab.judge(leg, codes, ["path", "unknown"], ended_by=["initiator", None])
    lab.others = "any"


# windows


@scenario("http2.flow_control_stall-upload", "The server stops granting window in an upload")
def stall_upload(lab: Lab) -> None:
    """A server grants 8192 bytes and no more; curl uploads 20,000 and gives up after two
    seconds.
    """

    def ignore(session: http2.Session, _stream: int) -> None:
        session.grants = False

    handler = http2.server(ignore, {_INITIAL_WINDOW: 8192})
    server = lab.upstream.serve(8080, handler)
    data = lab.file("upload", b"x" * 20_000)
    url = f"http://{server.address[0]}:8080/upload"
    lab.used("curl")
    lab.client.curl("--http2-prior-knowledge", "--data-binary", f"@{data}", url, timeout=2)
    lab.judge(
        lab.leg(lab.upstream, 8080),
        "http2.flow_control_stall",
        "responder",
        ended_by=["initiator"],
    )


@scenario("http2.flow_control_stall-download", "The client stops granting window in a download")
def stall_download(lab: Lab) -> None:
    """A client gives a window of 10,000 bytes and no more; nghttpd has 30,000 to send; the client
    leaves after two seconds.
    """
    nghttp2.server(lab, lab.upstream, 8080)
    (lab.directory / "www" / "big").write_bytes(b"x" * 30_000)
    connection = lab.client.connect((lab.upstream.ip, 8080))
    session = http2.Session(connection, client=True, settings={_INITIAL_WINDOW: 10_000})
    session.grants = False
    session.request("/big")
    for _ in session.events(2):
        pass
    connection.close()
    lab.judge(connection, "http2.flow_control_stall", "initiator", ended_by=["initiator"])


@scenario(
    "http2.flow_control_stall-envoy",
    "The upstream stops granting window; Envoy's timeout answers 504",
    path=PROXIED,
    points=_BOTH,
)
def stall_envoy(lab: Lab) -> None:
    """An upstream answers a first request, then grants 4096 bytes of an upload of 12,000 on the
    same connection and no more; route timeout 1 s.
    """

    def handle(session: http2.Session, stream: int) -> None:
        if stream == 1:
            session.respond(stream)
        session.grants = False

    server = lab.upstream.serve(9000, http2.server(handle, {_INITIAL_WINDOW: 4096}))
    envoy.simple(lab, server.address, h2=True, route={"timeout": "1s"})
    data = lab.file("upload", b"x" * 12_000)
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    lab.client.curl("--data-binary", f"@{data}", f"http://{lab.proxy.ip}:8080/upload")
    cause = lab.leg(lab.upstream, 9000)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(lab.leg(lab.proxy, 8080, 1), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "http2.flow_control_stall", "responder")


# lost in a shutdown


@scenario("http2.stream_lost-nginx-shutdown", "NGINX shuts down and cuts a slow response")
def lost_nginx(lab: Lab) -> None:
    """NGINX sends 300 bytes a second of 2000; told to quit, with worker_shutdown_timeout 1 s."""
    body = "x" * 2000
    text = f"server {{ listen 8080 http2; limit_rate 300; location / {{ return 200 '{body}'; }} }}"
    process = nginx.start(lab, lab.upstream, text, port=8080, main="worker_shutdown_timeout 1s;")
    _later(1, lambda: process.popen.send_signal(signal.SIGQUIT))
    lab.used("curl")
    lab.client.curl("--http2-prior-knowledge", f"http://{lab.upstream.ip}:8080/")
    lab.judge(lab.leg(lab.upstream, 8080), "http2.stream_lost", "responder")
    lab.findings.expected = ["http2.draining"]


@scenario("http2.stream_lost-grpc-max-age", "A gRPC server's connection age cuts an open stream")
def lost_grpc(lab: Lab) -> None:
    """grpcio's server ends connections after one second and streams half a second later; the
    client reads a stream.
    """
    age = ("grpc.max_connection_age_ms=1000", "grpc.max_connection_age_grace_ms=500")
    grpc.server(lab, lab.upstream, 50051, *age)
    grpc.call(lab, lab.client, (lab.upstream.ip, 50051), "stream", seconds=6)
    codes = ["http2.stream_lost", "grpc.error", "http2.rst_stream"]
    lab.judge(lab.leg(lab.upstream, 50051), codes, "responder")
    lab.findings.expected = ["http2.draining"]
    lab.others = "any"


@scenario(
    "http2.stream_lost-envoy-last-stream",
    "The upstream's GOAWAY leaves the request out, and Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
)
def lost_envoy(lab: Lab) -> None:
    """An upstream that drains answers stream 1 and meets stream 3 with GOAWAY NO_ERROR, last
    stream 1, and FIN.
    """

    def drain(session: http2.Session, stream: int) -> None:
        if stream == 1:
            session.respond(stream)
        else:
            session.goaway(0, 1)
            time.sleep(0.05)
            session.connection.close()

    server = lab.upstream.serve(9000, http2.server(drain))
    envoy.simple(lab, server.address, h2=True)
    lab.used("curl")
    url = f"http://{lab.proxy.ip}:8080/basket"
    lab.client.curl(url)
    lab.client.curl(url)
    cause = lab.leg(lab.upstream, 9000)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(lab.leg(lab.proxy, 8080, 1), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "http2.stream_lost", "responder")
    lab.findings.expected = ["http2.draining"]


@scenario(
    "healthy-http2-goaway-nginx",
    "NGINX ends connections after three requests each, by GOAWAY NO_ERROR: nothing is lost",
    layers=("http2",),
)
def graceful(lab: Lab) -> None:
    """NGINX with keepalive_requests 3; nghttp makes three, three and one requests."""
    text = (
        "server { listen 8080 http2; keepalive_requests 3; location / { return 200 'fine\\n'; } }"
    )
    nginx.start(lab, lab.upstream, text, port=8080)
    for nth, count in enumerate((3, 3, 1)):
        first, *more = [f"http://{lab.upstream.ip}:8080/{number}" for number in range(count)]
        nghttp2.client(lab, lab.client, first, *more)
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    lab.findings.forbidden = ["http2.draining"]


@scenario(
    "healthy-http2-client-cancel",
    "A client cancels a stream whose answer it has, and goes on",
    layers=("http2",),
)
def cancel(lab: Lab) -> None:
    """The server answers and keeps the stream open; the client has what it wants, sends CANCEL,
    and asks again on the same connection.
    """

    def handle(session: http2.Session, stream: int) -> None:
        session.respond(stream, more=[("content-length", "5")], end=stream > 1)

    server = lab.upstream.serve(8080, http2.server(handle))
    connection = lab.client.connect(server.address)
    session = http2.Session(connection, client=True)
    first = session.request("/feed")
    session.wait(http2.DataReceived)
    session.reset(first, 8)
    session.request("/next")
    session.wait(http2.StreamEnded)
    connection.close()
    lab.healthy(connection)


@scenario(
    "healthy-http2-h2load",
    "Many streams at once on two connections, all answered",
    layers=("http2",),
)
def many_streams(lab: Lab) -> None:
    """h2load makes 24 requests on two connections, five streams at once each, of nghttpd."""
    nghttp2.server(lab, lab.upstream, 8080)
    url = f"http://{lab.upstream.ip}:8080/index.html"
    nghttp2.load(lab, lab.client, url, "-n24", "-c2", "-m5")
    for nth in range(2):
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
