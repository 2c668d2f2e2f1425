"""What the content of a connection says of its ends (verdicts.md, Attribution).

A proxy shows itself by what it adds: its own replies, its server name, Via and x-envoy-* fields in
answers; SOCKS; a tunnel granted by CONNECT; X-Forwarded-For and the like, a PROXY header and health
checks in requests; Istio's ports and ALPN names. An origin does none of that. Who is asked for a
whole URL is taken for a proxy by its client.
"""

from __future__ import annotations

from pcapdiag.model.ends import End
from pcapdiag.model.http import Exchange
from pcapdiag.model.once import once
from pcapdiag.model.report import Role
from pcapdiag.model.story import Story
from pcapdiag.protocols.http.connect import granted_target
from pcapdiag.protocols.socks import speaks_socks

SIDECAR_PORTS = frozenset({15001, 15006, 15008, 15020, 15021, 15090})
"""Ports of an Istio sidecar (Istio docs): outbound, inbound, HBONE, metrics and readiness."""
MESH_ALPN = "istio"
"""Every ALPN name that only a sidecar offers begins with it (Istio docs)."""
PROXY_SERVERS = frozenset({"envoy", "istio-envoy", "awselb/2.0", "varnish", "cloudflare"})
"""``server`` fields that only proxies send."""
HEALTH_CHECKERS = (
    "amazon-route53-health-check",
    "consul health check",
    "edge health probe",
    "elb-healthchecker/",
    "envoy/hc",
    "googlehc/",
    "haproxy",
    "kube-probe/",
    "load balancer agent",
)
"""How the user agents of proxies' and platforms' health checks begin, in lower case."""
SERVER_ERROR = 500
"""Own pages below it are those of an origin's server, too: 400, 408, 413 (NGINX)."""
ABSOLUTE_FORM = ("http://", "https://", "ftp://")
"""How the target begins in a request to a proxy, and in hardly any other (RFC 9112 3.2.2)."""

_REQUEST_FIELDS = ("x-forwarded-for", "forwarded", "via")
_RESPONSE_FIELDS = ("via",)
_ENVOY_FIELDS = "x-envoy-"
_PROXY_HEADERS = (b"PROXY TCP", b"PROXY UNKNOWN", b"\r\n\r\n\x00\r\nQUIT\n")
"""First bytes of the PROXY protocol's two versions (proxy-protocol.txt, section 2)."""


@once
def content_hints(story: Story) -> dict[End, Role]:
    """Return which ends of a connection its content shows to be proxies.

    One direction alone may be half of a redirected connection, whose answers bear the address that
    the application called (Istio docs): its ends are not who they seem.
    """
    found: dict[End, Role] = {}
    if not (story.initiator.packets and story.responder.packets):
        return {"responder": "proxy"} if story.responder.port in SIDECAR_PORTS else {}
    if _asks_like_a_proxy(story):
        found["initiator"] = "proxy"
    if story.responder.port in SIDECAR_PORTS or _answers_like_a_proxy(story):
        found["responder"] = "proxy"
    return found


def _asks_like_a_proxy(story: Story) -> bool:
    application = story.application
    if story.hello_initiator.startswith(_PROXY_HEADERS):
        return True
    if (application is not None and application.proxy_header) or _offers_mesh(story):
        return True
    if any(e.forwarded or is_health_check(e.user_agent) for e in story.exchanges):
        return True
    return any(
        _shows(head, _REQUEST_FIELDS, "user-agent", HEALTH_CHECKERS)
        for head in {story.turn.request_head, story.hello_initiator}
    )


def _answers_like_a_proxy(story: Story) -> bool:
    if speaks_socks(story) or granted_target(story):
        return True
    if any(map(_is_a_proxys, story.exchanges)):
        return True
    servers = tuple(PROXY_SERVERS)
    return any(
        head.startswith(b"HTTP/1.") and _shows(head, _RESPONSE_FIELDS, "server", servers)
        for head in {story.turn.response_head, story.hello_responder}
    )


def is_health_check(user_agent: str) -> bool:
    """Return whether a user agent is a proxy's or a platform's health check."""
    return user_agent.lower().startswith(HEALTH_CHECKERS)


def _is_a_proxys(exchange: Exchange) -> bool:
    own = exchange.local_reply is not None
    if own and ((exchange.status or 0) >= SERVER_ERROR or exchange.grpc is not None):
        return True
    if exchange.stream_id is None and (exchange.target or "").lower().startswith(ABSOLUTE_FORM):
        return True
    added = exchange.via or exchange.envoy_headers or exchange.upstream_service_time
    return bool(added) or exchange.server.lower() in PROXY_SERVERS


def _offers_mesh(story: Story) -> bool:
    hello = story.tls.client_hello if story.tls else None
    return hello is not None and any(name.startswith(MESH_ALPN) for name in hello.alpn)


def _shows(head: bytes, names: tuple[str, ...], field: str, values: tuple[str, ...]) -> bool:
    """Return whether an HTTP/1 head has a field named so, or ``field`` with such a value.

    ``values`` are beginnings. So does one of Envoy's own fields. A last line that may be cut off
    counts by its name.
    """
    for line in head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if not colon:
            continue
        lowered = name.decode("latin-1").lower()
        if lowered in names or lowered.startswith(_ENVOY_FIELDS):
            return True
        if lowered == field and value.decode("latin-1").strip().lower().startswith(values):
            return True
    return False
