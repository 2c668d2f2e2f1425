"""Stories with facts of HTTP made by hand, as a reader would give them."""

from __future__ import annotations

from typing import Unpack

from msgspec.structs import replace

from pcapdiag.diagnose.exchanges import judge_exchanges
from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.application import Application
from pcapdiag.model.http import Exchange, GrpcFacts, HttpFacts, LocalReply
from pcapdiag.model.story import Story
from tests.diagnose.fields import ApplicationFields, ExchangeFields
from tests.diagnose.playbook import GET, HANDSHAKE, OK, SHORT, START, C, S, around, play

ASKED = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"))
ANSWERED = (*ASKED, S("PSH,ACK", OK, after=2), C("ACK", after=0.1))
CUT = (*ASKED, S("PSH,ACK", SHORT), C("ACK"))
CLOSED_BY_CLIENT = (C("FIN,ACK", after=1), S("FIN,ACK"), C("ACK"))
REQUEST, RESPONSE = 4, 6
"""Frames of the request and of the answer in these ladders."""

ENVOY_REFUSED = LocalReply("envoy", "remote connection failure", None)


def exchange(index: int = 0, **changes: Unpack[ExchangeFields]) -> Exchange:
    """Return a healthy exchange; ``changes`` replace fields."""
    asked, answered = START + 600_000, START + 2_800_000
    whole = Exchange(
        index,
        "1.1",
        method="GET",
        target="/pay",
        host="a",
        request_frame=REQUEST,
        request_time=asked,
        request_end_frame=REQUEST,
        request_end_time=asked,
        request_complete=True,
        status=200,
        response_frame=RESPONSE,
        response_time=answered,
        response_end_frame=RESPONSE,
        response_end_time=answered,
        length=5,
        expected_length=5,
        complete=True,
    )
    return replace(whole, **changes)


def short(**changes: Unpack[ExchangeFields]) -> Exchange:
    """Return an exchange whose answer has 5 of 500 bytes."""
    fields: ExchangeFields = {
        "expected_length": 500,
        "complete": False,
        "response_time": START + 1_000_000,
        "response_end_frame": None,
        "response_end_time": None,
        **changes,
    }
    return exchange(**fields)


def call(
    status: int | None, message: str | None = None, /, **changes: Unpack[ExchangeFields]
) -> Exchange:
    """Return a gRPC call that ended with a status."""
    fields: ExchangeFields = {
        "version": "2",
        "stream_id": 1,
        "method": "POST",
        "target": "/shop.Pay/Charge",
        "grpc": GrpcFacts("shop.Pay", "Charge", status, message),
        **changes,
    }
    return exchange(**fields)


def spoken(story: Story, *exchanges: Exchange, **changes: Unpack[ApplicationFields]) -> Story:
    """Return the story with these exchanges; ``changes`` replace fields of the application."""
    http = HttpFacts(requests=len(exchanges), exchanges=list(exchanges))
    application = Application("http1", "http1", http=http)
    return replace(story, application=replace(application, **changes))


def verdict(
    story: Story, *exchanges: Exchange, left: float = 10.0, **changes: Unpack[ApplicationFields]
) -> Judgement:
    """Return the connection's verdict with these exchanges."""
    told = spoken(story, *exchanges, **changes)
    return judge(told, around(told, left))


def failed_codes(story: Story, *exchanges: Exchange) -> list[str]:
    """Return the codes of the failed requests."""
    told = spoken(story, *exchanges)
    return [one.code for one in judge_exchanges(told, around(told))]


def after_answer() -> Story:
    """Return a connection that answered one request and was closed by its client."""
    return play(*ANSWERED, *CLOSED_BY_CLIENT)
