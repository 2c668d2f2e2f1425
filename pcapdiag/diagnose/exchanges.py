"""Requests that failed on a connection, whatever became of the connection: one judgement each.

A kind is asked of one exchange at a time, in the order of EXCHANGES; the first that matches wins
(verdicts.md, "Which code wins"). An exchange that no kind claims did not fail by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from msgspec.structs import replace

from pcapdiag.diagnose.entry import Entry
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.multipath import readable
from pcapdiag.diagnose.shows import GRPC, HTTP2, REPLY, request_shows
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story

WITH_A_REQUEST = frozenset({"in_request", "before_response", "in_response"})
"""Phases in which a request had been sent and its answer was missing or incomplete."""
MAX_KINDS_OF_REQUESTS = 64
"""Combinations of what requests show for which it is kept which kinds to ask."""

EXCHANGES: tuple[Entry, ...] = (
    # Bytes that are no answer at all come before anything that they might be taken for.
    Entry("http.malformed_response"),
    Entry("http2.enhance_your_calm", HTTP2, test="match_exchange"),
    Entry("http2.refused_stream", HTTP2),
    # A proxy's own words, the narrower first, before the gRPC status that carries them.
    Entry("http.no_healthy_upstream", REPLY),
    Entry("http.overflow", REPLY),
    Entry("http.local_reply", REPLY),
    Entry("grpc.error", GRPC),
    # Answers that were cut, refused or lost. A quiet stream's end is a RST_STREAM or a FIN, too, so
    # it is asked before http2.rst_stream and http.truncated_response.
    Entry("http.stream_idle_timeout"),
    Entry("http2.goaway", HTTP2, test="match_exchange"),
    Entry("http2.flow_control_stall", HTTP2, test="match_exchange"),
    Entry("http2.stream_lost", HTTP2),
    Entry("http2.rst_stream", HTTP2),
    Entry("tcp.response_timeout", HTTP2, test="http2.given_up.match"),
    Entry("tcp.reset_before_response", HTTP2, test="http2.left_open.match"),
    Entry("http.response_rejected"),
    Entry("http.response_lost"),
    Entry("http.truncated_response"),
)


def judge_exchanges(story: Story, context: Context) -> Iterator[Judgement]:
    """Yield a judgement for every failed request, in the order of the requests.

    Each has ``exchange`` set. The failure of the connection itself is not looked at.
    """
    for exchange in readable(story):
        judgement = judge_exchange(story, exchange, context)
        if judgement is not None:
            yield judgement


def judge_exchange(story: Story, exchange: Exchange, context: Context) -> Judgement | None:
    """Return how one request failed, or None where it did not."""
    for entry in _asked(request_shows(story, exchange)):
        judgement = entry.match_exchange(story, exchange, context)
        if judgement is not None:
            return replace(judgement, exchange=exchange.index)
    return None


@lru_cache(MAX_KINDS_OF_REQUESTS)
def _asked(shown: int) -> tuple[Entry, ...]:
    """Return the kinds that may match what shows this much, in their order."""
    return tuple(entry for entry in EXCHANGES if entry.needs & shown == entry.needs)
