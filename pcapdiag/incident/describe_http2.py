"""A connection's HTTP/2 as the report shows it: RST_STREAM and GOAWAY, in JSON and timeline."""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.diagnose.http.words import quoted
from pcapdiag.diagnose.http2.errors import error_name
from pcapdiag.model.ends import side_of
from pcapdiag.model.http import GoAway, Http2Facts, RstStream
from pcapdiag.model.report_http2 import Http2, Http2GoAway, Http2Reset
from pcapdiag.model.units import format_seconds

MAX_LISTED = 100
"""RST_STREAM frames of one connection in the report; ``streams`` is not cut."""


def describe_http2(facts: Http2Facts) -> Http2:
    """Return the connection's resets of streams and announced ends."""
    return Http2(
        rst_stream=[_reset(one) for one in facts.rst_streams[:MAX_LISTED]],
        goaway=[_goaway(one) for one in facts.goaways[:MAX_LISTED]],
        streams=facts.streams,
    )


def http2_labels(facts: Http2Facts) -> Iterator[tuple[int, str]]:
    """Yield in which frame a stream was reset, an end announced, and a window used up, in words."""
    for reset in facts.rst_streams:
        yield reset.frame, f"RST_STREAM {error_name(reset.code)} of stream {reset.stream_id}"
    for goaway in facts.goaways:
        yield goaway.frame, goaway_words(goaway)
    for ping in facts.pings:
        if not ping.ack_frame:
            yield ping.frame, "PING that nobody answered"
    for stall in facts.stalls:
        scope = f"stream {stall.stream_id}" if stall.stream_id else "the connection"
        yield stall.frame, f"window of {scope} used up"
    if facts.problem:
        yield facts.problem_frame, f"no HTTP/2 from here on: {facts.problem}"


def goaway_words(goaway: GoAway) -> str:
    """Return a GOAWAY in words, with the text that came with it."""
    words = f"GOAWAY {error_name(goaway.code)}, last stream {goaway.last_stream_id}"
    return f"{words}: {quoted(goaway.debug)}" if goaway.debug.strip() else words


def _reset(one: RstStream) -> Http2Reset:
    return Http2Reset(
        frame=one.frame,
        time=format_seconds(one.time),
        from_=side_of(one.from_initiator),
        stream_id=one.stream_id,
        error_code=one.code,
        error_name=error_name(one.code),
    )


def _goaway(one: GoAway) -> Http2GoAway:
    return Http2GoAway(
        frame=one.frame,
        time=format_seconds(one.time),
        from_=side_of(one.from_initiator),
        last_stream_id=one.last_stream_id,
        error_code=one.code,
        error_name=error_name(one.code),
        debug=one.debug,
    )
