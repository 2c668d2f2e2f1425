"""A proxy's call, and its own client that lost patience meanwhile."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.judge import judge
from pcapdiag.incident.legs import ProxyLegs
from tests.diagnose.playbook import GET, HANDSHAKE, C, S, around, play

CLIENT, PROXY, UPSTREAM = "10.0.0.9", "10.0.1.5", "10.0.2.7"


@pytest.mark.parametrize(("later", "blamed"), [(300, True), (3300, False)])
def test_a_client_that_gave_up_had_waited_for_a_call_only_since_that_was_made(
    later: int, blamed: bool
) -> None:
    asked = (C("PSH,ACK", GET, after=700), S("ACK"))
    client = play(*HANDSHAKE, *asked, C("FIN,ACK", after=5000))
    client.stream, client.initiator.address, client.responder.address = 1, CLIENT, PROXY
    passed_on = (C("PSH,ACK", GET, after=700 + later), S("ACK"))
    call = play(*HANDSHAKE, *passed_on, C("FIN,ACK", after=5000.2 - later))
    call.stream, call.initiator.address, call.responder.address = 2, PROXY, UPSTREAM
    legs = ProxyLegs()
    for story in (client, call):
        context = around(story, 1)
        assert legs.note(story, judge(story, context), context)
    legs.conclude(frozenset())
    verdict = legs.judgement(call, around(call, 1))
    assert (verdict is not None) is blamed
    if verdict is not None:
        assert verdict.code == "tcp.response_timeout"
        assert "its own client gave up at that moment (stream 1)" in verdict.facts["reason"]
