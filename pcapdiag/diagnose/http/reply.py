"""A proxy's own answer in an upstream's place, and how Envoy's access log would call it."""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http.words import quoted
from pcapdiag.diagnose.judgement import Judgement, Observed, OtherCode, SideHint
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.harmless import harmless
from pcapdiag.model.http import Exchange, LocalReply
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND
from pcapdiag.protocols.http.local_reply import ENVOY_NO_CALL, IN_PLACE, NO_ROUTE

TINYPROXY_UNABLE = ("tinyproxy", 500)
"""tinyproxy says 500 where it cannot connect (measured)."""
GRPC_IN_PLACE = (4, 8, 13, 14)
"""grpc-status that stands for them where the HTTP status is 200."""
NGINX_LIMITS = 503
"""NGINX gives this status for its own limits and by ``return``, never for an upstream."""
BY_ITS_CALL = LocalReply("", "a call that it made for it had just failed")
"""Of an answer whose page says nothing: the responder's other leg told."""
PRODUCTS = {
    "envoy": "Envoy",
    "nginx": "NGINX",
    "haproxy": "HAProxy",
    "traefik": "Traefik",
    "apache": "Apache",
    "aws alb": "AWS ALB",
    "azure application gateway": "Azure Application Gateway",
    "google cloud load balancer": "Google Cloud load balancer",
    "kong": "Kong",
    "varnish": "Varnish",
    "squid": "Squid",
    "caddy": "Caddy",
    "ats": "Apache Traffic Server",
    "h2o": "H2O",
    "privoxy": "Privoxy",
    "cloudflare": "Cloudflare",
    "iis": "IIS",
    "go": "Traefik or another Go proxy",
}
"""Names of local_reply.py as they are written."""

FLAGS = {
    "connection failure": "UF",
    "remote connection failure": "UF",
    "local connection failure": "UF",
    "connection timeout": "UF",
    "connection termination": "UC",
    "remote reset": "UR",
    "remote reset (no error)": "UR",
    "remote refused stream reset": "UR",
    "remote error with connect request": "UR",
    "local reset": "LR",
    "local refused stream reset": "LR",
    "overflow": "UO",
    "protocol error": "UPE",
    "no healthy upstream": "UH",
    "upstream request timeout": "UT",
    "response timeout": "UT",
    "upstream max stream duration reached": "UMSDR",
    "stream timeout": "SI",
    "overload manager reset": "OM",
    "fault filter abort": "FI",
    "local_rate_limited": "RL",
    "drop overload": "DO",
    "unconditional drop overload": "UDO",
    "dns resolution failure": "DF",
}
"""Envoy's response flag by the reason in its reply (Envoy source)."""


def reply_in_place(exchange: Exchange) -> LocalReply | None:
    """Return the proxy's reply where it stands for an upstream's answer; None for any other."""
    reply = exchange.local_reply
    if reply is None or (reply.product == "nginx" and exchange.status == NGINX_LIMITS):
        return None
    if exchange.status in IN_PLACE or reply == BY_ITS_CALL:
        return reply
    if (reply.product, exchange.status) == TINYPROXY_UNABLE:
        return reply
    called = exchange.grpc is not None and exchange.grpc.status in GRPC_IN_PLACE
    return reply if called else None


def made_no_call(product: str, reason: str | None) -> bool:
    """Return whether a proxy answered without asking anybody: a filter's word, or a limit's."""
    return product == "envoy" and reason in ENVOY_NO_CALL


def _next_leg(reply: LocalReply) -> str:
    if made_no_call(reply.product, reply.reason):
        return " It asked no upstream for it."
    if reply.reason == NO_ROUTE:
        return " An upstream was hardly asked, but maybe an authorization or rate-limit service."
    return " The leg behind it shows what went wrong."


def product_name(reply: LocalReply) -> str:
    """Return the proxy's name as it is written; empty where no product is known."""
    return PRODUCTS.get(reply.product.lower(), harmless(reply.product, 40))


def observed(reply: LocalReply) -> Observed | None:
    """Return Envoy's response flag and reset reason as its reply tells them."""
    if reply.product.lower() != "envoy" or not reply.reason:
        return None
    flag = FLAGS.get(reply.reason.strip().lower())
    return Observed(flag, reply.reason, reply.details)


def reply_judgement(
    story: Story,
    exchange: Exchange,
    reply: LocalReply,
    code: str,
    confidence: float,
    alternatives: tuple[OtherCode, ...] = (),
) -> Judgement:
    """Return the judgement on a request that a proxy answered by itself."""
    product = product_name(reply) or story.responder.address
    why = f"the answer is {product}'s own"
    if reply.reason:
        why += f": {quoted(reply.reason)}"
    maker = ""
    if reply.handed_on:
        product += " further behind"
        maker = f" {story.responder.address} only handed it on: a proxy behind it made it."
        why += ", handed on by this proxy"
    reason = reply.reason or "its page does not say why"
    frames = tuple(frame for frame in (exchange.response_frame,) if frame)
    judgement = request_failed(
        story,
        exchange,
        code,
        "before_response",
        confidence,
        (SideHint("responder", 0.97, why, frames),),
        alternatives=alternatives,
        observed=observed(reply),
        alike=f"{reply.product} {reply.reason}",
        facts={
            "product": product,
            "reason": harmless(reason, 120),
            "details": f", {quoted(reply.details)}" if reply.details else "",
            "maker": maker,
            "next_leg": _next_leg(reply),
        },
    )
    return replace(judgement, notes=_stalled_upload(story, exchange))


def _stalled_upload(story: Story, exchange: Exchange) -> tuple[str, ...]:
    """Say that the client stopped within its request, so that nobody owed it an answer yet."""
    sent, answered = story.turn.request_last_time, exchange.response_time
    if exchange.request_complete or exchange.stream_id is not None or exchange.expects_continue:
        return ()
    if not sent or answered is None or answered - sent < SECOND:
        return ()
    if sent < (exchange.request_time or 0):
        return ()
    return (
        f"{story.initiator.address} never finished its request: it sent nothing more in the "
        f"{duration(answered - sent)} before the answer. What waited behind the proxy may have "
        "waited for the rest of it.",
    )
