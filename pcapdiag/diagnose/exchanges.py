"""Requests that failed on a connection, whatever became of the connection: one judgement each.

A kind is asked of one exchange at a time, in the order of EXCHANGES; the first that matches wins
(verdicts.md, "Which code wins"). An exchange that no kind claims did not fail by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Kind
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story

MatchExchange = Callable[[Story, Exchange, Context], Judgement | None]
WITH_A_REQUEST = frozenset({"in_request", "before_response", "in_response"})
"""Phases in which a request had been sent and its answer was missing or incomplete."""


class ExchangeEntry(NamedTuple):
    """One kind of failed request and the function that recognises it."""

    kind: Kind
    match: MatchExchange


EXCHANGES: tuple[ExchangeEntry, ...] = ()


def exchanges(story: Story) -> list[Exchange]:
    """Return what is known of the connection's requests, in order; empty where nothing is."""
    application = story.application
    return application.http.exchanges if application and application.http else []


def judge_exchanges(story: Story, context: Context) -> Iterator[Judgement]:
    """Yield a judgement for every failed request, in the order of the requests.

    Each has ``exchange`` set. The failure of the connection itself is not looked at.
    """
    for exchange in exchanges(story):
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


def broken_off(story: Story) -> Exchange | None:
    """Return the first request without a complete answer: the one that the connection's end hit."""
    return next((one for one in exchanges(story) if not one.complete), None)
