"""Failures without a RST: the kind's candidates, moved by vantage, ICMP and other connections."""

from __future__ import annotations

from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.model.context import Context, EndpointFacts, HostFacts
from pcapdiag.model.packet import ACK, SYN
from tests.diagnose.attribution.exchange import (
    CLIENT,
    NOTHING,
    SECOND,
    SERVER,
    Exchange,
    known_host,
)

NOBODY_ANSWERED = (SideHint("path", 0.55, "lost or dropped"), SideHint("responder", 0.43, "silent"))
NO_FINAL_ACK = (SideHint("path", 0.58, "lost"), SideHint("initiator", 0.38, "dropped"))
REJECTED = (SideHint("path", 0.6, "a rule"), SideHint("responder", 0.4, "its own rule"))


def judged(code: str, who: tuple[SideHint, ...]) -> Judgement:
    return Judgement(code, True, "connect", 0.9, candidates=who)


def syns() -> Exchange:
    exchange = Exchange()
    for wait in (1, 2, 4):
        exchange.send("client", SYN, seq=1000, ack=0)
        exchange.wait(wait * SECOND)
    return exchange


def syn_acks() -> Exchange:
    exchange = Exchange()
    exchange.send("client", SYN, ack=0)
    for wait in (1, 2, 4):
        exchange.send("server", SYN | ACK, seq=5000)
        exchange.wait(wait * SECOND)
    return exchange


def test_syns_that_nothing_answered_name_nobody() -> None:
    timeout = judged("tcp.connection_timeout", NOBODY_ANSWERED)
    result = attribute(syns().story(), timeout, NOTHING)
    assert result.side == "unknown"
    assert [c.side for c in result.candidates] == ["path", "responder"]
    assert f"capture on {SERVER}" in result.evidence[0].detail


def test_a_syn_that_reached_the_responders_own_capture() -> None:
    context = Context(capture_hosts=frozenset({SERVER}))
    result = attribute(syns().story(), judged("tcp.connection_timeout", NOBODY_ANSWERED), context)
    assert (result.side, result.address) == ("responder", SERVER)
    assert "nstat" in result.evidence[-1].detail


def test_a_syn_in_the_initiators_own_capture_tells_nothing() -> None:
    context = Context(capture_hosts=frozenset({CLIENT}))
    result = attribute(syns().story(), judged("tcp.connection_timeout", NOBODY_ANSWERED), context)
    assert result.side == "unknown"


def test_a_capture_on_the_responders_link_is_not_proof_but_counts() -> None:
    exchange = syns()
    exchange.client.ttl = 61
    exchange.packets = []
    exchange.send("client", SYN, ack=0)
    beside = known_host(SERVER, ttls={64: 30})
    result = attribute(exchange.story(), judged("tcp.connection_timeout", NOBODY_ANSWERED), beside)
    assert "reached_near" in {e.signal for e in result.evidence}
    assert result.side == "responder"
    assert result.confidence < 0.95


def test_a_host_that_answers_on_another_port_is_said_and_not_weighed() -> None:
    context = Context(hosts={SERVER: HostFacts(SERVER, answered=3)})
    result = attribute(syns().story(), judged("tcp.connection_timeout", NOBODY_ANSWERED), context)
    assert result.side == "unknown"
    found = next(e for e in result.evidence if e.signal == "host_alive")
    assert found.weight == 0
    assert "answers on other ports" in found.detail


def test_a_port_that_works_for_others_is_not_another_port() -> None:
    facts = EndpointFacts(SERVER, 8443, established=3)
    hosts = {SERVER: HostFacts(SERVER, answered=3)}
    context = Context(hosts=hosts, endpoints={(SERVER, 8443): facts})
    result = attribute(syns().story(), judged("tcp.connection_timeout", NOBODY_ANSWERED), context)
    assert [e.signal for e in result.evidence] == ["prior", "prior"]


def test_a_kind_without_candidates_names_nobody() -> None:
    result = attribute(syns().story(), judged("tcp.data_timeout", ()), NOTHING)
    assert result.side == "unknown"
    assert result.confidence < 0.8


def test_a_syn_ack_in_the_initiators_own_capture_that_it_never_took() -> None:
    context = Context(capture_hosts=frozenset({CLIENT}))
    stalled = judged("tcp.handshake_stalled", NO_FINAL_ACK)
    result = attribute(syn_acks().story(), stalled, context)
    assert (result.side, result.address) == ("initiator", CLIENT)


def test_a_syn_ack_captured_elsewhere_names_nobody() -> None:
    context = Context(capture_hosts=frozenset({SERVER}))
    stalled = judged("tcp.handshake_stalled", NO_FINAL_ACK)
    assert attribute(syn_acks().story(), stalled, context).side == "unknown"


def test_icmp_from_the_responder_is_the_responder() -> None:
    exchange = syns()
    error = exchange.error(SERVER)
    result = attribute(exchange.story(), judged("icmp.unreachable", REJECTED), NOTHING)
    assert (result.side, result.address) == ("responder", SERVER)
    assert error.frame in result.evidence[-1].frames


def test_icmp_from_a_router_names_its_address() -> None:
    exchange = syns()
    exchange.error("192.0.2.1", code=13)
    result = attribute(exchange.story(), judged("icmp.prohibited", REJECTED), NOTHING)
    assert (result.side, result.address) == ("path", "192.0.2.1")


def test_icmp_from_the_initiators_own_host() -> None:
    exchange = syns()
    exchange.error(CLIENT, code=1)
    result = attribute(exchange.story(), judged("icmp.unreachable", REJECTED), NOTHING)
    assert result.side == "initiator"


def test_what_the_kind_has_decided_is_not_counted_twice() -> None:
    sure = (SideHint("responder", 0.93, "seen there"), SideHint("initiator", 0.02, "rest"))
    context = Context(capture_hosts=frozenset({SERVER}))
    result = attribute(syns().story(), judged("tcp.connection_timeout", sure), context)
    assert (result.side, result.confidence) == ("responder", 0.93)
