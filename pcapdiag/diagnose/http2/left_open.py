"""Streams that were open when the connection ended, beside the one that its own verdict is about.

A FIN or RST by the responder ends them all: each is a failed request, of its phase's plain code.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending
from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http2.known import drained, has_begun, is_unfinished, tells_all
from pcapdiag.diagnose.http2.streams import phase_of
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.tcp.closing_reset import reset_facts
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story

SURE = 0.95


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for a stream without an answer that the responder's close or reset ended.

    An answer that had begun and was ended by FIN is http.truncated_response.
    """
    end = ending(story)
    if exchange.stream_id is None or not is_unfinished(exchange) or not tells_all(story):
        return None
    if end is None or end.by_initiator or drained(story) is not None:
        return None
    if end.reset is not None:
        code = "tcp.reset_in_response" if has_begun(exchange) else "tcp.reset_before_response"
    elif has_begun(exchange):
        return None
    else:
        code = "tcp.closed_before_response"
    return _judgement(story, exchange, end, code)


def _judgement(story: Story, exchange: Exchange, end: Ending, code: str) -> Judgement:
    frames = (end.frame,)
    return request_failed(
        story,
        exchange,
        code,
        phase_of(exchange),
        SURE,
        (
            SideHint("responder", 0.88 if end.reset else 0.97, "it bears its address", frames),
            SideHint("path", 0.12 if end.reset else 0.03, "it may be made in its name", frames),
        ),
        frames=frames,
        facts=_facts(story, exchange, end),
    )


def _facts(story: Story, exchange: Exchange, end: Ending) -> dict[str, str]:
    asked = exchange.request_end_time or exchange.request_time or story.start
    return reset_facts(story, end) | {
        "request_bytes": f"HTTP/2 stream {exchange.stream_id}",
        "request_frame": str(exchange.request_frame),
        "fin_frame": str(end.frame),
        "word": "FIN",
        "since_request": duration(max(0, end.time - asked)),
        "turn": str(exchange.index + 1),
        "complete": "Its END_STREAM had not come.",
    }
