"""Words for the request that a connection's end broke off, where HTTP/2 tells which one it was.

The kinds about a FIN or RST speak of the last turn, which on HTTP/2 may be a PING or many requests.
"""

from __future__ import annotations

from pcapdiag.diagnose.http2.known import first_open, tells_all
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.story import Story


def asked_at(story: Story) -> int | None:
    """Return when the stream that was open at the end had been asked for (ns); None if unknown."""
    stream = first_open(story) if tells_all(story) else None
    return (stream.request_end_time or stream.request_time) if stream is not None else None


def asked_facts(story: Story, until: int) -> dict[str, str]:
    """Return the words about that stream, for an end at ``until`` (ns); none if it is unknown."""
    stream, asked = first_open(story), asked_at(story)
    if stream is None or asked is None:
        return {}
    return {
        "request_bytes": f"HTTP/2 stream {stream.stream_id}",
        "request_frame": str(stream.request_frame),
        "since_request": duration(max(0, until - asked)),
        "turn": str(stream.index + 1),
    }
