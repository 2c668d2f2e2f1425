"""HTTP/2 connections by hand: a ladder of TCP for the closes, and the facts that a reader would give.

Times are milliseconds since the connection's first packet; frames of HTTP/2 are numbered from 100.
"""

from __future__ import annotations

from typing import Unpack

from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.application import Application
from pcapdiag.model.ends import End
from pcapdiag.model.http import Exchange, GoAway, Http2Facts, HttpFacts, Ping, RstStream, Stall
from pcapdiag.model.story import Story
from tests.diagnose.fields import ExchangeFields, Http2Fields
from tests.diagnose.playbook import HANDSHAKE, MS, START, C, Line, S, around, play
from tests.diagnose.protocol.scenes import PREFACE, SETTINGS

TALK = (*HANDSHAKE, C("PSH,ACK", PREFACE), S("ACK"), S("PSH,ACK", SETTINGS), C("ACK"))
"""Ends after about 1.5 ms, with nothing closed."""
SERVER_CLOSES = (S("FIN,ACK", after=3000), C("FIN,ACK"), S("ACK"))
CLIENT_CLOSES = (C("FIN,ACK", after=3000), S("FIN,ACK"), C("ACK"))
SERVER_RESETS = (S("RST,ACK", win=500, after=3000),)


def at(milliseconds: float) -> int:
    """Return a time of the connection."""
    return START + round(milliseconds * MS)


def request(stream: int, asked: float = 2, **facts: Unpack[ExchangeFields]) -> Exchange:
    """Return a request that got nothing yet; ``facts`` replace fields."""
    fields: ExchangeFields = {
        "method": "GET",
        "target": f"/{stream}",
        "request_frame": 100 + stream,
        "request_time": at(asked),
        "request_end_frame": 100 + stream,
        "request_end_time": at(asked),
        "request_complete": True,
        **facts,
    }
    return replace(Exchange(stream // 2, "2", stream), **fields)


def answered(
    stream: int, asked: float = 2, took: float = 5, **facts: Unpack[ExchangeFields]
) -> Exchange:
    """Return a request with a complete answer."""
    fields: ExchangeFields = {
        "complete": True,
        "response_end_frame": 150 + stream,
        "response_end_time": at(asked + took),
        **facts,
    }
    return begun(stream, asked, took, **fields)


def begun(
    stream: int, asked: float = 2, took: float = 5, **facts: Unpack[ExchangeFields]
) -> Exchange:
    """Return a request whose answer began and did not end."""
    fields: ExchangeFields = {
        "status": 200,
        "response_frame": 140 + stream,
        "response_time": at(asked + took),
        "length": 300,
        **facts,
    }
    return request(stream, asked, **fields)


def reset(exchange: Exchange, by: End, code: int, when: float = 50) -> Exchange:
    """Return the exchange with a RST_STREAM at ``when``."""
    exchange.ended_by = by
    exchange.reset_code, exchange.reset_frame, exchange.reset_time = code, 180, at(when)
    return exchange


def goaway(
    code: int = 0, last: int = 1, when: float = 60, client: bool = False, debug: str = ""
) -> GoAway:
    return GoAway(190, at(when), client, last, code, debug)


def ping(when: float, client: bool = True, acked: float = 0) -> Ping:
    return Ping(195, at(when), client, 196 if acked else 0, at(acked) if acked else 0)


def stall(when: float, stream: int = 1, client: bool = True, until: float = 0) -> Stall:
    return Stall(170, at(when), client, stream, at(until) if until else 0)


def http2(
    *exchanges: Exchange, incomplete: bool = False, **facts: Unpack[Http2Fields]
) -> Application:
    """Return what a reader gives of such a connection."""
    resets = tuple(
        RstStream(
            180, one.reset_time, one.ended_by == "initiator", one.stream_id or 0, one.reset_code
        )
        for one in exchanges
        if one.reset_code is not None and one.reset_time
    )
    events = Http2Facts(preface=True, rst_streams=resets, streams=len(exchanges), **facts)
    http = HttpFacts(len(exchanges), list(exchanges), http2=events, incomplete=incomplete)
    return Application("http2", "http2", http=http)


def connection(application: Application, *lines: Line) -> Story:
    """Return the story of a connection that talked HTTP/2, and then ``lines``."""
    return play(*TALK, *lines, application=application)


def judged(application: Application, *lines: Line, left: float = 10.0) -> Judgement:
    """Return the verdict on it."""
    story = connection(application, *lines)
    return judge(story, around(story, left))
