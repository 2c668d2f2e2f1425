"""Verdicts in the report's words: what Envoy logs for them, and what it said itself."""

from __future__ import annotations

from pcapdiag.correlate.roles import Ends
from pcapdiag.diagnose.exchanges import judge_exchanges
from pcapdiag.diagnose.judge import judge
from pcapdiag.incident.describe import describe_verdict
from pcapdiag.model.http import Exchange, LocalReply
from pcapdiag.model.report import Attribution, EnvoyWords, Side
from tests.diagnose.http.spoken import after_answer, exchange, spoken
from tests.diagnose.playbook import GET, HANDSHAKE, C, S, around, play

SIDES: tuple[Side, ...] = ("path", "responder")


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


def test_on_loopback_nothing_is_to_be_mended_on_the_path() -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), S("RST,ACK"))
    judgement = judge(story, around(story, 1))
    who, ends = Attribution(side="responder"), Ends("proxy", "upstream")
    assert "middlebox" in describe_verdict(story, judgement, who, ends).fix_at
    story.initiator.address = story.responder.address = "127.0.0.1"
    assert describe_verdict(story, judgement, who, ends).fix_at == ["upstream"]


def test_the_device_that_did_it_is_the_first_place_to_mend() -> None:
    story = play(C("SYN"), S("RST,ACK"))
    judgement = judge(story, around(story, 1))
    places = {
        side: describe_verdict(story, judgement, Attribution(side=side), Ends("proxy", "upstream"))
        for side in SIDES
    }
    assert places["path"].fix_at == ["middlebox", "upstream", "proxy"]
    assert places["responder"].fix_at == ["upstream", "proxy", "middlebox"]
    assert places["path"].fixes[0].startswith("find the device")
