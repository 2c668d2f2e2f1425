"""One connection as several points tell it, made one connection of the report.

Its own numbers are the first point's that has it. The verdict is that of all points together; what
only another point saw is added with that point's label, on the first point's clock.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pcapdiag.diagnose.attribution.settle import SETTLE
from pcapdiag.diagnose.capture.partial import KIND as PARTIAL
from pcapdiag.diagnose.points.judge import Opinion, Outcome, judge_points
from pcapdiag.diagnose.points.way import Way
from pcapdiag.diagnose.text import AtEnds
from pcapdiag.incident.describe import describe_verdict, shorten
from pcapdiag.incident.passages import passages
from pcapdiag.incident.stamp import Stamp
from pcapdiag.incident.telling import Told
from pcapdiag.model.ends import join_port
from pcapdiag.model.packet import seq_distance
from pcapdiag.model.points import Print
from pcapdiag.model.report import Connection, Reset, SegmentSeries, Sighting
from pcapdiag.model.story import Half
from pcapdiag.model.units import parse_seconds

MAX_TIMELINE = 400
"""Lines of all points together; further ones are left out at the end."""


class View(msgspec.Struct, frozen=True):
    """A connection as one point tells it."""

    point: int
    stamp: Stamp
    told: Told

    @property
    def is_partial(self) -> bool:
        """This point cannot tell whether it failed."""
        return self.told.judgement.code == PARTIAL.code

    @property
    def extent(self) -> int:
        """How many bytes of both ends this point shows, holes included."""
        return _extent(self.told.story.initiator) + _extent(self.told.story.responder)

    def opinion(self) -> Opinion:
        """Return what this point's capture says by itself."""
        told = self.told
        attribution = told.connection.verdict.attribution
        return Opinion(told.story, told.plain, attribution, told.context)


def _extent(half: Half) -> int:
    if half.isn is None or half.next_seq is None:
        return half.payload_bytes
    return max(0, seq_distance(half.next_seq, half.isn))


class Meeting(msgspec.Struct, frozen=True):
    """What all points say of one connection together."""

    views: Sequence[View]
    """In the points' order; one at least."""
    way: Way
    outcome: Outcome | None
    """None where it failed at no point."""

    @classmethod
    def of(cls, views: Sequence[View], way: Way) -> Meeting:
        """Let the points' opinions meet."""
        opinions: list[Opinion | None] = [None] * len(way.labels)
        for view in views:
            opinions[view.point] = view.opinion()
        return cls(views, way, judge_points(way.journey, opinions, way.labels))

    @property
    def lead(self) -> View:
        """The view whose story and frames the verdict has.

        Where nothing failed it is the one that shows the most: what got lost between the points is
        no trouble for the one that never saw it.
        """
        if self.outcome is not None:
            point = self.outcome.point
            return next(view for view in self.views if view.point == point)
        return min(self.views, key=lambda view: (-view.extent, view.is_partial, view.point))

    @property
    def code(self) -> str:
        """The verdict."""
        return self.outcome.judgement.code if self.outcome else self.lead.told.judgement.code

    @property
    def failed(self) -> bool:
        """Whether that is a failure."""
        return self.outcome is not None and self.outcome.judgement.failed


def merge(meeting: Meeting, *, in_full: bool) -> Connection:
    """Return the connection of the report."""
    views, lead = meeting.views, meeting.lead
    for view in views:
        _finish(view, in_full=in_full)
    base = views[0]
    connection = base.told.connection
    _take_verdict(connection, base, meeting)
    ends = next((view.told.ends for view in views if not view.told.ends.assumed), base.told.ends)
    connection.initiator.role, connection.responder.role = ends.initiator, ends.responder
    connection.leg = ends.leg
    if lead is not base:
        other = lead.told.connection
        connection.other_failures = other.other_failures
        connection.tls = connection.tls or other.tls
    connection.resets = _resets(meeting)
    events = _events(views)
    for view in views[1:]:
        if view.stamp.clock.known and base.stamp.clock.known:
            connection.timeline += view.told.connection.timeline
    connection.timeline.sort(key=lambda entry: parse_seconds(entry.time))
    del connection.timeline[MAX_TIMELINE:]
    if in_full and len(meeting.way.journey.order) > 1:
        connection.passages = passages(meeting.way, _decisive(meeting), events)
        connection.path_order = [meeting.way.labels[n] for n in meeting.way.journey.order]
    if not in_full:
        shorten(connection)
    return connection


def _finish(view: View, *, in_full: bool) -> None:
    connection = view.told.in_full() if in_full else view.told.as_row()
    if view.point:
        view.stamp.connection(connection)


def _take_verdict(connection: Connection, base: View, meeting: Meeting) -> None:
    """Give the connection the verdict of all points, marked with the point whose frames it has."""
    lead, outcome = meeting.lead, meeting.outcome
    if outcome is None:
        connection.verdict = lead.told.connection.verdict
        return
    connection.verdict = describe_verdict(
        lead.told.story,
        outcome.judgement,
        outcome.attribution,
        base.told.ends,
        at_ends=_at_ends(meeting.way, lead.point),
    )
    if outcome.attribution.side != "unknown" or _has_both_ends(meeting):
        for evidence in outcome.attribution.evidence:
            evidence.detail = evidence.detail.partition(f"; {SETTLE}")[0]
    if lead.point:
        lead.stamp.verdict(connection.verdict)


def _at_ends(way: Way, point: int) -> AtEnds | None:
    """Return how the two ends are seen next to them, where that is not as the point sees them."""
    seen = way.journey.ends
    near, far = way.nearest(True), way.nearest(False)
    ours = seen[near] if near is not None else None
    theirs = seen[far] if far is not None else None
    if ours is None or theirs is None or ours == theirs == seen[point]:
        return None
    return AtEnds(ours, theirs)


def _has_both_ends(meeting: Meeting) -> bool:
    journey = meeting.way.journey
    return any(journey.beside_initiator) and any(journey.beside_responder)


def _resets(meeting: Meeting) -> list[Reset]:
    """Return every RST once, as the first point that has it; who sent it is said by all points."""
    told: set[tuple[int, int]] = set()
    elsewhere = {
        (point, frame): [(p, f) for p, f in enumerate(passage.frames) if f is not None]
        for passage in meeting.way.journey.passages
        for point, frame in enumerate(passage.frames)
        if frame is not None
    }
    found = []
    for view in meeting.views:
        for reset in view.told.connection.resets:
            place = view.point, reset.frame
            if place in told:
                continue
            told.update(elsewhere.get(place, [place]))
            said = meeting.outcome.resets.get(place) if meeting.outcome else None
            if said is not None:
                view.told.ends.assign(said)
                reset.attribution = said
            found.append(reset)
    return found


def _decisive(meeting: Meeting) -> tuple[int, ...]:
    if meeting.outcome is None:
        return ()
    named = {(meeting.outcome.point, frame) for frame in meeting.outcome.judgement.frames}
    shown = [
        number
        for number, passage in enumerate(meeting.way.journey.passages)
        if any(place in named for place in enumerate(passage.frames))
    ]
    return (*meeting.outcome.decisive, *shown)


def _events(views: Sequence[View]) -> dict[tuple[int, int], str]:
    """Return what packets meant, where a timeline says more than their flags and size."""
    return {
        (view.point, entry.frame): entry.event
        for view in views
        for entry in view.told.connection.timeline
        if "segments" not in entry.event
    }


def sighting(
    label: str, seen: Print, drawn: SegmentSeries | msgspec.UnsetType = msgspec.UNSET
) -> Sighting:
    """Return where and how a point has a connection, and what charts draw of it there."""
    return Sighting(
        point=label,
        stream=seen.stream,
        first_frame=seen.first_frame,
        initiator=join_port(*seen.initiator),
        responder=join_port(*seen.responder),
        packets=seen.packets,
        series=drawn,
    )
