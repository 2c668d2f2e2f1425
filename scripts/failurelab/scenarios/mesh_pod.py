"""A pod with a sidecar: iptables sends its traffic through an Envoy on the same host."""

from __future__ import annotations

from failurelab import behaviours, envoy, openssl
from failurelab.capture import Point
from failurelab.connections import Leg
from failurelab.hosts import Host
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.truth import Accepted

_IN, _OUT = 15006, 15001
_APP = 8080
_APP_USER = "2000"
_POD_IN = (Point("upstream", "any", name="pod"), Point("client"))
_POD_OUT = (Point("client", "any", name="pod"),)
_ONE_LEG = {"client": Accepted(parties=["proxy", "upstream"])}


def _inbound(lab: Lab, *, timeout: str = "2s", tls: envoy.Json | None = None) -> None:
    """The upstream's sidecar takes what comes to the application's port, and asks the
    application from 127.0.0.6, as Istio's does.
    """
    pod = lab.upstream
    pod.iptables(f"-t nat -A PREROUTING -p tcp --dport {_APP} -j REDIRECT --to-ports {_IN}")
    source = {"source_address": {"address": "127.0.0.6", "port_value": 0}}
    cluster = envoy.a_cluster("app", (pod.ip, _APP), more={"upstream_bind_config": source})
    listener = envoy.http_listener(_IN, cluster="app", route={"timeout": timeout}, tls=tls)
    envoy.start(lab, pod, [listener], [cluster], port=_IN)


def _outbound(lab: Lab, *, timeout: str = "2s") -> None:
    """The client's sidecar takes what the application's user sends to port 9000."""
    pod = lab.client
    rule = f"-p tcp --dport 9000 -m owner --uid-owner {_APP_USER}"
    pod.iptables(f"-t nat -A OUTPUT {rule} -j REDIRECT --to-ports {_OUT}")
    cluster = envoy.a_cluster("out", (lab.upstream.ip, 9000))
    listener = envoy.http_listener(_OUT, cluster="out", route={"timeout": timeout})
    envoy.start(lab, pod, [listener], [cluster], port=_OUT)


def _app_asks(lab: Lab) -> None:
    lab.used("curl")
    words = ["setpriv", "--reuid", _APP_USER, "--clear-groups", "curl", "-s", "--max-time", "5"]
    lab.client.run([*words, f"http://{lab.upstream.ip}:9000/prices"], check=False)


def _ask(lab: Lab) -> None:
    lab.used("curl")
    lab.client.curl(f"http://{lab.upstream.ip}:{_APP}/cart")


def _legs(host: Host) -> tuple[Leg, Leg]:
    """The client's connection to the sidecar, and the sidecar's to the application."""
    return Leg((host.ip, _APP)), Leg((host.ip, _APP), 1)


@scenario(
    "http.local_reply-pod-app-down",
    "A sidecar answers 503 because the application in its pod does not listen",
    points=_POD_IN,
    layers=("http", "tcp"),
)
def app_down(lab: Lab) -> None:
    """Nothing listens on the application's port; both legs end at the pod's address and port."""
    _inbound(lab)
    _ask(lab)
    front, app = _legs(lab.upstream)
    lab.judge(front, "http.local_reply", "responder", party="proxy", caused_by=app, at=_ONE_LEG)
    lab.judge(app, "tcp.connection_refused", "responder", party="upstream")


@scenario(
    "http.local_reply-pod-app-resets",
    "A sidecar answers 503 because the application in its pod resets",
    points=_POD_IN,
    layers=("http", "tcp"),
)
def app_resets(lab: Lab) -> None:
    """The application reads the request and closes with linger zero."""
    lab.upstream.serve(_APP, behaviours.reset_after_request(0.1))
    _inbound(lab)
    _ask(lab)
    front, app = _legs(lab.upstream)
    lab.judge(front, "http.local_reply", "responder", party="proxy", caused_by=app, at=_ONE_LEG)
    lab.judge(app, "tcp.reset_before_response", "responder", party="upstream")


@scenario(
    "http.local_reply-pod-app-hangs",
    "A sidecar answers 504 because the application in its pod hangs",
    points=_POD_IN,
    layers=("http", "tcp"),
)
def app_hangs(lab: Lab) -> None:
    """The application reads and never answers; route timeout 1 s."""
    lab.upstream.serve(_APP, behaviours.silent())
    _inbound(lab, timeout="1s")
    _ask(lab)
    front, app = _legs(lab.upstream)
    lab.judge(front, "http.local_reply", "responder", party="proxy", caused_by=app, at=_ONE_LEG)
    lab.judge(app, "tcp.response_timeout", "responder", party="upstream", ended_by=["initiator"])


@scenario(
    "tcp.closed_before_response-pod-behind-tls",
    "An application closes behind its sidecar, to which others speak TLS at its address and port",
    points=(Point("upstream", "any", name="pod"),),
    layers=("http", "tls"),
)
def app_closes(lab: Lab) -> None:
    """The sidecar ends TLS 1.3 for the application's port; the application reads the request and
    closes. The 503 is inside the TLS.
    """
    files = lab.authority.issue("shop.example")
    lab.upstream.serve(_APP, behaviours.close_after_request())
    _inbound(lab, tls=envoy.downstream_tls(files, alpn=("http/1.1",)))
    where = openssl.at((lab.upstream.ip, _APP), "shop.example")
    openssl.curl(lab, lab.client, *where, f"https://shop.example:{_APP}/cart")
    front, app = _legs(lab.upstream)
    hidden = {"pod": Accepted(["ok"])}
    lab.judge(front, "http.local_reply", "responder", party="proxy", at=hidden)
    lab.judge(app, "tcp.closed_before_response", "responder", party="upstream")


@scenario(
    "tcp.connection_refused-pod-own-sidecar-down",
    "An application's own sidecar does not run: its call is redirected to a closed port",
    points=_POD_OUT,
)
def own_sidecar_down(lab: Lab) -> None:
    """The RST bears the address that was called, the SYN that of the sidecar."""
    rule = f"-p tcp --dport 9000 -m owner --uid-owner {_APP_USER}"
    lab.client.iptables(f"-t nat -A OUTPUT {rule} -j REDIRECT --to-ports {_OUT}")
    _app_asks(lab)
    lab.judge(lab.leg("127.0.0.1", _OUT), "tcp.connection_refused", "responder", party="proxy")


@scenario(
    "healthy-pod-inbound",
    "Requests through a sidecar: the same address and port on both legs, lo seen twice",
    points=_POD_IN,
    layers=("http", "tcp"),
)
def works_inbound(lab: Lab) -> None:
    """Two requests of two clients; the application answers."""
    lab.upstream.serve(_APP, behaviours.answer())
    _inbound(lab)
    _ask(lab)
    _ask(lab)
    front, app = _legs(lab.upstream)
    lab.healthy(front)
    lab.healthy(app)


@scenario(
    "http.local_reply-pod-outbound-refused",
    "An application's own sidecar answers 503 because the service refused",
    points=_POD_OUT,
    layers=("http", "tcp"),
)
def outbound_refused(lab: Lab) -> None:
    """The application's connection is redirected to 15001; the service's port is closed."""
    _outbound(lab)
    _app_asks(lab)
    cause = lab.leg(lab.upstream, 9000)
    front = lab.leg("127.0.0.1", _OUT)
    lab.judge(front, "http.local_reply", "responder", party="proxy", caused_by=cause)
    lab.judge(cause, "tcp.connection_refused", "responder", party="upstream")


@scenario(
    "http.local_reply-pod-outbound-silent",
    "An application's own sidecar answers 504 because the service never answered",
    points=_POD_OUT,
    layers=("http", "tcp"),
)
def outbound_silent(lab: Lab) -> None:
    """The application's connection is redirected to 15001; the service reads and is silent."""
    lab.upstream.serve(9000, behaviours.silent())
    _outbound(lab, timeout="1s")
    _app_asks(lab)
    cause = lab.leg(lab.upstream, 9000)
    front = lab.leg("127.0.0.1", _OUT)
    lab.judge(front, "http.local_reply", "responder", party="proxy", caused_by=cause)
    lab.judge(cause, "tcp.response_timeout", "responder", party="upstream", ended_by=["initiator"])


@scenario(
    "healthy-pod-outbound",
    "An application's request through its sidecar",
    points=_POD_OUT,
    layers=("http", "tcp"),
)
def works_outbound(lab: Lab) -> None:
    """The application's connection is redirected to 15001; the service answers."""
    lab.upstream.serve(9000, behaviours.answer())
    _outbound(lab)
    _app_asks(lab)
    lab.healthy(lab.leg("127.0.0.1", _OUT))
    lab.healthy(lab.leg(lab.upstream, 9000))
