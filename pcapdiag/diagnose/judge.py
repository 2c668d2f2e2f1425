"""From a connection's story to its judgement: one ordered pass decides which kind wins."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from pcapdiag.diagnose import ok
from pcapdiag.diagnose.capture import partial
from pcapdiag.diagnose.entry import Entry
from pcapdiag.diagnose.exchanges import judge_exchanges
from pcapdiag.diagnose.failed_requests import with_exchange
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.multipath import joined_in_vain
from pcapdiag.diagnose.protocol.mismatch import with_suspicions
from pcapdiag.diagnose.registry import ORDER
from pcapdiag.diagnose.shows import shows
from pcapdiag.diagnose.tcp import closed_before_response, injected_reset
from pcapdiag.model.context import Context
from pcapdiag.model.harmless import harmless
from pcapdiag.model.report import Attribution
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND
from pcapdiag.protocols.http.connect import connect_target
from pcapdiag.protocols.socks import in_tunnel

RETRIED_WITHIN = 5 * SECOND
"""A connection on the same ports this soon after a refused one is the next try."""
MAX_KINDS_OF_STORIES = 512
"""Combinations of what stories show for which it is kept which kinds to ask."""
NONE_MATCHED = 1_000
"""Beyond the number of any kind."""
SOCKS = (
    "It went through a SOCKS tunnel: what comes behind the proxy's answer is the target's, with "
    "the proxy's address. Tests must go the same way: curl -x socks5h://PROXY:PORT."
)
CONNECT = (
    "It went through a CONNECT tunnel to {target}: what comes behind the proxy's 200 is that "
    "end's, with the proxy's address. Tests must go the same way: curl -x http://{proxy}, openssl "
    "s_client -proxy {proxy} -connect {target}."
)
MAX_TARGET = 80
"""Characters of a tunnel's target that are shown."""
RETRIED = ("tcp.connection_refused", "tcp.port_reuse")


class Earlier(NamedTuple):
    """What an earlier judgement of the same story found out: less is to be asked the next time."""

    place: int
    """Number in ORDER of the kind that matched; beyond it where none did."""
    found: Judgement | None
    """What that kind said, where its test looks at the story alone."""


def judge(story: Story, context: Context, earlier: Earlier | None = None) -> Judgement:
    """Return what happened to a connection; the same story and context give the same judgement.

    Its own failure comes first, then that of its first failed request. Call it at the connection's
    end, and again for a failed or doubtful one when the whole capture has been read: ``context``
    then knows more. ``earlier`` spares time, and changes nothing.
    """
    return judge_first(story, context, earlier)[0]


def judge_first(
    story: Story, context: Context, earlier: Earlier | None = None
) -> tuple[Judgement, Earlier]:
    """Return what ``judge`` does, and what spares time when the same story is judged again."""
    if joined_in_vain(story):
        return ok.match(story, context), Earlier(NONE_MATCHED, None)
    known, found = _own_failure(story, context, earlier)
    if found is not None:
        found = with_exchange(with_suspicions(found, story, context), story)
        return _through_a_tunnel(found, story), known
    for judgement in judge_exchanges(story, context):
        return _through_a_tunnel(judgement, story), known
    return partial.match(story, context) or ok.match(story, context), known


def _through_a_tunnel(judgement: Judgement, story: Story) -> Judgement:
    """Add that what bears a proxy's address, behind its answer, is another's."""
    if in_tunnel(story):
        return replace(judgement, notes=(*judgement.notes, SOCKS))
    target = connect_target(story)
    if target is None:
        return judgement
    note = CONNECT.format(target=harmless(target, MAX_TARGET), proxy=story.responder.host_port)
    return replace(judgement, notes=(*judgement.notes, note))


def _own_failure(
    story: Story, context: Context, earlier: Earlier | None
) -> tuple[Earlier, Judgement | None]:
    """Return which kind matches first, for the next time, and what it says."""
    for place, entry in asked(shows(story), earlier.place if earlier else -1):
        if earlier and place == earlier.place and entry.by_story:
            judgement = earlier.found
        else:
            judgement = entry.match(story, context)
        if judgement is not None:
            return Earlier(place, judgement if entry.by_story else None), judgement
    return Earlier(NONE_MATCHED, None), None


@lru_cache(MAX_KINDS_OF_STORIES)
def asked(shown: int, known: int) -> tuple[tuple[int, Entry], ...]:
    """Return the kinds that may match what shows this much, in their order, with their numbers.

    Of those before ``known``, the one that matched earlier, only what the context may have changed.
    """
    return tuple(
        [
            (place, entry)
            for place, entry in enumerate(ORDER)
            if entry.needs & shown == entry.needs and (place >= known or not entry.by_story)
        ]
    )


def refine(
    judgement: Judgement, attribution: Attribution, story: Story, context: Context
) -> Judgement:
    """Return the judgement once it is known who did it: a forged reset is a code of its own.

    ``ended_by`` follows too, where the RST or FIN was the path's. Who answers what came past a NAT
    that forgot it forges nothing.
    """
    if context.untranslated is not None:
        return judgement
    reset = injected_reset.refined(judgement, attribution, story)
    return reset or closed_before_response.refined(judgement, attribution, story) or judgement


def cured(judgement: Judgement, story: Story, retry: Story) -> Judgement:
    """Return the judgement of a refused try once the next connection on its ports is known.

    ``ok`` with a note when that one was established soon after (verdicts.md, recovered trouble).
    """
    soon = 0 <= retry.start - story.end <= RETRIED_WITHIN
    if judgement.code not in RETRIED or not retry.handshake_done or not soon:
        return judgement
    note = f"Refused at first; the next try on the same ports worked (frame {retry.first_frame})."
    facts = judgement.facts | {"requests": "no request", "remark": note}
    return replace(
        judgement,
        code=ok.KIND.code,
        failed=False,
        phase=None,
        reset=None,
        candidates=(),
        alternatives=(),
        notes=(note,),
        facts=facts,
    )
