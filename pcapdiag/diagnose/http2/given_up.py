"""Streams that the initiator cancelled before any answer: its deadline, its timeout, or its wish.

By RST_STREAM with CANCEL, NO_ERROR, or INTERNAL_ERROR (Envoy at its timeouts). Only a timeout is a
failure of the request: of tcp.response_timeout, as a FIN at that moment would be on HTTP/1.
"""

from __future__ import annotations

from pcapdiag.diagnose.cancel import at_deadline, cancel_of, like_others
from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http.words import request_words
from pcapdiag.diagnose.http2.known import is_incomplete
from pcapdiag.diagnose.http2.streams import phase_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.patience import Patience, patience
from pcapdiag.diagnose.tcp import response_timeout
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import one_direction
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story

SURE_FROM = 0.8
"""Among many streams a cancelled one is a failure only from this probability of a timeout on:
clients that lose interest are the rule."""


def match(story: Story, exchange: Exchange, context: Context) -> Judgement | None:
    """Return the verdict tcp.response_timeout for a stream cancelled at a timeout's value."""
    cancel = cancel_of(exchange)
    if cancel is None or is_incomplete(story) or one_direction(story):
        return None
    told = at_deadline(cancel) or like_others(story, cancel)
    waited = told or patience(story, context, cancel.asked, cancel.time)
    return _judgement(story, exchange, waited) if waited.timeout >= SURE_FROM else None


def _judgement(story: Story, exchange: Exchange, waited: Patience) -> Judgement:
    sure = round(waited.timeout, 2)
    why = "the request was delivered, and it did not answer in time"
    frames = (exchange.reset_frame or 0,)
    return request_failed(
        story,
        exchange,
        response_timeout.KIND.code,
        phase_of(exchange),
        sure,
        (
            SideHint("responder", round(0.97 * sure, 3), why, frames),
            SideHint("initiator", round(0.99 - 0.97 * sure, 3), why, frames),
        ),
        frames=(exchange.reset_frame,),
        alternatives=(OtherCode("tcp.initiator_abort", round(1 - sure, 2)),),
        facts={
            "asked": f"{request_words(exchange)} on stream {exchange.stream_id}",
            "request_frame": str(exchange.request_frame),
            "end_frame": str(exchange.reset_frame),
            "flags": "RST_STREAM",
            "left": "took it back",
            "waited": duration(waited.waited),
            "reason": waited.reason,
            "got": "no byte back",
            "delivered": "the connection was in use",
        },
    )
