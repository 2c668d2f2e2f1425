"""Verdicts in the report's words: what Envoy logs for them, and what it said itself."""

from __future__ import annotations

from pcapdiag.correlate.roles import Ends
from pcapdiag.diagnose.exchanges import judge_exchanges
from pcapdiag.incident.describe import describe_verdict
from pcapdiag.model.http import Exchange, LocalReply
from pcapdiag.model.report import Attribution, EnvoyWords
from tests.diagnose.http.spoken import after_answer, exchange, spoken
from tests.diagnose.playbook import around


def envoy_words(failed: Exchange) -> EnvoyWords | None:
    story = spoken(after_answer(), failed)
    (judgement,) = judge_exchanges(story, around(story))
    ends = Ends("client", "proxy")
    verdict = describe_verdict(story, judgement, Attribution(side="responder"), ends, 3)
    assert verdict.exchange == failed.index
    assert verdict.count == 3
    assert verdict.attribution.party == "proxy"
    return verdict.envoy


def replied(reason: str | None, product: str = "envoy") -> EnvoyWords | None:
    reply = LocalReply(product, reason, "delayed connect error: 111")
    return envoy_words(exchange(7, status=503, local_reply=reply))


def test_a_local_reply_is_logged_as_its_text_says() -> None:
    words = replied("remote connection failure")
    assert words
    assert (words.flag, words.reset_reason) == ("UF", "remote connection failure")
    assert words.observed
    assert words.observed.details == "delayed connect error: 111"
    assert words.observed.agrees is None


def test_what_the_code_expects_is_compared_with_what_was_said() -> None:
    words = replied("overflow")
    assert words
    assert words.flag == "UO"
    assert words.observed
    assert words.observed.agrees is True


def test_a_reason_without_a_flag_or_another_product_has_no_words_of_envoy() -> None:
    assert replied("something new") is None
    assert replied("no upstream could be used", "haproxy") is None
