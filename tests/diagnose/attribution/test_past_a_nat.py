"""The rest of a connection that came past a NAT, to a host that knows it by another address."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.judge import refine
from pcapdiag.model.context import Context, Untranslated
from tests.diagnose.attribution.exchange import CLIENT, MS, NOTHING, Exchange
from tests.diagnose.attribution.test_stories import EVEN, judged


@pytest.mark.parametrize("code", ["tcp.state_lost", "tcp.reset_before_response"])
def test_who_answers_what_a_nat_forgot_is_not_to_blame(code: str) -> None:
    exchange = Exchange(rtt=MS // 10)
    exchange.client.ttl, exchange.server.ttl = 61, 64
    exchange.handshake().request().response().wait(MS).request()
    reset = exchange.reply_reset()
    story = exchange.story()
    alone = attribute(story, judged(code, reset, EVEN), NOTHING)
    assert alone.side != "path"
    known = Context(untranslated=Untranslated("192.0.2.1", 3))
    found = attribute(story, judged(code, reset, EVEN), known)
    assert (found.side, found.confidence > 0.9) == ("path", True)
    assert found.evidence[0].detail == (
        f"these packets of {CLIENT} continue stream 3, which is with 192.0.2.1: a NAT between no "
        "longer translates them"
    )
    refined = refine(judged("tcp.reset_before_response", reset), found, story, known)
    assert refined.code == "tcp.reset_before_response"
    assert refine(refined, found, story, NOTHING).code == "tcp.injected_reset"
