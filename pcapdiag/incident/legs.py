"""The two legs of a proxy: which failure on one made the other fail, told on both.

Failures are noted when their connections end, joined when the capture has been read, and added to a
connection when somebody reads it: by then every verdict is final.
"""

from __future__ import annotations

import msgspec

from pcapdiag.correlate.causes import Explanation, find_causes
from pcapdiag.correlate.fitting import GIVEN_UP, LEFT, REPLIES
from pcapdiag.correlate.leg_failure import Key, LegFailure
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.settled import confirm, followed_its_client, gave_up
from pcapdiag.diagnose.timing import duration
from pcapdiag.incident.leg_failures import leg_failures
from pcapdiag.model.context import Context
from pcapdiag.model.ends import join_port
from pcapdiag.model.report import Cause, Connection
from pcapdiag.model.story import Story
from pcapdiag.model.units import format_seconds

MAX_FAILURES = 20_000
"""Failures among which causes are looked for; later ones are counted in ``left_out``."""


class _Told(msgspec.Struct, frozen=True):
    """What the report says of a connection that made another one fail."""

    code: str
    title: str
    exchange: int | None


class ProxyLegs(msgspec.Struct):
    """Notes the failures of a capture and joins those of one request; memory is bounded."""

    left_out: int = 0
    _failures: list[LegFailure] = []
    _causes: dict[Key, Explanation] = {}
    _effects: dict[Key, LegFailure] = {}
    _explained: dict[int, tuple[LegFailure, LegFailure]] = {}
    """By stream of a cause: itself, and the first failure that it explains."""
    _told: dict[int, _Told | None] = {}
    """By stream of a cause: what was told of it, None until it was; gone when it had not failed."""

    def note(self, story: Story, judgement: Judgement, context: Context) -> bool:
        """Remember how a connection and its requests failed, or may have; False for neither."""
        noted = False
        for failure in leg_failures(story, judgement, context):
            noted = True
            if len(self._failures) < MAX_FAILURES:
                self._failures.append(failure)
            else:
                self.left_out += 1
        return noted

    def conclude(self, own: frozenset[str]) -> None:
        """Join the legs; ``own`` are the capturing host's addresses. Nothing is noted later."""
        self._causes = find_causes(self._failures, own)
        self._effects = {one.key: one for one in self._failures if one.key in self._causes}
        for key, found in self._causes.items():
            self._told |= {cause.stream: None for cause in found.causes}
            if not found.by_client:
                self._explained.setdefault(found.last.stream, (found.last, self._effects[key]))
        self._failures = []

    def judgement(self, story: Story, context: Context) -> Judgement | None:
        """Return the verdict on a connection that its other leg settles; None where none does."""
        cause, effect = self._explained.get(story.stream, (None, None))
        if cause is not None and effect is not None:
            if cause.suspected:
                shown = f"Its client got an error in its place (stream {effect.stream})."
                return confirm(story, cause.code, cause.exchange, shown)
            if cause.code == LEFT and effect.code in {GIVEN_UP, *REPLIES}:
                return gave_up(story, context, effect.stream)
        behind = self._causes.get((story.stream, None))
        if behind is not None and behind.by_client and behind.last.code == LEFT:
            return followed_its_client(story, context, behind.last.stream)
        return None

    def settle(self, connection: Connection) -> None:
        """Take the final verdict of a connection that may be the cause of another's failure."""
        if connection.stream not in self._told:
            return
        verdict = connection.verdict
        if verdict.code == "ok":
            del self._told[connection.stream]
        else:
            self._told[connection.stream] = _Told(verdict.code, verdict.title, verdict.exchange)

    def join(self, connection: Connection) -> None:
        """Add to a failed connection what on another leg made it fail."""
        verdict = connection.verdict
        effect = self._effects.get((connection.stream, verdict.exchange))
        if effect is None or not verdict.failed:
            return
        found = self._causes[effect.key]
        if found.last.stream not in self._told:
            return
        connection.causes = [self._cause(one) for one in found.causes if one.stream in self._told]
        connection.caused_by = found.last.stream
        verdict.notes.append(self._sentence(effect, found))

    def _cause(self, failure: LegFailure) -> Cause:
        told = self._told_of(failure)
        return Cause(
            stream=failure.stream,
            frame=failure.frame,
            exchange=failure.exchange,
            code=told.code if told is not None else failure.code,
            time=format_seconds(failure.decided) if failure.decided else "",
            endpoint=join_port(failure.answerer, failure.answerer_port),
        )

    def _told_of(self, failure: LegFailure) -> _Told | None:
        """Return the final verdict of a cause, where the verdict is about this failure."""
        told = self._told.get(failure.stream)
        if told is None:
            return None
        return told if told.exchange == failure.exchange or told.code == failure.code else None

    def _sentence(self, effect: LegFailure, found: Explanation) -> str:
        last, tries = found.last, len(found.causes)
        told = self._told_of(last)
        what = told.title if told is not None else last.code
        where = f"stream {last.stream}, frame {last.frame}"
        when = ""
        if last.decided and last.decided < effect.decided:
            when = f", {duration(effect.decided - last.decided)} before"
        more = f" It was the last of {tries} tries." if tries > 1 else ""
        leg = "its client's leg" if found.by_client else "the other leg"
        return f"Caused on {leg}{when}: {what} ({where}).{more}"
