"""What to set where connections do not outlive a quiet time, in the order to try."""

from __future__ import annotations

from pcapdiag.diagnose.findings.idle_times import Timer
from pcapdiag.diagnose.text import flags_filter
from pcapdiag.diagnose.timing import how_long
from pcapdiag.model.packet import RST

_ROUND = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1800)
"""Keep-alive times that people set, seconds."""
GRPC_PERMITS = 300
"""gRPC servers end connections with more frequent pings unless told otherwise (gRPC A8)."""


def keep_alive(timer: Timer) -> int:
    """Return the keep-alive time to set, seconds: well below what was fatal."""
    most = timer.high / 2
    if not timer.is_exact:
        most = min(most, max(timer.low, 1.0))
    return max((one for one in _ROUND if one <= most), default=1)


def fixes(timer: Timer) -> list[str]:
    """Return what to change, the likeliest first."""
    return _of_server(timer) if timer.way == "closed" else _of_device(timer)


def commands(timer: Timer, callers: list[str]) -> list[str]:
    """Return commands that show what is set now, and who resets."""
    caller = callers[0] if callers else "the calling host"
    host, _, port = timer.endpoints[0].rpartition(":")
    address = host.strip("[]")
    if timer.way == "closed":
        return [
            f"ss -tn state close-wait 'dst {host}'  # on {caller}: closed there, still kept here"
        ]
    found = [
        f"ss -tno 'dst {host}'  # on {caller}: timer:(keepalive,...) where it is on",
        f"sysctl net.ipv4.tcp_keepalive_time  # on {caller}",
    ]
    if timer.way in ("at_expiry", "late"):
        resets = flags_filter("tcp-rst", RST, ip_version=6 if ":" in address else 4)
        found.append(
            f"tcpdump -ni any 'tcp port {port} and {resets}'  # on {address}: does the same RST "
            "leave there?"
        )
    return found


def _of_server(timer: Timer) -> list[str]:
    return [
        f"let the caller's pool drop idle connections before {how_long(timer.high)}: Envoy "
        "idle_timeout, Istio connectionPool.http.idleTimeout, NGINX upstream keepalive_timeout, "
        "HAProxy pool-purge-delay",
        "or the server keep them longer than the pool: node keepAliveTimeout, gunicorn "
        "--keep-alive, uvicorn --timeout-keep-alive, Tomcat keepAliveTimeout, Apache "
        "KeepAliveTimeout, NGINX keepalive_timeout",
        "retry once on a new connection: Envoy and Istio retry_on reset, NGINX "
        "proxy_next_upstream error, HAProxy retry-on conn-failure empty-response",
        "TCP keep-alive does not help here: the server waits for a request, not for packets",
    ]


def _of_device(timer: Timer) -> list[str]:
    every, under = keep_alive(timer), timer.high if timer.is_exact else max(timer.low, 1.0)
    ping = f"gRPC: keepalive time {every} s, also without calls"
    if every < GRPC_PERMITS:
        ping += "; the server must permit it (PERMIT_KEEPALIVE_TIME, EnforcementPolicy)"
    return [
        f"let the caller's pool drop connections idle for {how_long(under)}: Envoy idle_timeout, "
        "Istio connectionPool.http.idleTimeout, NGINX upstream keepalive_timeout, HAProxy "
        "pool-purge-delay, the maximum idle time of a database pool",
        f"or TCP keep-alive after {every} s: Envoy tcp_keepalive keepalive_time: {every}, Istio "
        f"connectionPool.tcp.tcpKeepalive.time: {every}s, HAProxy option srvtcpka and "
        f"srvtcpka-idle {every}s, NGINX proxy_socket_keepalive on, and listen "
        f"so_keepalive={every}s at a server",
        f"Linux: net.ipv4.tcp_keepalive_time={every} (7200 by default), for sockets that ask for "
        "keep-alive (SO_KEEPALIVE)",
        ping,
        "or raise the idle timeout of the device between",
    ]
