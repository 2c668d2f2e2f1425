"""From a connection's story to its judgement: one ordered pass decides which kind wins."""

from __future__ import annotations

from pcapdiag.diagnose import ok
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.registry import ORDER
from pcapdiag.diagnose.tcp import injected_reset
from pcapdiag.model.context import Context
from pcapdiag.model.report import Attribution
from pcapdiag.model.story import Story


def judge(story: Story, context: Context) -> Judgement:
    """Return what happened to a connection; the same story and context give the same judgement.

    Call it at the connection's end, and again for a failed or doubtful one when the whole capture
    has been read: ``context`` then knows more.
    """
    for entry in ORDER:
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
