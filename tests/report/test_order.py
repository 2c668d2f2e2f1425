"""A failure that another leg caused is told in short, right before its cause."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.model.report import Cause, Connection, Group
from pcapdiag.model.report_http import LocalReplyFacts
from pcapdiag.report.callers import NOBODY, callers
from pcapdiag.report.layout import Page
from pcapdiag.report.order import causes, told_order
from pcapdiag.report.text import render_text
from tests.report.fabricate import refused, replied, report, seconds

pytestmark = pytest.mark.once


def effect(stream: int, cause: int) -> Connection:
    """A proxy's own reply, caused by another connection."""
    connection = replied(stream)
    connection.first_frame = stream
    connection.causes = [
        Cause(
            stream=cause,
            frame=122,
            code="tcp.connection_refused",
            time=seconds(1.2),
            endpoint="10.0.2.7:8443",
        )
    ]
    connection.caused_by = cause
    return connection


def told(*connections: Connection) -> list[str]:
    return list(render_text(report(list(connections)), Page(100)))


def entries(rows: list[str]) -> list[str]:
    """The lines of each failure."""
    return "\n".join(rows).split("\nFAILED")[1:]


def test_the_reply_comes_first_and_in_short_and_then_what_caused_it() -> None:
    first, second = entries(told(refused(17), effect(4, 17)))
    assert "http.local_reply" in first
    assert "CHAIN" in first
    assert "tcp.connection_refused at 10.0.2.7:8443 (stream 17)" in first
    assert "SEE     tcp.stream==4" in first
    for label in ("FOR", "FIX", "NEXT", "TIME", "WHO"):
        assert f"\n{label} " not in first
        assert label == "TIME" or f"\n{label} " in second
    assert "ALSO" in first


def test_without_the_cause_in_the_report_it_is_told_in_full() -> None:
    (only,) = entries(told(effect(4, 17)))
    assert "\nFIX " in only
    assert "CHAIN" in only


def group(*streams: int) -> Group:
    return Group(
        code="x", side="responder", party="proxy", connections=1, title="", streams=list(streams)
    )


@pytest.mark.parametrize(
    ("cause_of", "order"),
    [
        ({}, [0, 1, 2, 3]),
        ({3: 0}, [3, 0, 1, 2]),
        ({0: 3}, [0, 3, 1, 2]),
        ({2: 1, 3: 1}, [0, 2, 3, 1]),
    ],
)
def test_effects_stand_right_before_their_cause(cause_of: dict[int, int], order: list[int]) -> None:
    assert told_order([group(n) for n in range(4)], cause_of) == order


def test_what_causes_another_is_a_cause_whatever_caused_it() -> None:
    groups = [group(1), group(2), group(3)]
    samples = {0: effect(1, 2), 1: effect(2, 3), 2: refused(3)}
    found = causes(groups, samples)
    assert found == {0: 1, 1: 2} or found == {0: 1}
    assert sorted(told_order(groups, found)) == [0, 1, 2]


def test_two_that_name_each_other_are_both_told() -> None:
    groups = [group(1), group(2)]
    found = causes(groups, {0: effect(1, 2), 1: effect(2, 1)})
    assert found == {0: 1}
    assert told_order(groups, found) == [0, 1]


@pytest.mark.parametrize(
    ("product", "said"),
    [
        ("envoy", "   Envoy log: UF, remote connection failure"),
        ("haproxy", "   HAProxy log: termination state SC"),
        ("nginx", "   NGINX log: connect() failed (111: Connection refused) while connecting"),
        ("squid", ""),
    ],
)
def test_a_cause_is_told_in_the_words_of_the_proxy_that_met_it(product: str, said: str) -> None:
    client = effect(4, 17)
    assert client.http
    exchange = client.http.exchanges[0]
    client.http.exchanges[0] = replace(exchange, local_reply=LocalReplyFacts(product=product))
    client.verdict.exchange = exchange.index
    _, cause = entries(told(refused(17), client))
    assert f"\nSEE     tcp.stream==17{said}" in cause
    assert said or " log: " not in cause


def test_earlier_tries_are_told_in_the_same_proxys_words() -> None:
    client = effect(4, 17)
    assert client.http
    exchange = client.http.exchanges[0]
    client.http.exchanges[0] = replace(exchange, local_reply=LocalReplyFacts(product="haproxy"))
    client.verdict.exchange = exchange.index
    client.causes.insert(0, replace(client.causes[0], stream=16))
    samples = {0: client, 1: refused(17)}
    of_both = report([*samples.values()])
    assert [stream for _, stream in callers(of_both, {0: 1}, samples)] == [4, 17, 16]


def answered_by(product: str, address: str, stream: int = 4) -> Connection:
    """A failed request that a proxy at this address answered itself."""
    connection = effect(stream, 99)
    connection.responder.ip = address
    assert connection.http
    exchange = connection.http.exchanges[0]
    connection.http.exchanges = [replace(exchange, local_reply=LocalReplyFacts(product=product))]
    connection.verdict.exchange = exchange.index
    return connection


def named(*connections: Connection) -> str:
    """The program whose log tells of the first connection."""
    found = callers(report([*connections]), {}, {})
    return found.get((connections[0].point, connections[0].stream), "")


def test_who_answers_for_others_logs_what_it_calls() -> None:
    call = refused(17)
    assert named(call) == ""
    assert named(call, answered_by("nginx", call.initiator.ip)) == "nginx"
    assert named(call, answered_by("envoy", "10.0.9.9")) == ""
    assert named(call, answered_by("haproxy", "10.0.9.9")) == NOBODY
    both = [answered_by(one, call.initiator.ip, n) for n, one in enumerate(("nginx", "envoy"), 4)]
    assert named(call, *both) == ""


def test_a_client_has_no_proxys_log() -> None:
    call = refused(17)
    call.initiator.role = "client"
    of_it = report([call])
    of_it.topology.assumed = False
    assert callers(of_it, {}, {}) == {(call.point, 17): NOBODY}
    call.verdict.code = "tcp.initiator_abort"
    assert callers(of_it, {}, {}) == {}
