"""The two legs of a proxy: which failure on one made the other fail, told on both.

Failures are noted when their connections end, joined when the capture has been read, and added to a
connection when somebody reads it: by then every verdict is final.
"""

from __future__ import annotations

import msgspec

from pcapdiag.correlate.causes import find_causes
from pcapdiag.correlate.leg_failure import Key, LegFailure
from pcapdiag.diagnose.judgement import Judgement
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
    _causes: dict[Key, list[LegFailure]] = {}
    _effects: dict[Key, LegFailure] = {}
    _told: dict[int, _Told | None] = {}
    """By stream of a cause: what was told of it, None until it was; gone when it had not failed."""

    def note(self, story: Story, judgement: Judgement, context: Context) -> None:
        """Remember how a connection and its requests failed."""
        for failure in leg_failures(story, judgement, context):
            if len(self._failures) < MAX_FAILURES:
                self._failures.append(failure)
            else:
                self.left_out += 1

    def conclude(self, own: frozenset[str]) -> None:
        """Join the legs; ``own`` are the capturing host's addresses. Nothing is noted later."""
        self._causes = find_causes(self._failures, own)
        self._effects = {one.key: one for one in self._failures if one.key in self._causes}
        self._told = {cause.stream: None for found in self._causes.values() for cause in found}
        self._failures = []

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
        causes = self._causes[effect.key]
        if causes[-1].stream not in self._told:
            return
        connection.causes = [self._cause(one) for one in causes if one.stream in self._told]
        connection.caused_by = causes[-1].stream
        verdict.notes.append(self._sentence(effect, causes))

    def _cause(self, failure: LegFailure) -> Cause:
        told = self._told.get(failure.stream)
        same = told is not None and told.exchange == failure.exchange
        return Cause(
            stream=failure.stream,
            frame=failure.frame,
            exchange=failure.exchange,
            code=told.code if told is not None and same else failure.code,
            time=format_seconds(failure.decided) if failure.decided else "",
            endpoint=join_port(failure.answerer, failure.answerer_port),
        )

    def _sentence(self, effect: LegFailure, causes: list[LegFailure]) -> str:
        last = causes[-1]
        told = self._told.get(last.stream)
        what = told.title if told is not None and told.exchange == last.exchange else last.code
        where = f"stream {last.stream}, frame {last.frame}"
        when = ""
        if last.decided and last.decided < effect.decided:
            when = f", {duration(effect.decided - last.decided)} before"
        tries = f" It was try {len(causes)} of {len(causes)}." if len(causes) > 1 else ""
        return f"Caused on the other leg{when}: {what} ({where}).{tries}"
