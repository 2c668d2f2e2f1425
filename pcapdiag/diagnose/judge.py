"""From a connection's story to its judgement: one ordered pass decides which kind wins."""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose import ok
from pcapdiag.diagnose.exchanges import judge_exchanges
from pcapdiag.diagnose.failed_requests import other_failures as other_failures
from pcapdiag.diagnose.failed_requests import with_exchange
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.protocol.mismatch import with_suspicions
from pcapdiag.diagnose.registry import NO_FAILURE, order
from pcapdiag.diagnose.tcp import connection_refused, injected_reset, port_reuse
from pcapdiag.diagnose.timing import SECOND
from pcapdiag.model.context import Context
from pcapdiag.model.report import Attribution
from pcapdiag.model.story import Story

RETRIED_WITHIN = 5 * SECOND
"""A connection on the same ports this soon after a refused one is the next try."""
RETRIED = (connection_refused.KIND.code, port_reuse.KIND.code)


def judge(story: Story, context: Context) -> Judgement:
    """Return what happened to a connection; the same story and context give the same judgement.

    Its own failure comes first, then that of its first failed request. Call it at the connection's
    end, and again for a failed or doubtful one when the whole capture has been read: ``context``
    then knows more.
    """
    for entry in order(story):
        judgement = entry.match(story, context)
        if judgement is not None:
            return with_exchange(with_suspicions(judgement, story, context), story)
    for judgement in judge_exchanges(story, context):
        return judgement
    for entry in NO_FAILURE:
        judgement = entry.match(story, context)
        if judgement is not None:
            return judgement
    return ok.match(story, context)


def refine(
    judgement: Judgement, attribution: Attribution, story: Story, _context: Context
) -> Judgement:
    """Return the judgement once it is known who did it: a forged reset is a code of its own.

    ``ended_by`` follows too, where the RST was the path's.
    """
    return injected_reset.refined(judgement, attribution, story) or judgement


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
