"""One exchange in words: for titles, explanations, and the timeline.

A method, a target or a message was written by a stranger: each is made harmless and shortened here
before it goes into a text. None goes into a command.
"""

from __future__ import annotations

from pcapdiag.diagnose.timing import duration
from pcapdiag.model.harmless import harmless
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from pcapdiag.model.units import counted

MAX_TARGET = 80
"""Characters of a request's target in a text; the report's ``http`` member has more."""
MAX_MESSAGE = 160
UNKNOWN_REQUEST = "a request"
NOT_CAPTURED = "not captured"


def request_words(exchange: Exchange) -> str:
    """Return method and target: ``GET /pay``, ``gRPC /shop.Pay/Charge``; something when unknown."""
    target = exchange.target and harmless(exchange.target, MAX_TARGET)
    if exchange.grpc is not None and target:
        return f"gRPC {target}"
    if exchange.method is None:
        return UNKNOWN_REQUEST
    method = harmless(exchange.method, MAX_TARGET)
    return f"{method} {target}" if target else method


def status_words(exchange: Exchange) -> str:
    """Return the status with its reason: ``503 Service Unavailable``; ``no status`` without one."""
    if exchange.status is None:
        return "no status"
    from http import HTTPStatus  # Only here: many captures have no HTTP.

    try:
        return f"{exchange.status} {HTTPStatus(exchange.status).phrase}"
    except ValueError:
        return str(exchange.status)


def quoted(text: str) -> str:
    """Return somebody's words as a sentence may hold them: one line, harmless, in quotes."""
    return f'"{harmless(text.strip(), MAX_MESSAGE)}"'


def frame_words(frame: int | None) -> str:
    """Return ``frame 12``, or that the packet was not captured."""
    return NOT_CAPTURED if frame is None else f"frame {frame}"


def exchange_facts(story: Story, exchange: Exchange) -> dict[str, str]:
    """Return the words that every kind of failed request may use in its templates."""
    asked = exchange.request_end_time or exchange.request_time
    answered = exchange.response_time
    took = ""
    if asked is not None and answered is not None:
        took = f" after {duration(max(0, answered - asked))}"
    over_tls = story.tls is not None
    return {
        "scheme": "https" if over_tls else "http",
        "request": request_words(exchange),
        "status": status_words(exchange),
        "answer": "no status" if exchange.status is None else str(exchange.status),
        "request_where": frame_words(exchange.request_frame),
        "response_where": frame_words(exchange.response_frame),
        "took": took,
        "answer_bytes": counted(exchange.length or 0, "byte"),
        "number": str(exchange.index + 1),
    }


def exchange_frames(exchange: Exchange, *more: int | None) -> tuple[int, ...]:
    """Return the frames of request and answer, and others, in order; each once."""
    frames = (exchange.request_frame, exchange.response_frame, *more)
    return tuple(sorted({frame for frame in frames if frame}))
