"""Texts of the kinds about HTTP/2 are filled, whatever is known of the stream."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapdiag.diagnose.failed_requests import other_failures
from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import fill
from pcapdiag.incident.describe_http2 import describe_http2, http2_labels
from pcapdiag.model.application import Application
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from tests.diagnose.http2.scenes import (
    CLIENT_CLOSES,
    SERVER_CLOSES,
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
from tests.diagnose.playbook import SERVER, C, Line, S, around

pytestmark = pytest.mark.once

UNREAD = request(1, request_complete=False, request_end_time=None)
CASES: dict[str, tuple[Application, tuple[Line, ...]]] = {
    "http2.goaway": (http2(begun(1), goaways=(goaway(code=6, debug="{x}"),)), SERVER_CLOSES),
    "http2.enhance_your_calm": (http2(goaways=(goaway(code=11),)), SERVER_CLOSES),
    "http2.refused_stream": (http2(reset(request(3), "responder", 7)), ()),
    "http2.rst_stream": (http2(reset(begun(3), "responder", 2)), ()),
    "http2.stream_lost": (http2(begun(1), goaways=(goaway(),)), SERVER_CLOSES),
    "http2.ping_timeout": (http2(begun(1), pings=(ping(100),)), CLIENT_CLOSES),
    "http2.flow_control_stall": (http2(UNREAD, stalls=(stall(10),)), CLIENT_CLOSES),
}


def check_texts(judgement: Judgement, story: Story) -> None:
    texts = fill(kind_of(judgement.code), judgement, story)
    for text in (texts.title, texts.explanation, *texts.fixes):
        assert not re.search(r"\{\w+\}", text.replace("{x}", "").replace("{}", ""))
    for command in texts.commands:
        assert shlex.split(command, comments=True)
    assert judgement.phase is None or judgement.phase in kind_of(judgement.code).phases


@pytest.mark.parametrize("code", sorted(CASES))
def test_every_kind_in_words(code: str) -> None:
    application, lines = CASES[code]
    story = connection(application, *lines)
    judgement = judge(story, around(story))
    assert judgement.code == code
    check_texts(judgement, story)
    texts = fill(kind_of(code), judgement, story)
    assert SERVER[0] in texts.title + texts.explanation
    assert ": " in texts.title, "groups keep what stands before it"
    assert texts.fixes
    assert any(str(SERVER[1]) in command for command in texts.commands)


maybe_time = st.none() | st.integers(0, 5000).map(at)
maybe_number = st.none() | st.integers(0, 300)
any_exchange = st.builds(
    Exchange,
    st.integers(0, 9),
    st.just("2"),
    st.none() | st.integers(0, 9),
    st.sampled_from([None, "GET", "{}"]),
    st.sampled_from([None, "/a", "/\x1b[31m"]),
    request_frame=maybe_number,
    request_time=maybe_time,
    request_end_time=maybe_time,
    request_complete=st.booleans(),
    status=st.sampled_from([None, 200, 503]),
    response_frame=maybe_number,
    response_time=maybe_time,
    length=maybe_number,
    complete=st.booleans(),
    ended_by=st.sampled_from([None, "initiator", "responder", "path"]),
    reset_code=st.none() | st.integers(0, 2**32 - 1),
    reset_frame=maybe_number,
    reset_time=maybe_time,
)


@given(st.data())
def test_any_facts(data: st.DataObject) -> None:
    exchanges = data.draw(st.lists(any_exchange, max_size=3))
    codes, times = st.integers(0, 20), st.integers(0, 5000)
    application = http2(
        *exchanges,
        goaways=tuple(
            goaway(data.draw(codes), data.draw(codes), data.draw(times), client)
            for client in data.draw(st.lists(st.booleans(), max_size=2))
        ),
        pings=tuple(ping(when) for when in data.draw(st.lists(times, max_size=2))),
        stalls=tuple(stall(when) for when in data.draw(st.lists(times, max_size=2))),
    )
    for end in ((), SERVER_CLOSES, CLIENT_CLOSES, (S("RST,ACK"),), (C("RST,ACK"),)):
        story = connection(application, *end)
        context = around(story)
        verdict = judge(story, context)
        check_texts(verdict, story)
        for other in other_failures(story, verdict, context):
            check_texts(other.judgement, story)
    assert application.http
    assert application.http.http2
    describe_http2(application.http.http2)
    list(http2_labels(application.http.http2))
