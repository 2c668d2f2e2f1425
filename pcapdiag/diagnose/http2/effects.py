"""HTTP/2 streams that an end gave up only because the other end had closed the connection.

Clients of gRPC's C core (Python, C++, Ruby, PHP) and grpc-js answer a FIN by RST_STREAM for every
open stream (measured). The close ended the stream then: rule 1 of verdicts.md, "Which code wins".
"""

from __future__ import annotations

from pcapdiag.diagnose.disorder import answers_fin
from pcapdiag.diagnose.http2.known import streams
from pcapdiag.model.http import Exchange
from pcapdiag.model.moment import moment
from pcapdiag.model.story import Story


def open_again(story: Story) -> None:
    """Make streams unfinished whose RST_STREAM answers the other end's FIN or RST."""
    facts = story.http2
    late = [one for one in streams(story) if not one.complete and _is_late(story, one)]
    for exchange in late:
        exchange.ended_by = exchange.reset_code = None
        exchange.reset_frame = exchange.reset_time = None
    if facts is not None and late:
        again = (one.stream_id for one in late if one.stream_id)
        facts.open_streams = (*facts.open_streams, *again)


def _is_late(story: Story, exchange: Exchange) -> bool:
    if exchange.ended_by not in ("initiator", "responder") or exchange.reset_time is None:
        return False
    by_initiator = exchange.ended_by == "initiator"
    said = (exchange.reset_time, exchange.reset_frame or 0)
    cut = (p for p in story.resets if p.from_initiator != by_initiator)
    if any(moment(packet) < said for packet in cut):
        return True
    return answers_fin(story, said, by_initiator)
