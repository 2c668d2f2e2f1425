"""Whatever a reader says of a connection's requests: judged, told in harmless words, no exception."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pcapdiag.diagnose.exchanges import EXCHANGES as KINDS_OF_REQUESTS
from pcapdiag.diagnose.failed_requests import other_failures
from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.shows import request_shows
from pcapdiag.diagnose.text import fill
from pcapdiag.incident.describe_http import MAX_LISTED, describe_http
from pcapdiag.incident.labels import labels
from pcapdiag.model.application import Application
from pcapdiag.model.http import Exchange, GrpcFacts, HttpFacts, LocalReply
from pcapdiag.model.story import Story
from tests.diagnose.http.spoken import ASKED, CLOSED_BY_CLIENT, CUT
from tests.diagnose.playbook import OK, SECOND, START, C, S, around, play

WORDS = st.text(max_size=12) | st.sampled_from(["\x1b[2J", "{x}", "websocket", "text/event-stream"])
FRAMES = st.none() | st.integers(0, 12)
TIMES = st.none() | st.integers(START - SECOND, START + 400 * SECOND)
SIZES = st.none() | st.integers(0, 1 << 40)
ENDS = st.sampled_from([None, "initiator", "responder"])
STATUS = st.none() | st.sampled_from([0, 101, 200, 400, 413, 500, 502, 503, 504, 999])
REPLIES = st.builds(
    LocalReply,
    st.sampled_from(["envoy", "nginx", "haproxy"]) | WORDS,
    st.none() | WORDS | st.sampled_from(["overflow", "no healthy upstream"]),
    st.none() | WORDS,
    st.booleans(),
)
CALLS = st.builds(
    GrpcFacts, st.none() | WORDS, st.none() | WORDS, st.none() | st.integers(0, 99),
    st.none() | WORDS, SIZES, st.integers(0, 3),
)  # fmt: skip
EXCHANGES = st.builds(
    Exchange,
    st.integers(0, 200),
    st.sampled_from(["1.0", "1.1", "2"]),
    stream_id=st.none() | st.integers(0, 9),
    method=st.none() | WORDS,
    target=st.none() | WORDS,
    request_frame=FRAMES,
    request_time=TIMES,
    request_end_time=TIMES,
    request_complete=st.booleans(),
    status=STATUS,
    response_frame=FRAMES,
    response_time=TIMES,
    response_end_frame=FRAMES,
    response_end_time=TIMES,
    length=SIZES,
    expected_length=SIZES,
    complete=st.booleans(),
    until_close=st.booleans(),
    ended_by=ENDS,
    reset_code=st.none() | st.integers(0, 20),
    reset_frame=FRAMES,
    reset_time=TIMES,
    active_time=TIMES,
    upgrade=st.just("") | WORDS,
    content_type=WORDS,
    server=WORDS,
    response_headers=st.integers(0, 200),
    response_head_bytes=st.integers(0, 9000),
    framing_conflict=st.just("") | WORDS,
    malformed=st.just("") | WORDS,
    malformed_by=ENDS,
    local_reply=st.none() | REPLIES,
    grpc=st.none() | CALLS,
    websocket_close=st.booleans(),
)
STORIES = st.sampled_from(
    [
        play(*ASKED),
        play(*CUT, *CLOSED_BY_CLIENT),
        play(*CUT, S("FIN,ACK", after=60_000), C("FIN,ACK")),
        play(*ASKED, S("PSH,ACK", OK, after=2), S("RST,ACK", win=500)),
        play(*CUT, C("FIN,ACK", after=0.3), S("FIN,ACK")),
    ]
)


@given(STORIES, st.lists(EXCHANGES, max_size=4, unique_by=lambda one: one.index))
@settings(max_examples=80)
def test_any_facts_are_judged_and_told(story: Story, exchanges: list[Exchange]) -> None:
    facts = HttpFacts(requests=len(exchanges), exchanges=exchanges)
    told = replace(story, application=Application("http1", "http1", http=facts))
    context = around(told)
    verdict = judge(told, context)
    others = other_failures(told, verdict, context)
    for judgement in (verdict, *(other.judgement for other in others)):
        assert 0 <= judgement.confidence <= 1
        texts = fill(kind_of(judgement.code), judgement, told)
        for text in (texts.title, texts.explanation, *texts.fixes, *texts.commands):
            assert text.isprintable()
    counted = [index for other in others for index in other.exchanges]
    assert len(counted) == len(set(counted))
    assert verdict.exchange not in counted or verdict.exchange is None
    assert len(describe_http(facts, set(counted), "10.0.2.7").exchanges) <= MAX_LISTED
    assert all(text.isprintable() for text in labels(told).values())


@given(STORIES, EXCHANGES)
@settings(max_examples=80)
def test_what_a_kind_of_request_needs_only_spares_the_asking(
    story: Story, exchange: Exchange
) -> None:
    facts = HttpFacts(requests=1, exchanges=[exchange])
    told = replace(story, application=Application("http1", "http1", http=facts))
    shown = request_shows(told, exchange)
    spared = [entry for entry in KINDS_OF_REQUESTS if entry.needs & ~shown]
    found = [one.code for one in spared if one.match_exchange(told, exchange, around(told))]
    assert found == []
