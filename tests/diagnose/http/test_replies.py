"""A proxy's own replies: in an upstream's place, without an endpoint, over a limit."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.http.reply import BY_ITS_CALL, FLAGS
from pcapdiag.diagnose.judgement import OtherCode
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import fill
from pcapdiag.model.http import GrpcFacts, LocalReply
from pcapdiag.protocols.http.local_reply import NO_ROUTE
from tests.diagnose.http.spoken import (
    ENVOY_REFUSED,
    REQUEST,
    RESPONSE,
    after_answer,
    call,
    exchange,
    verdict,
)
from tests.diagnose.playbook import sides


def replied(status: int, reply: LocalReply | None) -> str:
    return verdict(after_answer(), exchange(status=status, local_reply=reply)).code


def test_envoy_s_own_503_is_the_proxy_s_doing() -> None:
    judgement = verdict(after_answer(), exchange(status=503, local_reply=ENVOY_REFUSED))
    assert judgement.code == "http.local_reply"
    assert judgement.failed
    assert judgement.exchange == 0
    assert judgement.frames == (REQUEST, RESPONSE)
    assert max(sides(judgement), key=lambda side: sides(judgement)[side]) == "responder"
    assert judgement.observed
    assert judgement.observed.flag == "UF"
    assert judgement.observed.reset_reason == "remote connection failure"


@pytest.mark.parametrize("status", [400, 404, 429, 500, 502, 503, 504])
def test_an_origin_s_own_error_is_ok(status: int) -> None:
    assert replied(status, None) == "ok"


@pytest.mark.parametrize("status", [400, 404, 408, 413, 431])
def test_what_a_proxy_refuses_of_its_client_stands_for_no_upstream(status: int) -> None:
    assert replied(status, LocalReply("nginx", "a request that is too large")) == "ok"


def test_nginx_gives_503_only_for_its_own_limits() -> None:
    assert replied(503, LocalReply("nginx", "no upstream could be used")) == "ok"
    assert replied(502, LocalReply("nginx", "the upstream failed")) == "http.local_reply"
    assert replied(504, LocalReply("nginx", "the upstream was late")) == "http.local_reply"


def test_tinyproxy_gives_500_where_it_cannot_connect() -> None:
    assert replied(500, LocalReply("tinyproxy", "the upstream failed")) == "http.local_reply"
    assert replied(500, LocalReply("lighttpd", "the upstream failed")) == "ok"


def test_haproxy_s_503_may_mean_that_no_server_is_up() -> None:
    reply = LocalReply("haproxy", "no upstream could be used")
    judgement = verdict(after_answer(), exchange(status=503, local_reply=reply))
    assert judgement.code == "http.local_reply"
    assert judgement.alternatives == (OtherCode("http.no_healthy_upstream", 0.3),)
    assert judgement.observed is None


@pytest.mark.parametrize(
    ("reason", "flag", "knob"),
    [
        ("fault filter abort", "FI", "envoy.filters.http.fault"),
        ("local_rate_limited", "RL", "token_bucket"),
        ("unconditional drop overload", "UDO", "drop_overloads"),
        ("envoy overloaded", None, "overload_manager"),
        ("DNS resolution failure", "DF", "typed_dns_resolver_config"),
    ],
)
def test_envoys_filters_ask_no_upstream(reason: str, flag: str | None, knob: str) -> None:
    reply = exchange(status=503, local_reply=LocalReply("envoy", reason))
    judgement = verdict(after_answer(), reply)
    assert judgement.code == "http.local_reply"
    assert judgement.observed
    assert judgement.observed.flag == flag
    assert "asked no upstream" in judgement.facts["next_leg"]
    assert knob in judgement.fixes[0]


@pytest.mark.parametrize(
    ("product", "knob", "others"),
    [
        ("nginx", "proxy_read_timeout", "Envoy"),
        ("haproxy", "timeout server", "proxy_read_timeout"),
        ("envoy", "connect_timeout", "HAProxy"),
    ],
)
def test_what_to_change_names_the_knobs_of_that_proxy(product: str, knob: str, others: str) -> None:
    story, said = after_answer(), exchange(status=504, local_reply=LocalReply(product, "late"))
    texts = fill(kind_of("http.local_reply"), verdict(story, said), story)
    told = " ".join((*texts.fixes, *texts.commands))
    assert knob in told
    assert others not in told
    unknown = exchange(status=504, local_reply=LocalReply("", "late"))
    texts = fill(kind_of("http.local_reply"), verdict(story, unknown), story)
    assert knob in " ".join(texts.fixes)
    assert others in " ".join(texts.fixes)


@pytest.mark.parametrize(("status", "sure"), [(502, 0.88), (503, 0.8), (504, 0.88)])
def test_a_page_of_no_product_is_told_by_its_call(status: int, sure: float) -> None:
    story = after_answer()
    judgement = verdict(story, exchange(status=status, local_reply=BY_ITS_CALL))
    assert (judgement.code, judgement.confidence) == ("http.local_reply", sure)
    assert judgement.facts["product"] == story.responder.address
    assert judgement.observed is None


def test_an_answer_told_by_its_call_is_mended_where_its_server_name_says() -> None:
    story = after_answer()
    named = exchange(status=500, local_reply=BY_ITS_CALL, server="lighttpd/1.4.69")
    judgement = verdict(story, named)
    assert judgement.code == "http.local_reply"
    assert "proxy.server" in " ".join(fill(kind_of(judgement.code), judgement, story).fixes)


def test_an_empty_503_under_a_proxy_s_name_is_less_sure() -> None:
    for server, reason in (("envoy", NO_ROUTE), ("Caddy", "no upstream could be used")):
        reply = LocalReply(server.lower(), reason)
        empty = exchange(status=503, server=server, length=0, local_reply=reply)
        judgement = verdict(after_answer(), empty)
        assert (judgement.code, judgement.confidence) == ("http.local_reply", 0.8)


def test_a_reply_that_was_handed_on_is_one_of_the_chain() -> None:
    reply = LocalReply("envoy", "connection timeout", handed_on=True)
    judgement = verdict(after_answer(), exchange(status=503, local_reply=reply))
    assert judgement.code == "http.local_reply"
    assert "handed it on" in judgement.facts["maker"]
    assert judgement.confidence < 0.95


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("no healthy upstream", "http.no_healthy_upstream"),
        ("overflow", "http.overflow"),
        ("connection termination", "http.local_reply"),
        ("stream overflowed", "http.local_reply"),
        (None, "http.local_reply"),
    ],
)
def test_the_narrower_code_comes_first(reason: str | None, code: str) -> None:
    assert replied(503, LocalReply("envoy", reason)) == code


@pytest.mark.parametrize("product", ["traefik", "kong", "aws alb"])
def test_products_that_give_503_for_nothing_else(product: str) -> None:
    reply = LocalReply(product, "no upstream could be used")
    assert replied(503, reply) == "http.no_healthy_upstream"
    assert replied(502, reply) == "http.local_reply"


def test_to_grpc_the_text_stands_in_the_status() -> None:
    text = "upstream connect error or disconnect/reset before headers. reset reason: overflow"
    reply = LocalReply("envoy", "overflow")
    grpc = GrpcFacts("shop.Pay", "Charge", 14, text)
    assert verdict(after_answer(), call(14, local_reply=reply, grpc=grpc)).code == "http.overflow"
    assert verdict(after_answer(), call(14, local_reply=ENVOY_REFUSED)).code == "http.local_reply"
    assert verdict(after_answer(), call(4, local_reply=ENVOY_REFUSED)).code == "http.local_reply"


def test_every_flag_is_one_of_envoy_s() -> None:
    known = "UF UC UR UT UO UH UPE LR OM UMSDR SI FI RL DO UDO DF"
    assert set(FLAGS.values()) == set(known.split())
    assert all(reason == reason.lower() for reason in FLAGS)


def test_a_reason_without_a_flag_is_quoted_and_names_none() -> None:
    reply = LocalReply("envoy", "something new")
    judgement = verdict(after_answer(), exchange(status=503, local_reply=reply))
    assert judgement.observed
    assert judgement.observed.flag is None
