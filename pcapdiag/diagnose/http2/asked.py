"""Words for the request that a connection's end broke off, where it is not just the last turn.

The kinds about a FIN or RST speak of the last turn, which on HTTP/2 may be a PING or many requests,
inside TLS a goodbye, and several requests where they were pipelined.
"""

from __future__ import annotations

from pcapdiag.diagnose.completeness import pipelined_behind
from pcapdiag.diagnose.http2.known import first_open, tells_all
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.tls_asked import unanswered_request
from pcapdiag.diagnose.tls_state import request_number
from pcapdiag.model.story import Story
from pcapdiag.model.units import counted


def asked_at(story: Story) -> int | None:
    """Return when the request that was open at the end had been sent (ns); None if unknown."""
    stream = first_open(story) if tells_all(story) else None
    if stream is not None:
        return stream.request_end_time or stream.request_time
    record = unanswered_request(story)
    return record.time if record is not None else None


def asked_in(story: Story) -> int:
    """Return the frame of that request, or of the last turn where it is not known."""
    stream = first_open(story) if tells_all(story) else None
    record = unanswered_request(story)
    told = stream.request_frame if stream is not None else record.frame if record else None
    return told or story.turn.request_frame


def asked_facts(story: Story, until: int) -> dict[str, str]:
    """Return the words about that request, for an end at ``until`` (ns); none if it is unknown."""
    stream, asked, record = first_open(story), asked_at(story), unanswered_request(story)
    behind = pipelined_behind(story)
    if behind is not None:
        return {
            "request_bytes": counted(behind.size, "byte"),
            "request_frame": str(story.turn.request_last_frame),
            "turn": str(request_number(story) + behind.answered),
        }
    if asked is None:
        return {}
    since = {"since_request": duration(max(0, until - asked))}
    if stream is not None:
        return since | {
            "request_bytes": f"HTTP/2 stream {stream.stream_id}",
            "request_frame": str(asked_in(story)),
            "turn": str(stream.index + 1),
        }
    if record is not None:
        own = story.turn.request_frame <= record.frame
        return since | {
            "request_bytes": counted(record.length, "byte"),
            "request_frame": str(record.frame),
            "turn": str(max(1, request_number(story) - (not own))),
        }
    return {}
