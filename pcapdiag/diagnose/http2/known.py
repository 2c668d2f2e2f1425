"""What was read of a connection's HTTP/2, and which streams were open when it ended."""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.http2.errors import NO_ERROR
from pcapdiag.model.ends import side_of
from pcapdiag.model.http import Exchange, GoAway
from pcapdiag.model.story import Story


def streams(story: Story) -> list[Exchange]:
    """Return what is known of the connection's requests on HTTP/2 streams, in order."""
    return [one for one in story.exchanges if one.stream_id]


def is_incomplete(story: Story) -> bool:
    """Return whether bytes were missing, so that an end of a stream may have gone unseen."""
    return story.http is not None and story.http.incomplete


def is_unfinished(exchange: Exchange) -> bool:
    """Return whether neither the answer's end nor a RST_STREAM of the stream was seen."""
    return not exchange.complete and exchange.ended_by is None


def is_short(exchange: Exchange) -> bool:
    """Return whether END_STREAM came before all bytes of Content-Length (RFC 9113 8.1.1)."""
    got, announced = exchange.length or 0, exchange.expected_length
    noted = exchange.complete and exchange.malformed_by == "responder"
    return noted and announced is not None and got < announced


def drained(story: Story) -> GoAway | None:
    """Return the responder's last GOAWAY where it was a graceful one (NO_ERROR).

    In a two-step shutdown only the last one has the real last stream.
    """
    facts = story.http2
    own = [one for one in facts.goaways if not one.from_initiator] if facts else []
    return own[-1] if own and own[-1].code == NO_ERROR else None


def first_open(story: Story) -> Exchange | None:
    """Return the first stream that nobody had ended when the story was; None without one."""
    left = _left_at(story)
    return next((one for one in streams(story) if _is_open(one, left)), None)


def _is_open(exchange: Exchange, left: int | None) -> bool:
    """Return whether an answer's end did not come, or not before its reader had ``left`` (ns)."""
    late = left is not None and exchange.complete and (exchange.response_end_time or 0) > left
    return late or is_unfinished(exchange)


def _left_at(story: Story) -> int | None:
    """Return when the initiator left so that its host answered by RST what came later; or None.

    Else it may only have closed its own direction.
    """
    end = ending(story)
    if end is None or not end.by_initiator:
        return None
    return end.time if any(reset.from_initiator for reset in story.resets) else None


def tells_all(story: Story) -> bool:
    """Return whether every stream's end was seen where there was one: nothing is missing."""
    facts = story.http2
    return facts is not None and facts.preface and not facts.problem and not is_incomplete(story)


def has_begun(exchange: Exchange) -> bool:
    """Return whether anything of the answer came."""
    return exchange.status is not None or exchange.response_frame is not None


def with_late_reset(story: Story, exchange: Exchange) -> Exchange:
    """Return the exchange with the RST_STREAM that came behind its END_STREAM, if one did."""
    facts = story.http2
    resets = facts.rst_streams if facts is not None and exchange.reset_code is None else ()
    late = next((reset for reset in resets if reset.stream_id == exchange.stream_id), None)
    if late is None:
        return exchange
    return replace(
        exchange,
        ended_by=side_of(late.from_initiator),
        reset_code=late.code,
        reset_frame=late.frame,
        reset_time=late.time,
    )
