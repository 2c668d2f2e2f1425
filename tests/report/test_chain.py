"""A failure as one line of steps."""

from __future__ import annotations

import pytest

from pcapdiag.model.report import Cause, Connection, TimelineEntry
from pcapdiag.model.report_http import GrpcCall, Http, HttpExchange
from pcapdiag.report.chain import both_legs, packets
from tests.report.fabricate import refused, seconds

pytestmark = pytest.mark.once


def answered(status: int) -> Connection:
    """A client's leg: request 118, answered by frame 123 1.4 ms later."""
    client = refused()
    client.verdict.exchange, client.verdict.frames = 0, [118, 123]
    exchange = HttpExchange(
        index=0, request_frame=118, request_time=seconds(1), status=status, response_frame=123
    )
    client.http = Http(requests=1, exchanges=[exchange])
    client.timeline = [
        TimelineEntry(time=seconds(1.0014), frame=123, from_="responder", event=str(status))
    ]
    return client


def test_a_connections_own_packets() -> None:
    assert packets(refused()) == "#291 proxy SYN > #292 upstream RST,ACK +0.31 ms"


def test_a_request_the_refused_call_behind_it_and_the_reply() -> None:
    client = answered(503)
    client.causes = [
        Cause(
            stream=17,
            frame=122,
            code="tcp.connection_refused",
            time=seconds(1.0003),
            endpoint="10.0.2.7:8443",
        )
    ]
    assert both_legs(client) == (
        "#118 request > #122 tcp.connection_refused at 10.0.2.7:8443 (stream 17) +0.30 ms > "
        "#123 503 +1.1 ms"
    )


def test_a_request_that_waited_for_an_older_call() -> None:
    client = answered(503)
    client.timeline = []
    client.causes = [
        Cause(
            stream=17,
            frame=90,
            code="tcp.connection_timeout",
            time=seconds(0.5),
            endpoint="10.0.2.7:8443",
        )
    ]
    assert both_legs(client) == (
        "#90 tcp.connection_timeout at 10.0.2.7:8443 (stream 17) > #118 request +500 ms > #123 503"
    )


def test_of_many_tries_the_last_are_told() -> None:
    client = refused()
    client.causes = [
        Cause(stream=n, frame=n, code="tcp.connection_timeout", endpoint="10.0.2.7:1")
        for n in range(10, 16)
    ]
    told = both_legs(client)
    assert "3 earlier tries > #13 " in told
    assert told.count("tcp.connection_timeout") == 3
    assert told.endswith("#292 end of this leg +0.31 ms")


def test_a_cause_that_went_on_after_the_answer_stands_before_it_and_without_a_time() -> None:
    client = answered(503)
    client.causes = [
        Cause(
            stream=17,
            frame=130,
            code="mtu.black_hole",
            time=seconds(1.2),
            endpoint="10.0.2.7:8443",
        )
    ]
    assert both_legs(client) == (
        "#118 request > mtu.black_hole at 10.0.2.7:8443 (stream 17, until #130) > #123 503 +1.4 ms"
    )


def test_a_grpc_call_ends_with_its_status() -> None:
    client = answered(200)
    assert client.http is not None
    client.http.exchanges[0].grpc = GrpcCall(service="a.B", status=14, name="UNAVAILABLE")
    client.verdict.frames = [118, 123, 127]
    client.timeline.append(
        TimelineEntry(time=seconds(2.0), frame=127, from_="responder", event="grpc-status 14")
    )
    client.causes = [
        Cause(stream=17, frame=126, code="grpc.error", time=seconds(1.5), endpoint="10.0.2.7:8443")
    ]
    assert both_legs(client).endswith("(stream 17) +500 ms > #127 grpc-status 14 +500 ms")


def test_an_answer_that_was_cut_ends_with_the_close_and_not_where_it_began() -> None:
    client = answered(200)
    client.verdict.frames = [118, 123, 131]
    client.timeline.append(
        TimelineEntry(time=seconds(1.3), frame=131, from_="responder", event="FIN,ACK")
    )
    client.causes = [
        Cause(
            stream=17,
            frame=130,
            code="tcp.reset_in_response",
            time=seconds(1.2),
            endpoint="10.0.2.7:8443",
        )
    ]
    assert both_legs(client).endswith("(stream 17) +200 ms > #131 end of this leg +100 ms")
