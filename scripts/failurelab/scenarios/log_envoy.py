"""Envoy's logs beside what was on the wire: the flags that speak of the network."""

from __future__ import annotations

from failurelab import behaviours, envoy, openssl
from failurelab.capture import Point
from failurelab.connections import Leg
from failurelab.envoy import Json
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_BOTH = (Point("proxy", "any"),)
_REFUSED = "tcp.connection_refused"
_RESET = "tcp.reset_before_response"
_CLOSED = "tcp.closed_before_response"
_ISTIO = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% '
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% "
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%"
)
_CUSTOM = (
    "%START_TIME(%Y/%m/%d %H:%M:%S.%3f)% conn=%CONNECTION_ID%/%UPSTREAM_CONNECTION_ID% "
    "from=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% to=%UPSTREAM_REMOTE_ADDRESS% "
    'via=%UPSTREAM_LOCAL_ADDRESS% tries=%UPSTREAM_HOSTS_ATTEMPTED% req="%REQ(:METHOD)% '
    '%REQ(:PATH)%" host=%REQ(:AUTHORITY)% code=%RESPONSE_CODE% flags=%RESPONSE_FLAGS_LONG% '
    'details="%RESPONSE_CODE_DETAILS%" tls="%UPSTREAM_TRANSPORT_FAILURE_REASON%" '
    "attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% took=%DURATION% id=%REQ(X-REQUEST-ID)%"
)
_MEMBERS = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
}


def istio() -> Json:
    """A connection manager that logs in the text format of Istio."""
    return {"access_log": envoy.access_log(_ISTIO)}


def _ask(lab: Lab, path: str = "/checkout", port: int = 8080, times: int = 1) -> None:
    lab.used("curl")
    for _ in range(times):
        lab.client.curl(f"http://{lab.proxy.ip}:{port}{path}")


def _reply(lab: Lab, cause: Leg, port: int = 8080, nth: int = 0) -> None:
    front = lab.leg(lab.proxy, port, nth)
    lab.judge(front, "http.local_reply", "responder", caused_by=cause)


def _caused(lab: Lab, code: str, side: str = "responder") -> None:
    """The client got Envoy's answer; the upstream leg failed so."""
    cause = lab.leg(lab.upstream, 9000)
    _reply(lab, cause)
    lab.judge(cause, code, side)


@scenario(
    "log-envoy-refused",
    "Envoy logs UF: nothing listens at the upstream",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def refused(lab: Lab) -> None:
    """One request to a port where nothing listens; Envoy's default format."""
    envoy.simple(lab, (lab.upstream.ip, 9000))
    _ask(lab)
    _caused(lab, _REFUSED)


@scenario(
    "log-envoy-many",
    "Three upstreams fail in three ways between requests that go well",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def many(lab: Lab) -> None:
    """Four listeners, each with its own upstream port: 9000 answers, 9001 refuses, 9002 resets
    after the request, 9003 closes. Istio's text format.
    """
    _four(lab, istio())


@scenario(
    "log-envoy-json",
    "The same failures, logged as JSON with Istio's keys",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def json_members(lab: Lab) -> None:
    """Four listeners, each with its own upstream port: 9000 answers, 9001 refuses, 9002 resets
    after the request, 9003 closes. Istio's members as JSON.
    """
    _four(lab, {"access_log": envoy.access_log(members=_MEMBERS)})


@scenario(
    "log-envoy-custom",
    "The same failures in a format of the operator's own",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def custom(lab: Lab) -> None:
    """Four listeners, each with its own upstream port: 9000 answers, 9001 refuses, 9002 resets
    after the request, 9003 closes. A custom format with numbers of connections.
    """
    _four(lab, {"access_log": envoy.access_log(_CUSTOM)})
    lab.logs["envoy.log"].form = _CUSTOM


@scenario(
    "log-envoy-clock-ahead",
    "The same failures; the log's clock is 4.2 s ahead of the capture's",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def clock_ahead(lab: Lab) -> None:
    """Four listeners, each with its own upstream port: 9000 answers, 9001 refuses, 9002 resets
    after the request, 9003 closes. Istio's text format, its times moved afterwards.
    """
    _four(lab, istio())
    lab.logs["envoy.log"].shift = 4.2


def _four(lab: Lab, manager: Json) -> None:
    lab.upstream.serve(9000, behaviours.answer())
    lab.upstream.serve(9002, behaviours.reset_after_request(0.05))
    lab.upstream.serve(9003, behaviours.close_after_request(0.05))
    ports = range(9000, 9004)
    listeners = [
        envoy.http_listener(port - 920, cluster=f"up-{port}", manager=manager) for port in ports
    ]
    clusters = [envoy.a_cluster(f"up-{port}", (lab.upstream.ip, port)) for port in ports]
    envoy.start(lab, lab.proxy, listeners, clusters, port=8083)
    for port in (8080, 8081, 8080, 8082, 8083, 8080):
        _ask(lab, f"/items/{port}", port)
        lab.sleep(0.1)
    for nth in range(3):
        lab.healthy(lab.leg(lab.proxy, 8080, nth))
    for port, code in ((9001, _REFUSED), (9002, _RESET), (9003, _CLOSED)):
        cause = lab.leg(lab.upstream, port)
        _reply(lab, cause, port - 920)
        lab.judge(cause, code, "responder")


@scenario(
    "log-envoy-retries",
    "Envoy logs URX,UC once for three upstream connections that were reset",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def retries(lab: Lab) -> None:
    """Two retries on resets; the upstream resets each. Istio's text format."""
    lab.upstream.serve(9000, behaviours.reset_after_request(0.05))
    retry = {"retry_policy": {"retry_on": "reset", "num_retries": 2}}
    envoy.simple(lab, (lab.upstream.ip, 9000), route=retry, manager=istio())
    _ask(lab)
    tries = [lab.leg(lab.upstream, 9000, nth) for nth in range(3)]
    _reply(lab, tries[2])
    for one in tries:
        lab.judge(one, _RESET, "responder", ended_by=["responder"])


@scenario(
    "log-envoy-timeout",
    "Envoy logs UT: the upstream never answered",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def timeout(lab: Lab) -> None:
    """Route timeout 1.5 s; the upstream reads and says nothing. Istio's text format."""
    lab.upstream.serve(9000, behaviours.silent())
    envoy.simple(lab, (lab.upstream.ip, 9000), route={"timeout": "1.5s"}, manager=istio())
    _ask(lab)
    _caused(lab, "tcp.response_timeout")


@scenario(
    "log-envoy-connect-timeout",
    "Envoy logs UF with connection_timeout: the SYN was dropped",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
    kept_apart=False,
)
def connect_timeout(lab: Lab) -> None:
    """The router drops SYNs to the upstream's port; connect_timeout 1 s. Two requests."""
    lab.router2.iptables("-A FORWARD -p tcp --dport 9000 -j DROP")
    envoy.simple(lab, (lab.upstream.ip, 9000), manager=istio())
    _ask(lab)
    lab.sleep(2)
    _ask(lab)
    code = "tcp.connection_timeout"
    for nth, codes in enumerate(([code], [code, "capture.partial"])):
        cause = lab.leg(lab.upstream, 9000, nth)
        _reply(lab, cause, nth=nth)
        lab.judge(cause, codes, ["unknown", "path"], ended_by=[None])


@scenario(
    "log-envoy-tls-expired",
    "Envoy logs UF and why: the upstream's certificate is out of date",
    path=PROXIED,
    points=_BOTH,
    layers=("tls",),
    kept_apart=False,
)
def tls_expired(lab: Lab) -> None:
    """TLS to the upstream, with its authority trusted; the certificate ended yesterday."""
    files = lab.authority.issue("api.example", since=-31, days=30)
    openssl.server(lab, lab.upstream, 9000, files=files)
    tls = envoy.upstream_tls("api.example", trust=lab.authority.cert, newest="TLSv1_2")
    envoy.simple(lab, (lab.upstream.ip, 9000), up_tls=tls, manager=istio())
    _ask(lab)
    _caused(lab, "tls.certificate_expired", "initiator")


@scenario(
    "log-envoy-tls-to-plaintext",
    "Envoy logs UF with WRONG_VERSION_NUMBER: the upstream speaks no TLS",
    path=PROXIED,
    points=_BOTH,
    layers=("protocol", "tls"),
    kept_apart=False,
)
def tls_to_plaintext(lab: Lab) -> None:
    """Envoy speaks TLS to a server that answers in plain HTTP. Istio's text format."""
    lab.upstream.serve(
        9000, behaviours.respond(behaviours.reply(b"no\n", "400 Bad Request", "Connection: close"))
    )
    tls = envoy.upstream_tls("api.example")
    envoy.simple(lab, (lab.upstream.ip, 9000), up_tls=tls, manager=istio())
    _ask(lab)
    _caused(lab, "protocol.tls_to_plaintext")


@scenario(
    "log-envoy-reset-in-response",
    "Envoy logs 200 with UPE: the upstream reset in mid body",
    path=PROXIED,
    points=_BOTH,
    layers=("tcp", "http"),
    kept_apart=False,
)
def reset_in_response(lab: Lab) -> None:
    """The upstream promises 1000 bytes, sends 300 and resets; Envoy had sent the 200 already."""
    server = lab.upstream.serve(9000, behaviours.half_response(reset=True))
    envoy.simple(lab, server.address, manager=istio())
    _ask(lab, "/file")
    lab.sleep(1.2)
    reset = lab.leg(lab.upstream, 9000)
    code = "tcp.reset_in_response"
    lab.judge(lab.leg(lab.proxy, 8080), "http.truncated_response", "responder", caused_by=reset)
    lab.judge(reset, code, "responder", ended_by=["responder"])


@scenario(
    "log-envoy-no-upstream",
    "Envoy logs UH, UO and NR: nothing of it is on any wire",
    path=PROXIED,
    points=_BOTH,
    layers=("http",),
    kept_apart=False,
)
def no_upstream(lab: Lab) -> None:
    """Three listeners: a cluster without endpoints, one whose breaker lets no request through,
    and a route that fits no path. Envoy's default format.
    """
    lab.upstream.serve(9000, behaviours.answer())
    closed = {"circuit_breakers": {"thresholds": [{"max_requests": 0, "max_pending_requests": 0}]}}
    clusters = [
        envoy.a_cluster("none"),
        envoy.a_cluster("closed", (lab.upstream.ip, 9000), more=closed),
    ]
    nowhere = {"route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"]}]}}
    listeners = [
        envoy.http_listener(8080, cluster="none"),
        envoy.http_listener(8081, cluster="closed"),
        envoy.http_listener(8082, manager=nowhere),
    ]
    envoy.start(lab, lab.proxy, listeners, clusters, port=8082)
    for port in (8080, 8081, 8082):
        _ask(lab, port=port)
    lab.judge(lab.leg(lab.proxy, 8080), "http.no_healthy_upstream", "responder", party="proxy")
    lab.judge(lab.leg(lab.proxy, 8081), "http.overflow", "responder", party="proxy")
    lab.others = "any"


@scenario(
    "log-envoy-protocol-error",
    "Envoy logs UPE: the upstream speaks no HTTP",
    path=PROXIED,
    points=_BOTH,
    layers=("http",),
    kept_apart=False,
)
def protocol_error(lab: Lab) -> None:
    """The upstream answers like Redis. Istio's text format."""
    line = b"-ERR wrong number of arguments for 'get' command\r\n"
    lab.upstream.serve(9000, behaviours.answer_and_close(line))
    envoy.simple(lab, (lab.upstream.ip, 9000), manager=istio())
    _ask(lab)
    _caused(lab, "http.malformed_response")


@scenario(
    "log-envoy-client-gone",
    "Envoy logs DC: the client left before the answer",
    path=PROXIED,
    points=_BOTH,
    bump="client-router",
    layers=("tcp", "http"),
    kept_apart=False,
)
def client_gone(lab: Lab) -> None:
    """The upstream needs 0.8 s, as a first request shows; the second client resets 0.13 s after
    its request. Round trip of the client 20 ms. Istio's text format.
    """
    lab.bump.delay = 0.01
    lab.upstream.serve(9000, behaviours.slow(0.8))
    envoy.simple(lab, (lab.upstream.ip, 9000), manager=istio())
    _ask(lab, "/one")
    gone = lab.client.connect((lab.proxy.ip, 8080))
    gone.send(behaviours.get("/two"))
    lab.sleep(0.13)
    gone.reset()
    lab.sleep(1)
    abort = "tcp.initiator_abort"
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(gone, abort, "initiator")
    lab.judge(lab.leg(lab.upstream, 9000), abort, "initiator", caused_by=gone)


@scenario(
    "log-envoy-tcp-proxy",
    "Envoy's TCP proxy logs UF,URX where its backend refuses",
    path=PROXIED,
    points=_BOTH,
    layers=("tcp",),
    kept_apart=False,
)
def tcp_proxy(lab: Lab) -> None:
    """Two ports of tcp_proxy: one backend answers, the other's port is closed. The clients wait
    for the server to speak first. Envoy's default format.
    """
    lab.upstream.serve(3306, behaviours.greet(b"5.7.0 ready\n", behaviours.silent(5)))
    clusters = [
        envoy.a_cluster("up", (lab.upstream.ip, 3306)),
        envoy.a_cluster("down", (lab.upstream.ip, 3307)),
    ]
    listeners = [envoy.tcp_listener(3306), envoy.tcp_listener(3307, cluster="down")]
    envoy.start(lab, lab.proxy, listeners, clusters, port=3307)
    good = lab.client.connect((lab.proxy.ip, 3306))
    good.receive_until(timeout=1)
    good.close()
    refused = lab.client.connect((lab.proxy.ip, 3307))
    refused.receive_all()
    refused.close()
    lab.sleep(0.2)
    cause = lab.leg(lab.upstream, 3307)
    lab.healthy(good)
    lab.judge(refused, "tcp.closed_before_request", "responder", caused_by=cause)
    lab.judge(cause, _REFUSED, "responder", ended_by=["responder"])
