"""Failures without a RST: the kind's candidates, moved by vantage, ICMP and other connections."""

from __future__ import annotations

from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.attribution.vantage import capture_hosts
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.model.context import Context, EndpointFacts, HostFacts
from pcapdiag.model.packet import ACK, PSH, SYN
from pcapdiag.model.report import Attribution
from tests.diagnose.attribution.exchange import (
    CLIENT,
    NOTHING,
    SECOND,
    SERVER,
    START,
    Exchange,
    known_host,
    talk,
)

NOBODY_ANSWERED = (SideHint("path", 0.55, "lost or dropped"), SideHint("responder", 0.43, "silent"))
NO_FINAL_ACK = (SideHint("path", 0.58, "lost"), SideHint("initiator", 0.38, "dropped"))
DATA_LOST = (SideHint("path", 0.6, "drops"), SideHint("responder", 0.35, "died"))
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


def test_what_stood_open_is_not_said_to_have_waited_in_an_accept_queue() -> None:
    context = Context(capture_hosts=frozenset({SERVER}))
    gone = judged("tcp.keepalive_timeout", NOBODY_ANSWERED)
    said = attribute(syns().story(), gone, context).evidence[-1].detail
    assert "that host did not answer (it, its network or its program stands still" in said


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


def router(last: int = 10 * SECOND, twice: int = 20) -> Context:
    """A capture on a router's interfaces, which shows twice what it passed on."""
    client = HostFacts(CLIENT, packets=23, duplicates=twice)
    return Context(hosts={CLIENT: client}, last_time=START + last)


def test_syns_that_the_capturing_router_did_not_pass_on() -> None:
    timeout = judged("tcp.connection_timeout", NOBODY_ANSWERED)
    result = attribute(syns().story(), timeout, router())
    assert result.side == "path"
    assert "20 of 20 other packets" in result.evidence[-1].detail
    asking = attribute(syns().story(), timeout, router(last=3 * SECOND))
    assert [e.weight for e in asking.evidence if e.signal == "not_passed_on"] == [0.6]
    assert asking.side == "unknown" or asking.confidence < 0.85


def test_where_others_were_captured_once_too_nothing_was_held_back() -> None:
    timeout = judged("tcp.connection_timeout", NOBODY_ANSWERED)
    assert attribute(syns().story(), timeout, router(twice=10)).side == "unknown"
    passed = syns()
    story = passed.story()
    story.initiator.duplicates = 3
    assert attribute(story, timeout, router(twice=23)).side == "unknown"


def test_syns_only_once_where_what_the_receiver_sends_is_seen_twice() -> None:
    timeout = judged("tcp.connection_timeout", NOBODY_ANSWERED)
    server = HostFacts(SERVER, packets=10, duplicates=9, ttls={64: 10})
    context = Context(hosts={SERVER: server}, last_time=START + 10 * SECOND)
    result = attribute(syns().story(), timeout, context)
    assert result.side == "path"
    assert "9 of 10 other packets of 10.0.2.7" in result.evidence[-1].detail
    server.duplicates = 5
    assert attribute(syns().story(), timeout, context).side != "path"


def test_syns_to_a_service_that_go_on_or_not() -> None:
    timeout = judged("tcp.connection_timeout", NOBODY_ANSWERED)
    service = HostFacts(SERVER, packets=10, sent_by_capture_host=10, translated=True)
    context = Context(hosts={SERVER: service}, last_time=START + 10 * SECOND)
    story = syns().story()
    result = attribute(story, timeout, context)
    assert result.side == "path"
    assert "go on to another address" in result.evidence[-1].detail
    story.goes_on = True
    assert "not_passed_on" not in signals(attribute(story, timeout, context))


def test_a_service_of_the_capturing_node_is_not_the_node() -> None:
    node = HostFacts(SERVER, packets=10, sent_by_capture_host=10)
    assert capture_hosts(Context(hosts={SERVER: node})) == {SERVER}
    node.translated = True
    assert not capture_hosts(Context(hosts={SERVER: node}))


def lost_request() -> Exchange:
    exchange = talk()
    for wait in (1, 2, 4):
        exchange.send("client", PSH | ACK, 100, seq=exchange.client.seq)
        exchange.wait(wait * SECOND)
    return exchange


def served(at: int) -> Context:
    facts = EndpointFacts(SERVER, 8443, established=9, last_established=at)
    return Context(endpoints={(SERVER, 8443): facts})


def test_a_port_that_serves_others_while_one_connection_is_dead() -> None:
    story = lost_request().story()
    story.responder.last_time = START + SECOND
    lost = judged("tcp.data_timeout", DATA_LOST)
    result = attribute(story, lost, served(START + 4 * SECOND))
    assert [(e.signal, e.says) for e in result.evidence][-1] == ("endpoint_serves", "path")
    for at in (START, START + 100 * SECOND):
        assert "endpoint_serves" not in signals(attribute(story, lost, served(at)))


def test_a_syn_answered_from_elsewhere_is_told_and_weighs_nothing() -> None:
    exchange = Exchange()
    exchange.server.ttl = 250
    exchange.handshake()
    exchange.server.ttl = 57
    story = exchange.request().response().request().response().story()
    result = attribute(story, judged("tcp.data_timeout", DATA_LOST), NOTHING)
    assert [e.weight for e in result.evidence if e.signal == "handshake_elsewhere"] == [0.0]
    plain = attribute(talk().story(), judged("tcp.data_timeout", DATA_LOST), NOTHING)
    assert "handshake_elsewhere" not in signals(plain)


def signals(result: Attribution) -> set[str]:
    return {e.signal for e in result.evidence}


def test_what_left_only_a_hole_did_not_get_there() -> None:
    """The receiver's own capture shows what came behind the lost bytes, and its asking for them."""
    exchange = Exchange().handshake()
    exchange.send("client", PSH | ACK, 100, seq=exchange.packets[-1].seq + 300)
    exchange.wait(SECOND)
    exchange.send("server", ACK, ack=exchange.packets[2].seq)
    story = exchange.story()
    story.initiator.gaps, story.initiator.acked = 1, exchange.packets[2].seq
    context = Context(capture_hosts=frozenset({SERVER}))
    result = attribute(story, judged("tcp.data_timeout", DATA_LOST), context)
    assert not [one for one in result.evidence if one.signal.startswith("reached")]
