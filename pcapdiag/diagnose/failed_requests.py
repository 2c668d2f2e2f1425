"""The failed requests of a connection beside its verdict, equal ones folded."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pcapdiag.diagnose.exchanges import WITH_A_REQUEST, judge_exchanges
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story

MAX_OTHER_FAILURES = 20
"""Different failures of one connection's requests that are told beside its verdict."""
OF_THE_CONNECTION = ("tcp.", "icmp.", "mtu.", "tls.", "protocol.")
"""Codes of failures below HTTP: they hit every request that was under way."""
BEFORE_HTTP = ("tls.", "protocol.")
"""Codes of connections on which no request had a chance, whatever the phase is."""


class Folded(msgspec.Struct, frozen=True):
    """A failed request, and which of the connection's failed alike: itself and later ones."""

    judgement: Judgement
    exchanges: tuple[int, ...]


def other_failures(story: Story, verdict: Judgement, context: Context) -> list[Folded]:
    """Return the failed requests that the verdict is not about, equal ones folded.

    MAX_OTHER_FAILURES at most; further requests of the same kinds are still counted.
    """
    if not verdict.failed:
        return []
    found: dict[tuple[str, str | None, str], Folded] = {}
    judged = {verdict.exchange}
    for judgement in judge_exchanges(story, context):
        index = judgement.exchange
        if index is None or index in judged:
            continue
        judged.add(index)
        key = judgement.code, judgement.phase, judgement.alike
        known = found.get(key)
        if known is not None:
            found[key] = Folded(known.judgement, (*known.exchanges, index))
        elif len(found) < MAX_OTHER_FAILURES:
            found[key] = Folded(judgement, (index,))
    hit = _hit_with_it(story, verdict, judged)
    return [*found.values(), *hit]


def with_exchange(judgement: Judgement, story: Story) -> Judgement:
    """Name the request that the connection's own failure broke off."""
    hits = judgement.phase in WITH_A_REQUEST or judgement.code.startswith(BEFORE_HTTP)
    if judgement.exchange is not None or not hits:
        return judgement
    exchange = broken_off(story)
    return judgement if exchange is None else replace(judgement, exchange=exchange.index)


def broken_off(story: Story) -> Exchange | None:
    """Return the request without a complete answer that the connection's failure hit, if any.

    Of several it is the first: in HTTP/1 of those after the last complete answer, in HTTP/2 of the
    streams that were not reset, or the last one that was.
    """
    known = story.exchanges
    streams = [one for one in known if one.version == "2" and not one.complete]
    if streams:
        return next((one for one in streams if one.ended_by is None), streams[-1])
    found = None
    for one in reversed(known):
        if one.complete or (one.end_unknown and one is not known[-1]):
            break
        found = one
    return found


def _hit_with_it(story: Story, verdict: Judgement, judged: set[int | None]) -> list[Folded]:
    """Return the other requests that were under way when the whole connection failed."""
    if verdict.exchange is None or not verdict.code.startswith(OF_THE_CONNECTION):
        return []
    open_ones = (one for one in story.exchanges if not one.complete and one.ended_by is None)
    hit = tuple(one.index for one in open_ones if one.index not in judged)
    later = tuple(index for index in hit if index > verdict.exchange)
    return [Folded(replace(verdict, exchange=later[0]), later)] if later else []
