"""What a connection's entry says of the other leg: its cause, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.correlate.explanation import Explanation
from pcapdiag.correlate.leg_failure import LegFailure
from pcapdiag.diagnose.http.reply import made_no_call
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.failed_request import failed_exchange
from pcapdiag.model.report import Connection

NAMED = 5
"""Streams named where several fit."""
LEADS_ON = "http.local_reply"
"""The verdict that says of itself that the cause is on another leg."""


def explanation(found: Explanation, title: str, decided: int) -> str:
    """Return a sentence that names the cause, ``title`` in its own words.

    ``decided`` is when the failure showed on this leg (ns).
    """
    last, tries = found.last, len(found.causes)
    where = f"{last.place}, frame {last.frame}"
    leg = "its client's leg" if found.by_client else "the other leg"
    if found.hidden:
        leg = "a leg of the proxy behind, to which this one's own cannot be read (TLS)"
    when = ""
    if 0 < last.decided < decided:
        when = f", {duration(decided - last.decided)} before"
    more = f" It was the last of {tries} tries." if tries > 1 else ""
    return f"Caused on {leg}{when}: {title} ({where}).{more}"


def goes_back(bottom: LegFailure, title: str) -> str:
    """Return a sentence that names where a chain over several proxies begins."""
    return f" It goes back to: {title} ({bottom.place}, frame {bottom.frame})."


def absence(
    connection: Connection, unclear: Sequence[LegFailure], *, calls_others: bool, several: bool
) -> str:
    """Return a sentence that says why no cause is named; empty where none was to be expected.

    ``several`` captures were searched, and not one.
    """
    proxy = connection.responder.ip
    if unclear:
        return _equally_well(proxy, unclear)
    if connection.verdict.code != LEADS_ON or _without_call(connection):
        return ""
    captures = "these captures" if several else "this capture"
    if calls_others:
        return (
            f"No connection that {proxy} opened failed in a way and at a moment that fits: it made "
            "none for this request (no server in use, no free port, a queue, a limit, a rule of "
            "its own), or the one that did is not in "
            f"{captures}, cannot be read, or is one of very many."
        )
    exchange = failed_exchange(connection)
    none = ""
    if exchange is None or exchange.made_by is not None:
        none = (
            " A proxy that made none (no server in use, a name without address, a unix "
            "socket) looks the same."
        )
    return (
        f"No connection that {proxy} opened is in {captures}: capture on all of its "
        f"interfaces to see the other leg.{none}"
    )


def _equally_well(proxy: str, unclear: Sequence[LegFailure]) -> str:
    streams = _streams([call.place for call in unclear])
    called = {call.endpoint for call in unclear}
    if len(called) == 1:
        return (
            f"Caused by a call to {called.pop()}: several of {proxy} failed and fit equally "
            f"well ({streams})."
        )
    return (
        f"Several failed calls of {proxy} fit equally well ({streams}): none is named as the cause."
    )


def several_places(places: Sequence[str]) -> str:
    """Return a sentence that names further causes' streams."""
    return f"So were the others: {_streams(places)}."


def _streams(places: Sequence[str]) -> str:
    places = list(dict.fromkeys(places))
    named = ", ".join(place.removeprefix("stream ") for place in places[:NAMED])
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return f"stream{'s' if len(places) > 1 else ''} {named}{more}"


def _without_call(connection: Connection) -> bool:
    """Return whether the proxy said that it asked nobody."""
    exchange = failed_exchange(connection)
    reply = exchange.local_reply if exchange is not None else None
    return reply is not None and made_no_call(reply.product, reply.reason)
