"""What a connection's entry says of the other leg: its cause, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapdiag.correlate.causes import Explanation
from pcapdiag.correlate.leg_failure import LegFailure
from pcapdiag.diagnose.timing import duration
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
    when = ""
    if 0 < last.decided < decided:
        when = f", {duration(decided - last.decided)} before"
    more = f" It was the last of {tries} tries." if tries > 1 else ""
    return f"Caused on {leg}{when}: {title} ({where}).{more}"


def absence(
    connection: Connection,
    unclear: Sequence[LegFailure],
    *,
    calls_others: bool,
    several: bool = False,
) -> Iterator[str]:
    """Yield a sentence that says why no cause is named for a proxy's own reply.

    ``several`` captures were searched, and not one.
    """
    proxy = connection.responder.ip
    captures = "these captures" if several else "this capture"
    if unclear:
        streams = ", ".join(call.place.removeprefix("stream ") for call in unclear[:NAMED])
        more = f" and {len(unclear) - NAMED} more" if len(unclear) > NAMED else ""
        yield (
            f"Several failed calls of {proxy} fit equally well (streams {streams}{more}): none is "
            "named as the cause."
        )
    elif connection.verdict.code == LEADS_ON and calls_others:
        yield (
            f"No connection that {proxy} opened failed in a way and at a moment that fits: the one "
            f"that did is not in {captures}, cannot be read, or is one of very many."
        )
    elif connection.verdict.code == LEADS_ON:
        yield (
            f"No connection that {proxy} opened is in {captures}: capture on all of its "
            "interfaces to see the other leg."
        )
