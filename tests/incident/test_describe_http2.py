"""RST_STREAM and GOAWAY in the report and in the timeline."""

from __future__ import annotations

import json

import msgspec
import pytest

from pcapdiag.incident.describe_http2 import MAX_LISTED, describe_http2, http2_labels
from pcapdiag.incident.labels import labels
from pcapdiag.model.http import Http2Facts, RstStream
from tests.diagnose.http2.scenes import (
    at,
    begun,
    connection,
    goaway,
    http2,
    ping,
    request,
    reset,
    stall,
)

pytestmark = pytest.mark.once


def test_resets_and_goaways_by_name() -> None:
    application = http2(
        reset(request(3), "responder", 7),
        reset(begun(5), "initiator", 0x1F),
        goaways=(goaway(code=11, debug="too_many_pings"),),
    )
    assert application.http
    assert application.http.http2
    shown = json.loads(msgspec.json.encode(describe_http2(application.http.http2)))
    first, second = shown["rst_stream"]
    assert (first["from"], first["stream_id"], first["error_name"]) == (
        "responder",
        3,
        "REFUSED_STREAM",
    )
    assert (second["from"], second["error_code"], second["error_name"]) == ("initiator", 31, "0x1f")
    assert shown["goaway"][0]["error_name"] == "ENHANCE_YOUR_CALM"
    assert shown["goaway"][0]["debug"] == "too_many_pings"
    assert shown["streams"] == 2


def test_what_is_listed_is_bounded_and_what_is_counted_is_not() -> None:
    many = tuple(RstStream(n, at(n), False, 2 * n + 1, 2) for n in range(MAX_LISTED + 20))
    shown = describe_http2(Http2Facts(rst_streams=many, streams=500))
    assert (len(shown.rst_stream), shown.streams) == (MAX_LISTED, 500)


def test_events_of_the_timeline() -> None:
    facts = Http2Facts(
        rst_streams=(RstStream(7, at(1), True, 5, 8),),
        goaways=(goaway(debug="bye\x1b[2J"),),
        pings=(ping(4), ping(5, acked=6)),
        stalls=(stall(2, stream=0),),
        problem="a frame too long",
        problem_frame=9,
    )
    told = dict(http2_labels(facts))
    assert told[7] == "RST_STREAM CANCEL of stream 5"
    assert told[190] == 'GOAWAY NO_ERROR, last stream 1: "bye\\x1b[2J"'
    assert told[195] == "PING that nobody answered"
    assert told[170] == "window of the connection used up"
    assert "a frame too long" in told[9]


def test_they_stand_among_the_labels_of_a_connection() -> None:
    story = connection(http2(reset(request(3), "responder", 2)))
    assert labels(story)[180] == "RST_STREAM INTERNAL_ERROR of stream 3"
