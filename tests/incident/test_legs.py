"""Causes across a proxy, on stories of two legs and on stored captures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.incident import legs as module
from pcapdiag.incident.legs import ProxyLegs
from pcapdiag.model.application import Application
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange, HttpFacts, LocalReply
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Report
from pcapdiag.model.report_http import Http, HttpExchange, LocalReplyFacts
from pcapdiag.model.story import Story
from pcapdiag.pipeline import analyze
from tests.diagnose.playbook import GET, HANDSHAKE, MS, SECOND, START, C, S, again, around, play
from tests.report.fabricate import refused

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "pcaps"
PROXY, UPSTREAM = "10.0.1.5", "10.0.2.7"


def answered(product: str = "envoy", reason: str = "connection failure") -> Story:
    """A client's request that its proxy answered 503 itself, 20 ms after it was asked."""
    exchange = Exchange(
        index=0,
        version="1.1",
        method="GET",
        target="/pay",
        request_frame=4,
        request_time=START + MS,
        request_complete=True,
        status=503,
        response_frame=6,
        response_time=START + 20 * MS,
        complete=True,
        local_reply=LocalReply(product, reason),
    )
    lines = (
        *HANDSHAKE,
        C("PSH,ACK", GET),
        S("ACK"),
        S("PSH,ACK", b"HTTP/1.1 503 x\r\n\r\n", after=18),
    )
    story = play(*lines, application=Application(http=HttpFacts(requests=1, exchanges=[exchange])))
    story.stream = 1
    story.initiator.address, story.responder.address = "10.0.0.9", PROXY
    return story


def test_an_origins_empty_answer_is_not_the_proxys_though_its_name_stands_in_it() -> None:
    client, origin = answered("caddy", "no upstream could be used"), answered()
    client.exchanges[0].server, client.exchanges[0].length = "Caddy", 0
    origin.exchanges[0].local_reply = None
    origin.stream, origin.initiator.address, origin.responder.address = 2, PROXY, UPSTREAM
    assert judge(client, around(client, 1)).code == "http.local_reply"
    assert concluded(client, origin).judgement(client, around(client, 1)) is None
    assert judge(client, around(client, 1)).code == "ok"


def refused_call() -> Story:
    story = play(C("SYN"), S("RST,ACK", after=1))
    story.stream = 2
    return story


def concluded(*stories: Story) -> ProxyLegs:
    legs = ProxyLegs()
    for story in stories:
        context = around(story, 1)
        assert legs.note(story, judge(story, context), context)
    legs.conclude(frozenset())
    return legs


def test_a_proxys_reply_is_told_with_the_refused_call_behind_it() -> None:
    legs = concluded(answered(), refused_call())
    call = refused(stream=2)
    legs.settle(call)
    client = refused(stream=1)
    client.verdict.exchange = 0
    legs.join(client, calls_others=True)
    assert client.caused_by == 2
    cause = client.causes[0]
    assert (cause.frame, cause.code, cause.endpoint) == (
        2,
        "tcp.connection_refused",
        f"{UPSTREAM}:8443",
    )
    assert client.verdict.notes[0].startswith(
        f"Caused on the other leg, 19 ms before: {call.verdict.title}"
    )


def test_a_cause_that_had_not_failed_after_all_is_not_told() -> None:
    legs = concluded(answered(), refused_call())
    cured = refused(stream=2)
    cured.verdict.code, cured.verdict.failed = "ok", False
    legs.settle(cured)
    client = refused(stream=1)
    client.verdict.exchange, client.verdict.code = 0, "http.local_reply"
    legs.join(client, calls_others=True)
    assert (client.caused_by, client.causes) == (None, [])
    assert "No connection that" in client.verdict.notes[0]


@pytest.mark.parametrize(
    ("calls_others", "said"),
    [(True, "in a way and at a moment"), (False, "is in this capture: capture on all")],
)
def test_a_reply_without_a_call_says_why(calls_others: bool, said: str) -> None:
    legs = concluded(answered())
    client = refused(stream=1)
    client.verdict.exchange, client.verdict.code = 0, "http.local_reply"
    legs.join(client, calls_others=calls_others)
    assert client.caused_by is None
    assert said in client.verdict.notes[0]


@pytest.mark.parametrize(
    ("reason", "maker", "said"),
    [
        ("connection failure", PROXY, "A proxy that made none"),
        ("connection failure", None, "to see the other leg."),
        ("fault filter abort", PROXY, ""),
    ],
)
def test_a_reply_that_was_handed_on_had_a_call_and_a_filters_had_none(
    reason: str, maker: str | None, said: str
) -> None:
    legs = concluded(answered(reason=reason))
    client = refused(stream=1)
    client.verdict.exchange, client.verdict.code = 0, "http.local_reply"
    reply = LocalReplyFacts(product="envoy", reason=reason)
    client.http = Http(requests=1, exchanges=[HttpExchange(index=0, local_reply=reply)])
    client.http.exchanges[0].made_by = maker
    legs.join(client, calls_others=False)
    assert said in " ".join(client.verdict.notes)
    assert bool(client.verdict.notes) == bool(said)
    assert maker or not client.verdict.notes[0].endswith("the same.")


def test_several_calls_that_fit_are_named_and_none_is_the_cause() -> None:
    other = refused_call()
    other.stream = 3
    legs = concluded(answered(), refused_call(), other)
    client = refused(stream=1)
    client.verdict.exchange = 0
    legs.join(client, calls_others=True)
    assert client.caused_by is None
    assert "(streams 2, 3)" in client.verdict.notes[0]


def test_failures_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FAILURES", 1)
    assert concluded(answered(), refused_call()).left_out == 1


def test_a_connection_that_worked_is_not_noted() -> None:
    story = play(*HANDSHAKE, C("FIN,ACK"), S("FIN,ACK"), C("ACK"))
    context = Context()
    assert not ProxyLegs().note(story, judge(story, context), context)


def test_the_maker_of_a_reply_is_behind_the_one_that_handed_it_on() -> None:
    inner = answered()
    outer = replace(answered())
    outer.stream = 0
    outer.initiator = replace(inner.initiator, address="10.0.0.8")
    outer.responder = replace(inner.responder, address="10.0.0.9")
    assert outer.application
    assert outer.application.http
    exchange = replace(outer.application.http.exchanges[0], upstream_service_time=True)
    outer.application = Application(http=HttpFacts(requests=1, exchanges=[exchange]))
    legs = concluded(outer, inner)
    client = refused(stream=0)
    client.verdict.exchange = 0
    reply = HttpExchange(index=0, local_reply=LocalReplyFacts(product="envoy"))
    client.http = Http(requests=1, exchanges=[reply])
    legs.join(client, calls_others=True)
    assert (client.caused_by, reply.made_by) == (1, PROXY)
    assert client.verdict.attribution.address == PROXY


def test_a_syn_at_the_captures_end_had_been_given_up_when_the_client_was_told() -> None:
    call = play(C("SYN"))
    call.stream = 2
    client = answered(reason="connection timeout")
    assert client.application
    assert client.application.http
    client.application.http.exchanges[0].response_time = START + 300 * MS
    legs = concluded(client, call)
    context = around(call, 0.05)
    assert judge(call, context).code == "capture.partial"
    told = legs.judgement(call, context)
    assert told is not None
    assert (told.code, told.failed) == ("tcp.connection_timeout", True)


def test_data_at_the_captures_end_had_been_given_up_when_the_client_was_told() -> None:
    request = C("PSH,ACK", GET, lost=True)
    call = play(*HANDSHAKE, request, *again(request, 200, 400, 800))
    call.stream = 2
    client = answered(product="envoy", reason="response timeout")
    assert client.application
    assert client.application.http
    client.application.http.exchanges[0].response_time = START + 1000 * MS
    context = around(call, 0.05)
    assert judge(call, context).code == "capture.partial"
    legs = ProxyLegs()
    for story in (client, call):
        assert legs.note(story, judge(story, around(story, 0.05)), around(story, 0.05))
    legs.conclude(frozenset())
    told = legs.judgement(call, context)
    assert told is not None
    assert (told.code, told.failed) == ("tcp.data_timeout", True)


def read(name: str, capture: str = "proxy.pcap") -> Report:
    return analyze([FIXTURES / name / capture], AnalyzeOptions())


def test_every_try_of_a_request_is_told() -> None:
    client = read("http.local_reply-envoy-retries").connections[0]
    assert [cause.stream for cause in client.causes] == [1, 2, 3]
    assert client.caused_by == 3


def test_an_incident_is_counted_once_at_its_cause() -> None:
    summary = read("http.local_reply-envoy-refused").summary
    assert summary.failed == 2
    assert summary.by_party == {"upstream": 1}


def test_a_chain_of_proxies_leads_to_the_one_that_answered() -> None:
    outer, inner = read("http.local_reply-chain-of-envoys").connections
    assert outer.caused_by == inner.stream
    assert outer.http
    assert outer.http.exchanges[0].made_by == inner.responder.ip


def test_an_upstream_that_was_left_because_the_client_left() -> None:
    connections = read("tcp.initiator_abort-nginx-499").connections
    assert [one.verdict.code for one in connections] == ["tcp.initiator_abort"] * 2
    assert [one.caused_by for one in connections] == [None, connections[0].stream]


@pytest.mark.parametrize(
    "name", ["http.response_rejected-envoy-many-headers", "http.response_lost-envoy-413"]
)
def test_the_other_leg_settles_what_one_leg_only_suggests(name: str) -> None:
    client, call = read(name).connections
    assert call.verdict.code == name.partition("-")[0]
    assert call.verdict.confidence >= 0.9
    assert client.caused_by == call.stream


def test_a_gateways_own_page_is_told_by_its_failed_call_alone() -> None:
    connections = read("http.local_reply-gateway-of-ones-own").connections
    clients = [one for one in connections if one.verdict.code == "http.local_reply"]
    codes = [cause.code for one in clients for cause in one.causes]
    assert codes == [
        "tcp.connection_refused",
        "tcp.reset_before_response",
        "tcp.response_timeout",
        "tcp.closed_before_response",
    ]
    proxy = clients[0].responder.ip
    assert clients[0].verdict.title.startswith(f"{proxy} answered in the upstream's place")


def test_an_origins_503_beside_a_refused_copy_is_no_failure() -> None:
    connections = read("healthy-http-origin-503-beside-a-mirror").connections
    assert {one.verdict.code for one in connections} == {"tcp.connection_refused"}


def test_answers_beyond_the_limit_are_left_to_their_origins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_ANSWERS", 1)
    report = read("http.local_reply-gateway-of-ones-own")
    codes = [one.verdict.code for one in report.connections]
    assert codes.count("http.local_reply") == 1


def test_tries_that_were_given_up_are_known_by_the_next_try() -> None:
    connections = read("http.local_reply-envoy-per-try-timeout").connections
    calls = [one for one in connections if one.verdict.code == "tcp.response_timeout"]
    assert len(calls) == 3
    assert [(one.verdict.confidence, one.verdict.exchange) for one in calls] == [(0.97, 0)] * 3
    assert "made the same call again (stream 2)" in calls[0].verdict.explanation


def test_each_failed_request_of_a_connection_has_its_own_cause() -> None:
    connections = read("http.local_reply-envoy-streams-of-one-client").connections
    calls = {one.verdict.code: one for one in connections}
    client = calls.pop("http.local_reply")
    assert client.caused_by == calls["tcp.reset_before_response"].stream
    closed, silent = client.other_failures
    for other, code in ((closed, "tcp.closed_before_response"), (silent, "tcp.response_timeout")):
        (note,) = other.notes
        assert f"{calls[code].verdict.title} (stream {calls[code].stream}, frame" in note
    told = f"told its own client so at that moment (stream {client.stream})"
    assert told in calls["tcp.response_timeout"].verdict.explanation


def test_requests_told_as_one_have_their_causes_named() -> None:
    client = answered()
    assert client.application
    assert client.application.http
    first = client.application.http.exchanges[0]
    moments = [(START + n * SECOND, START + n * SECOND + 19 * MS) for n in range(1, 4)]
    client.application.http.exchanges += [
        replace(first, index=n, request_time=asked, response_time=said)
        for n, (asked, said) in enumerate(moments, 1)
    ]
    calls = []
    for n, (asked, _) in enumerate(moments, 1):
        call = refused_call()
        call.stream, call.start, call.syn_times = 10 + n, asked + MS, (asked + MS,)
        call.packets = tuple(replace(one, time=one.time + asked - START) for one in call.packets)
        call.resets = tuple(one for one in call.packets if one.is_rst)
        calls.append(call)
    legs = concluded(client, refused_call(), *calls)
    told = refused(stream=1)
    told.verdict.exchange = 0
    told.other_failures = [replace(told.verdict, exchange=1, count=3, notes=[])]
    legs.join(told, calls_others=True)
    note, others = told.other_failures[0].notes
    assert note.startswith("The first of them: Caused on the other leg")
    assert others == "So were the others: streams 12, 13."


def test_a_tunnel_ends_a_second_after_what_ended_it() -> None:
    client, call = read("tcp.closed_before_response-envoy-connect").connections
    assert client.caused_by == call.stream
    assert re.match(r"Caused on the other leg, (1 s|99\d ms) before", client.verdict.notes[0])


def test_a_tls_proxys_goodbye_is_told_with_its_backends_reset() -> None:
    client, call = read("tcp.closed_before_response-stunnel-both-legs").connections
    assert client.verdict.code == "tcp.closed_before_response"
    assert client.caused_by == call.stream


def test_a_client_that_stalls_in_its_upload_is_not_the_upstreams_failure() -> None:
    client, call = read("http.local_reply-haproxy-upload-stalls").connections
    assert (call.verdict.code, call.verdict.attribution.side) == (
        "tcp.initiator_abort",
        "initiator",
    )
    assert client.causes[0].code == "tcp.initiator_abort"
    assert client.verdict.notes[0].startswith("Caused on the other leg: left early")
    assert (
        "never finished its request: it sent nothing more in the 1.5 s" in client.verdict.notes[1]
    )


def test_both_sides_of_a_nat_are_one_failure() -> None:
    report = read("tcp.connection_refused-behind-dnat", "router.pcap")
    assert [one.same_as for one in report.connections] == [None, 0]
    assert (report.summary.connections, report.summary.failed) == (1, 1)
    assert [group.connections for group in report.groups] == [1]


def test_six_clients_at_once_get_their_own_causes() -> None:
    connections = read("http.local_reply-haproxy-six-at-once").connections
    clients = {one.stream: one for one in connections if one.verdict.code == "http.local_reply"}
    ports = {one.stream: one.responder.port for one in connections}
    assert len(clients) == 6
    for client in clients.values():
        assert client.caused_by is not None
        assert ports[client.caused_by] - client.responder.port == 9000 - 8080


def test_a_chain_of_causes_is_told_down_to_where_it_begins() -> None:
    """Two clients' legs, one behind the other, in front of a call that was refused."""
    inner, outer = answered(), answered()
    outer.stream = 3
    outer.initiator.address, outer.responder.address = "10.0.0.8", "10.0.0.9"
    legs = concluded(inner, outer, refused_call())
    call = refused(stream=2)
    told = refused(stream=1)
    told.verdict.exchange, told.verdict.code = 0, "http.local_reply"
    legs.settle(call)
    legs.settle(told)
    client = refused(stream=3)
    client.verdict.exchange = 0
    legs.join(client, calls_others=True)
    assert client.caused_by == 1
    note = client.verdict.notes[0]
    assert note.endswith(f"It goes back to: {call.verdict.title} (stream 2, frame 2).")
    legs.join(told, calls_others=True)
    assert "goes back" not in told.verdict.notes[0]
