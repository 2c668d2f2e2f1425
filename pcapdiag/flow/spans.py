# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""When an endpoint took new connections and when not, and whether it answered others meanwhile."""

from __future__ import annotations

from pcapdiag.flow.callers import CAME_UP
from pcapdiag.flow.records import Endpoint

MAX_SPANS = 32
QUIET = 500_000_000
"""Without a new connection for so long (ns), the requests that are answered are counted."""
# Twins in C of constants that plain Python imports.
_MAX_SPANS = MAX_SPANS
_QUIET = QUIET
_CAME_UP = CAME_UP


class Span:
    """A time in which every new connection to an endpoint had the same outcome.

    That a single SYN was not answered is known late, when others have come up again: it lies in the
    longest time in which none came, the pause. ``served`` are the requests that were answered since
    the last connection, from when until when and with which longest gap between them;
    ``pause_served`` those in the pause.
    """

    def __init__(self, outcome: int, time: int) -> None:
        self.outcome = outcome
        self.first = time
        self.last = time
        self.count = 1
        self.pause = 0
        self.pause_end = 0
        self.before_pause = 0
        self.served = 0
        self.served_first = 0
        self.served_last = 0
        self.served_gap = 0
        self.pause_served = 0
        self.pause_served_first = 0
        self.pause_served_last = 0
        self.pause_served_gap = 0


def note_outcome(endpoint: Endpoint, outcome: int, time: int) -> None:
    """Note whether an endpoint took a new connection; equal outcomes in a row are one span."""
    span: Span | None = endpoint.span
    if span is not None and span.outcome == outcome:
        if time - span.last > span.pause:
            span.pause = time - span.last
            span.pause_end = time
            span.before_pause = span.count
            span.pause_served = span.served
            span.pause_served_first = span.served_first
            span.pause_served_last = span.served_last
            span.pause_served_gap = span.served_gap
        if outcome == _CAME_UP:
            span.served = span.served_gap = 0
        if time < span.first:
            span.first = time
        if time > span.last:
            span.last = time
        span.count += 1
        return
    if len(endpoint.spans) >= _MAX_SPANS:
        endpoint.span = None
        endpoint.spans_left_out += 1
        return
    span = Span(outcome, time)
    endpoint.span = span
    endpoint.spans.append(span)


def note_served(endpoint: Endpoint, time: int) -> None:
    """Note that an endpoint answered a request."""
    span: Span | None = endpoint.span
    if span is None or time - span.last < _QUIET:
        return
    if span.served == 0:
        span.served_first = time
    elif time - span.served_last > span.served_gap:
        span.served_gap = time - span.served_last
    span.served_last = time
    span.served += 1
