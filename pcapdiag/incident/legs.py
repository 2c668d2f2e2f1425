"""The two legs of a proxy: which failure on one made the other fail, told on both.

Failures are noted when their connections end, joined when the capture has been read, and added to a
connection when somebody reads it: by then every verdict is final.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from itertools import pairwise
from types import MappingProxyType

import msgspec

from pcapdiag.correlate.causes import Joined, join_legs
from pcapdiag.correlate.explanation import Explanation
from pcapdiag.correlate.fitting import GIVEN_UP, LEFT, REPLIES
from pcapdiag.correlate.hidden import Reach
from pcapdiag.correlate.leg_failure import Key, LegFailure
from pcapdiag.correlate.two_sides import two_sides
from pcapdiag.diagnose.capture.partial import KIND as PARTIAL
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.settled import (
    confirm,
    followed_its_client,
    gave_up,
    held_up_its_client,
    mark_gateway_answers,
    mark_handed_on,
    never_acknowledged,
    never_connected,
)
from pcapdiag.incident.leg_failures import leg_failures
from pcapdiag.incident.leg_words import absence, explanation, goes_back, several_places
from pcapdiag.model.context import Context
from pcapdiag.model.ends import split_port
from pcapdiag.model.report import Cause, Connection, Verdict
from pcapdiag.model.story import Story
from pcapdiag.model.units import format_seconds

UNTOLD = PARTIAL.code
MAX_FAILURES = 20_000
"""Failures among which causes are looked for; later ones are counted in ``left_out``."""
MAX_ANSWERS = 5_000
"""Answers that may be an origin's or a proxy's own, among which proxies' own are looked for."""


def _own_number(stream: int) -> int:
    return stream


class ProxyLegs(msgspec.Struct):
    """Notes the failures of a capture and joins those of one request; memory is bounded."""

    left_out: int = 0
    _answers: int = 0
    _failures: list[LegFailure] = []
    _joined: Joined = Joined({}, {})
    _effects: dict[Key, LegFailure] = {}
    """The failures that another leg explains."""
    _explained: dict[int, tuple[LegFailure, LegFailure]] = {}
    """By stream of a cause: itself, and the first failure that it explains."""
    _tried_again: dict[int, LegFailure] = {}
    """By stream of a call that its initiator gave up: its next try for the same request."""
    _requests: dict[int, list[int]] = {}
    """By stream: the requests that another leg explains."""
    _own_answers: dict[int, list[int]] = {}
    """By stream: answers that are its responder's own, as a call of it shows."""
    _handed_on: dict[int, list[int | None]] = {}
    """By stream: answers that seemed to be its responder's own, and are an origin's."""
    _told: dict[int, tuple[Verdict, list[Verdict]] | None] = {}
    """By stream of a cause: its verdict and its other failures, None until it was told; gone when
    it had not failed."""
    _several: bool = False
    """They were captured at several points."""
    _numbers: Callable[[int], int] = _own_number
    """Its number among the connections of all capture points, for a stream of this one."""

    @property
    def failures(self) -> list[LegFailure]:
        """What was noted, until it is concluded."""
        return self._failures

    def take_over(self, failures: list[LegFailure]) -> None:
        """Join these instead of what was noted: those of several capture points, numbered anew."""
        self._failures = failures

    def share(self, joined: ProxyLegs, numbers: Callable[[int], int]) -> None:
        """Tell what was joined over several capture points, of which this is one.

        ``numbers`` gives the number there for a stream of this point.
        """
        self._joined, self._effects = joined._joined, joined._effects
        self._own_answers, self._tried_again = joined._own_answers, joined._tried_again
        self._requests, self._handed_on = joined._requests, joined._handed_on
        self._explained, self._told = joined._explained, joined._told
        self._numbers, self._several, self._failures = numbers, True, []

    def note(self, story: Story, judgement: Judgement, context: Context) -> bool:
        """Remember how a connection and its requests failed, or may have; False for neither."""
        noted = False
        for failure in leg_failures(story, judgement, context):
            self._answers += failure.may_be_own
            if failure.may_be_own and self._answers > MAX_ANSWERS:
                continue
            noted = True
            if len(self._failures) < MAX_FAILURES:
                self._failures.append(failure)
            else:
                self.left_out += 1
        return noted

    def conclude(
        self,
        own: frozenset[str],
        opened: Container[str] = (),
        answered: Container[str] = (),
        reach: Reach = MappingProxyType({}),
    ) -> None:
        """Join the legs; ``own`` are the capturing host's addresses. Nothing is noted later.

        ``opened`` and ``answered`` are those that opened and answered connections in one capture,
        ``reach`` who opened some to whom, by the names of hosts that several points have.
        """
        if not own and opened:
            own = two_sides(self._failures, opened, answered)
        self._joined = join_legs(self._failures, own, reach)
        explained = self._joined.explained
        self._effects = {one.key: one for one in self._failures if one.key in explained}
        for key, found in explained.items():
            self._told |= {cause.stream: None for cause in found.causes}
            stream, exchange = key
            if exchange is not None:
                self._requests.setdefault(stream, []).append(exchange)
                if self._effects[key].may_be_own:
                    self._own_answers.setdefault(stream, []).append(exchange)
            if not found.by_client:
                self._explained.setdefault(found.last.stream, (found.last, self._effects[key]))
            for cause, following in pairwise(found.causes):
                if cause.code in {LEFT, GIVEN_UP}:
                    self._tried_again.setdefault(cause.stream, following)
        for stream, exchange in self._joined.handed_on:
            self._handed_on.setdefault(stream, []).append(exchange)
        self._failures = []

    def judgement(self, story: Story, context: Context) -> Judgement | None:
        """Return the verdict on a connection that its other leg settles; None where none does."""
        number = self._numbers(story.stream)
        mark_gateway_answers(story, self._own_answers.get(number, ()))
        mark_handed_on(story, self._handed_on.get(number, ()))
        cause, effect = self._explained.get(number, (None, None))
        if cause is not None and effect is not None:
            if cause.suspected:
                shown = f"Its client got an error in its place ({effect.place})."
                return confirm(story, cause.code, cause.exchange, shown)
            if cause.code == UNTOLD and cause.is_silent:
                settle = never_acknowledged if cause.came_up else never_connected
                return settle(story, context)
            if cause.code == LEFT and effect.code == GIVEN_UP and cause.waited >= effect.waited / 2:
                return held_up_its_client(story, context, effect.place, effect.sure)
            if cause.code in {LEFT, GIVEN_UP} and effect.code in REPLIES:
                return gave_up(story, context, effect.place)
        following = self._tried_again.get(number)
        if following is not None:
            return gave_up(story, context, following.place, again=True)
        found = self._joined.explained.get((number, None))
        if found is not None and found.by_client and found.last.code == LEFT:
            return followed_its_client(story, context, found.last.place)
        return None

    def has_cause(self, connection: Connection) -> bool:
        """Return whether another leg made a connection fail, as far as is known."""
        number = self._numbers(connection.stream)
        return (number, connection.verdict.exchange) in self._joined.explained

    def settle(self, connection: Connection) -> None:
        """Take the final verdict of a connection that may be the cause of another's failure."""
        number = self._numbers(connection.stream)
        if number not in self._told:
            return
        if connection.verdict.code == "ok":
            del self._told[number]
        else:
            # Its other failures come into that list later, where it is told in full.
            self._told[number] = connection.verdict, connection.other_failures

    def join(self, connection: Connection, *, calls_others: bool) -> None:
        """Add to a failed connection what on another leg made it fail, or why that is not told.

        ``calls_others`` says that its responder opened connections in this capture.
        """
        verdict = connection.verdict
        if not verdict.failed:
            return
        for other in connection.other_failures:
            self._explain(connection.stream, other)
        self._name_causes_of_folded(connection)
        found = self._explain(connection.stream, verdict)
        if found is None:
            key = self._numbers(connection.stream), verdict.exchange
            unclear = self._joined.unclear.get(key, [])
            note = absence(connection, unclear, calls_others=calls_others, several=self._several)
            verdict.notes += [note] if note else []
            return
        connection.causes = [self._cause(one) for one in found.causes if one.stream in self._told]
        connection.caused_by = found.last.own_stream
        self._name_makers(connection)

    def _explain(self, stream: int, verdict: Verdict) -> Explanation | None:
        """Say in a verdict what caused it on another leg, and return that; None for nothing."""
        key = self._numbers(stream), verdict.exchange
        found = self._joined.explained.get(key)
        if found is None or found.last.stream not in self._told:
            return None
        told = self._told_of(found.last)
        title = told.title if told is not None else found.last.code
        first = "The first of them: " if verdict.count > 1 else ""
        note = first + explanation(found, title, self._effects[key].decided)
        bottom = self._bottom(found)
        if bottom is not found.last:
            beneath = self._told_of(bottom)
            note += goes_back(bottom, beneath.title if beneath is not None else bottom.code)
        verdict.notes.insert(0, note)
        if told is not None:
            _compare_words(verdict, told)
        return found

    def _bottom(self, found: Explanation) -> LegFailure:
        """Return where a chain of causes begins; of proxies in series the last one has it."""
        passed = {found.last.key}
        while (deeper := self._joined.explained.get(found.last.key)) is not None:
            if deeper.last.key in passed or deeper.last.stream not in self._told:
                break
            passed.add(deeper.last.key)
            found = deeper
        return found.last

    def _name_causes_of_folded(self, connection: Connection) -> None:
        """Name the causes of requests that are told as one, where it is clear which those are."""
        verdicts = connection.verdict, *connection.other_failures
        folded = [one for one in verdicts if one.count > 1]
        if len(folded) != 1:
            return
        number, told = self._numbers(connection.stream), {one.exchange for one in verdicts}
        further = [
            self._joined.explained[number, exchange].last.place
            for exchange in self._requests.get(number, ())
            if exchange not in told
        ]
        if further:
            folded[0].notes.append(several_places(further))

    def _name_makers(self, connection: Connection) -> None:
        """Say of replies that were handed on which proxy made them."""
        for exchange in connection.http.exchanges if connection.http else []:
            maker = self._maker(self._numbers(connection.stream), exchange.index)
            if maker is not None and exchange.local_reply is not None:
                exchange.made_by = maker
                if exchange.index == connection.verdict.exchange:
                    connection.verdict.attribution.address = maker

    def _maker(self, stream: int, exchange: int) -> str | None:
        """Return who made the reply that a leg's responder only handed on.

        Of several calls that each may have brought it, all were to that one.
        """
        unclear = self._joined.unclear.get((stream, exchange), [])
        if unclear and all(call.code in REPLIES for call in unclear):
            makers = {split_port(call.endpoint)[0] for call in unclear}
            return makers.pop() if len(makers) == 1 else None
        maker, passed = None, set()
        found = self._joined.explained.get((stream, exchange))
        while found is not None and found.last.code in REPLIES and found.last.key not in passed:
            passed.add(found.last.key)
            maker = split_port(found.last.endpoint)[0]
            found = self._joined.explained.get(found.last.key)
        return maker

    def _cause(self, failure: LegFailure) -> Cause:
        told = self._told_of(failure)
        return Cause(
            stream=failure.own_stream,
            frame=failure.frame,
            exchange=failure.exchange,
            code=told.code if told is not None else failure.code,
            time=format_seconds(failure.ended_at),
            endpoint=failure.endpoint,
            point=msgspec.UNSET if failure.at_first else failure.label,
        )

    def _told_of(self, failure: LegFailure) -> Verdict | None:
        """Return the final verdict of a cause, the one of its connection's that is about this."""
        told = self._told.get(failure.stream)
        if told is None:
            return None
        verdict, others = told
        for one in (verdict, *others):
            if one.exchange == failure.exchange:
                return one
        # Which of the two an initiator's leaving was may be known only from this join.
        left = {verdict.code, failure.code} == {LEFT, GIVEN_UP}
        return verdict if verdict.code == failure.code or left else None


def _compare_words(verdict: Verdict, cause: Verdict) -> None:
    """Say whether what Envoy said of a failure is what its cause is usually logged as."""
    said = verdict.envoy.observed if verdict.envoy else None
    if said is not None and said.flag is not None and cause.envoy is not None:
        said.agrees = said.flag in cause.envoy.flag.split(" / ")
