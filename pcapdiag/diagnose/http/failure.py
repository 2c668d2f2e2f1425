"""The judgement that every kind of failed request makes in the same way."""

from __future__ import annotations

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.http.words import exchange_facts, exchange_frames
from pcapdiag.diagnose.judgement import Judgement, Observed, OtherCode, Phase, SideHint
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story


def request_failed(
    story: Story,
    exchange: Exchange,
    code: str,
    phase: Phase,
    confidence: float,
    candidates: tuple[SideHint, ...],
    *,
    frames: tuple[int | None, ...] = (),
    alternatives: tuple[OtherCode, ...] = (),
    observed: Observed | None = None,
    alike: str = "",
    facts: dict[str, str] | None = None,
) -> Judgement:
    """Return the judgement on one request; ``frames`` are decisive beside request and answer.

    ``alike`` is what equal failures share beside code, phase and status.
    """
    end = ending(story)
    return Judgement(
        code=code,
        failed=True,
        phase=phase,
        confidence=confidence,
        frames=exchange_frames(exchange, *frames),
        ended_by=end.actor if end else None,
        candidates=candidates,
        alternatives=alternatives,
        exchange=exchange.index,
        alike=f"{exchange.status} {alike}",
        observed=observed,
        facts=exchange_facts(story, exchange) | (facts or {}),
    )
