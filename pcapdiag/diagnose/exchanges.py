"""Requests that failed on a connection, whatever became of the connection: one judgement each.

A kind is asked of one exchange at a time, in the order of EXCHANGES; the first that matches wins
(verdicts.md, "Which code wins"). An exchange that no kind claims did not fail by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile

import msgspec
from msgspec.structs import replace

from pcapdiag.diagnose.grpc import error as grpc_error
from pcapdiag.diagnose.http import (
    local_reply,
    malformed_response,
    no_healthy_upstream,
    overflow,
    response_lost,
    response_rejected,
    stream_idle_timeout,
    truncated_response,
)
from pcapdiag.diagnose.http.facts import exchanges as exchanges
from pcapdiag.diagnose.http2 import (
    enhance_your_calm,
    flow_control_stall,
    given_up,
    goaway,
    left_open,
    refused_stream,
    rst_stream,
    stream_lost,
)
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.multipath import is_multipath
from pcapdiag.diagnose.tcp import reset_before_response, response_timeout
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story

MatchExchange = Callable[[Story, Exchange, Context], Judgement | None]
WITH_A_REQUEST = frozenset({"in_request", "before_response", "in_response"})
"""Phases in which a request had been sent and its answer was missing or incomplete."""


class ExchangeEntry(msgspec.Struct, frozen=True):
    """One kind of failed request and the function that recognises it."""

    kind: Kind
    match: MatchExchange


EXCHANGES: tuple[ExchangeEntry, ...] = (
    # Bytes that are no answer at all come before anything that they might be taken for.
    ExchangeEntry(malformed_response.KIND, malformed_response.match),
    ExchangeEntry(enhance_your_calm.KIND, enhance_your_calm.match_exchange),
    ExchangeEntry(refused_stream.KIND, refused_stream.match),
    # A proxy's own words, the narrower first, before the gRPC status that carries them.
    ExchangeEntry(no_healthy_upstream.KIND, no_healthy_upstream.match),
    ExchangeEntry(overflow.KIND, overflow.match),
    ExchangeEntry(local_reply.KIND, local_reply.match),
    ExchangeEntry(grpc_error.KIND, grpc_error.match),
    # Answers that were cut, refused or lost. A quiet stream's end is a RST_STREAM or a FIN, too, so
    # it is asked before http2.rst_stream and http.truncated_response.
    ExchangeEntry(stream_idle_timeout.KIND, stream_idle_timeout.match),
    ExchangeEntry(goaway.KIND, goaway.match_exchange),
    ExchangeEntry(flow_control_stall.KIND, flow_control_stall.match_exchange),
    ExchangeEntry(stream_lost.KIND, stream_lost.match),
    ExchangeEntry(rst_stream.KIND, rst_stream.match),
    ExchangeEntry(response_timeout.KIND, given_up.match),
    ExchangeEntry(reset_before_response.KIND, left_open.match),
    ExchangeEntry(response_rejected.KIND, response_rejected.match),
    ExchangeEntry(response_lost.KIND, response_lost.match),
    ExchangeEntry(truncated_response.KIND, truncated_response.match),
)


def _readable(story: Story) -> list[Exchange]:
    """Return the requests whose answers are known: of Multipath TCP up to the first with a hole."""
    known = exchanges(story)
    if all(one.complete for one in known) or not is_multipath(story):
        return known
    return list(takewhile(lambda one: one.complete, known))


def judge_exchanges(story: Story, context: Context) -> Iterator[Judgement]:
    """Yield a judgement for every failed request, in the order of the requests.

    Each has ``exchange`` set. The failure of the connection itself is not looked at.
    """
    for exchange in _readable(story):
        judgement = judge_exchange(story, exchange, context)
        if judgement is not None:
            yield judgement


def judge_exchange(story: Story, exchange: Exchange, context: Context) -> Judgement | None:
    """Return how one request failed, or None where it did not."""
    for entry in EXCHANGES:
        judgement = entry.match(story, exchange, context)
        if judgement is not None:
            return replace(judgement, exchange=exchange.index)
    return None


def at_the_end(match: MatchExchange) -> Callable[[Story, Context], Judgement | None]:
    """Return a connection's test from an exchange's: whether its end is that request's failure.

    For kinds that are narrower than the plain TCP code of the close. Only requests are asked that
    had no complete answer (or switched protocols) and were not reset on their own.
    """

    def of_connection(story: Story, context: Context) -> Judgement | None:
        for exchange in _readable(story):
            over = exchange.complete and not exchange.upgrade
            if over or exchange.ended_by is not None:
                continue
            judgement = match(story, exchange, context)
            if judgement is not None:
                return replace(judgement, exchange=exchange.index)
        return None

    return of_connection
