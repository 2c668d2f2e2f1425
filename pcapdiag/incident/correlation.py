"""Several points joined: each connection once, judged with all that the points know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence

import msgspec

from pcapdiag.correlate.clocks import estimate_clocks
from pcapdiag.correlate.journeys import alone, journey
from pcapdiag.correlate.leg_failure import point_of
from pcapdiag.correlate.matching import match_points
from pcapdiag.correlate.order import Orders
from pcapdiag.correlate.roles import Ends, Roles
from pcapdiag.correlate.selection import Selection
from pcapdiag.diagnose.findings.lost_between import LostBetween
from pcapdiag.diagnose.points.way import Way
from pcapdiag.incident.archive import Connections
from pcapdiag.incident.joined_streams import JoinedStreams
from pcapdiag.incident.logged import Logged
from pcapdiag.incident.merge import Meeting, View, merge, sighting
from pcapdiag.incident.place_roles import MAX_ASKED, ends_by_labels, share_roles, topology
from pcapdiag.incident.point_study import PointStudy
from pcapdiag.incident.points_series import points_series
from pcapdiag.incident.reach import Reaches, spans
from pcapdiag.incident.resets import UnlistedResets
from pcapdiag.incident.second_look import Watch
from pcapdiag.incident.shared_legs import share_legs
from pcapdiag.incident.stamp import Stamp
from pcapdiag.incident.telling import Details
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.points import Matches, Print
from pcapdiag.model.report import Connection, Finding, SegmentSeries, Topology
from pcapdiag.model.units import counted

MAX_SAMPLE = 100
"""Healthy connections that are read a second time, too."""
SPARE_SAMPLES = 8
"""How many times more are looked at, to find as many that are short."""
MAX_SAMPLED_PACKETS = 500
"""Longer ones are left out of that."""
MAX_WATCHED = 5_000
"""Connections that are read a second time at every point: those that failed at one, or may have."""


class Correlation:
    """Joins the studies of all points, in two steps with the second readings between."""

    def __init__(
        self,
        studies: Sequence[PointStudy],
        options: AnalyzeOptions,
        drawn: tuple[int, int] | None = None,
    ) -> None:
        """``drawn``: point and stream of a connection that is to be drawn packet by packet."""
        self.studies = studies
        self.options = options
        self.matches = Matches([])
        self.roles = Roles()
        self.connections = Connections(self._complete)
        self.unlisted: Counter[str] = Counter()
        self.unlisted_resets = UnlistedResets()
        self._joined = JoinedStreams([], len(studies))
        self._told: list[int] = []
        """Numbers of the connections that failed at a point, or may have."""
        self._counted: set[int] = set()
        self._details = Details()
        self._stamps: list[Stamp] = []
        self._by_label = {study.label: study for study in studies}
        self._sample: list[int] = []
        """Healthy connections that several points have, read again to know how the path does."""
        self._lost = LostBetween()
        self.logged = Logged(options)
        self._drawn_stream = drawn
        self._drawn = -1
        """Number of the connection that is told in full whatever its verdict is."""

    def compare(self) -> list[Watch]:
        """Find what is one connection, the clocks, roles and legs; the first readings are over.

        Returns what each point is to be read for again.
        """
        prints = [study.prints() for study in self.studies]
        self.matches = match_points(prints)
        for study, clock in zip(self.studies, estimate_clocks(prints, self.matches), strict=True):
            study.clock = clock
        self._stamps = [Stamp(study.label, study.clock) for study in self.studies]
        self._joined = JoinedStreams(self.matches.found, len(self.studies))
        self._reaches = Reaches(self.studies, self.matches.found)
        self.roles = share_roles(self.studies, self.options, self.matches.found)
        for study in self.studies:
            study.analysis.surroundings.place_ends = self._ends_at(study.number)
        share_legs(self.studies, self._joined.number)
        return self._watches()

    def conclude(self) -> None:
        """Tell every connection that failed or is asked for, and count the others."""
        self._spans = spans(self.studies, self.matches.found)
        self._labels = [study.label for study in self.studies]
        self._orders = Orders(self._labels)
        self._selection = Selection.from_options(
            self.options, self.studies[0].analysis.tracker.first_time
        )
        # The healthy ones first: they show in which order connections pass the points.
        for number in self._sample:
            self._lost.look(self._way(number))
        for number in self._told:
            views = self._views(number)
            if views:
                self._settle(number, views)
        for study in self.studies:
            for row in study.analysis.connections.unread():
                self._take_row(study, row)
        for study in self.studies:
            for seen in study.analysis.prints:
                self._count(study, seen)
        tracker = self.studies[0].analysis.tracker
        self.logged.conclude(self.connections, tracker.first_time, tracker.last_time)
        self.connections.settle()

    def drawn(self) -> Connection | None:
        """Return the connection that was to be drawn; None where the point has no such stream."""
        return self.connections.at(self._drawn)

    def topology(self) -> Topology:
        """Return who is who over all points."""
        asked: list[tuple[str, str, Ends]] = []
        for study in self.studies:
            for seen in study.analysis.prints[:MAX_ASKED]:
                ends = study.analysis.surroundings.place_ends(seen.stream)
                if ends is not None:
                    asked.append((seen.initiator[0], seen.responder[0], ends))
        return topology(self.roles, asked)

    def findings(self) -> list[Finding]:
        """Return what only a comparison of the points shows."""
        return self._lost.findings()

    def notes(self) -> list[str]:
        """Return what is to be said of the captures together."""
        told = []
        many, compared = self.matches.ambiguous, len(self._told)
        if many:
            told.append(
                f"{counted(many, 'connection')} fitted more than one at another point, and "
                f"{'was' if many == 1 else 'were'} not joined with any"
            )
        if compared > MAX_WATCHED:
            told.append(
                f"of {compared:,} connections that failed, or may have, only the first "
                f"{MAX_WATCHED:,} were compared packet by packet"
            )
        return told

    def shared(self, point: int) -> int:
        """Return how many connections of a point others have, too."""
        return self._joined.shared(point)

    def _watches(self) -> list[Watch]:
        watches = [Watch() for _ in self.studies]
        numbers = {
            self._joined.number(study.number, stream): None
            for study in self.studies
            for stream in study.candidates()
        }
        if self._drawn_stream is not None:
            self._drawn = self._joined.number(*self._drawn_stream)
            numbers[self._drawn] = None
        self._told = sorted(numbers)
        self._sample = self._healthy(numbers)
        drawn = [self._drawn] if self._drawn in numbers else []
        for number in (*drawn, *self._told[:MAX_WATCHED], *self._sample):
            for watch, study, streams in zip(
                watches, self.studies, self._joined.streams(number), strict=True
            ):
                watch.streams.update(streams)
                if number == self._drawn:
                    watch.drawn.update(streams)
                known = study.analysis.archive
                if number in numbers:
                    watch.untold.update(stream for stream in streams if stream not in known)
        return watches

    def _healthy(self, told: Container[int]) -> list[int]:
        """Return some connections that all went well, spread evenly over the captures."""
        numbers = [number for number in self._joined.matched() if number not in told]
        some = numbers[:: max(1, len(numbers) // (SPARE_SAMPLES * MAX_SAMPLE))]
        short = [
            number
            for number in some
            if all(seen.packets <= MAX_SAMPLED_PACKETS for _, seen in self._prints_of(number))
        ]
        return short[:: max(1, len(short) // MAX_SAMPLE)][:MAX_SAMPLE]

    def _views(self, number: int) -> list[View]:
        """Return what each point tells of a connection; behind a NAT within one, what failed."""
        views = []
        for study, streams in zip(self.studies, self._joined.streams(number), strict=True):
            told = [one for stream in streams if (one := study.told(stream)) is not None]
            told.sort(key=lambda one: not one.judgement.failed)
            if told:
                views.append(View(study.number, self._stamps[study.number], told[0]))
        return views

    def _settle(self, number: int, views: list[View]) -> None:
        if not self._is_selected(number):
            self._counted.add(number)
            return
        way = self._way(number)
        meeting = Meeting.of(views, way)
        self._lost.look(way, meeting.outcome)
        told = meeting.lead.told
        if not (meeting.failed or self.options.all_connections or number == self._drawn):
            self._counted.add(number)
            self.unlisted[meeting.code] += 1
            self.unlisted_resets.add(told.story, told.context)
            return
        in_full = self._details.has_room(told) or number == self._drawn
        connection = merge(meeting, in_full=in_full)
        self._note_elsewhere(connection, number, way.journey.order)
        drawn = {}
        if in_full and self.options.pictures:
            drawings = [study.second.drawings if study.second else {} for study in self.studies]
            drawn = points_series(meeting, drawings)
            connection.series = drawn.pop(views[0].point)
        self._list(number, connection, drawn)

    def _note_elsewhere(self, connection: Connection, number: int, order: tuple[int, ...]) -> None:
        """Say of a failure that came up with somebody else than the host that was called."""
        point = point_of(number)
        behind = order[order.index(point) + 1 :] if point in order else ()
        for other in self._reaches.elsewhere(point, connection.stream):
            if other in behind and connection.verdict.failed:
                connection.verdict.notes.append(
                    f"{self._labels[other]}'s capture, which has other connections to "
                    f"{connection.responder.ip}, lacks this one: another host, or something "
                    "between (a transparent proxy), answered in its place"
                )

    def _way(self, number: int) -> Way:
        """Return how the connection's packets passed the points."""
        streams = self._joined.streams(number)
        traces = [
            study.second.traces.get(there[0]) if study.second and there else None
            for study, there in zip(self.studies, streams, strict=True)
        ]
        point = point_of(number)
        match = self._joined.match(number) or alone(point, streams[point][0], len(streams))
        clocks = [study.clock for study in self.studies]
        reach = self._reaches.of(streams)
        found = journey(match, traces, clocks, self._spans, reach, self._orders.of(traces))
        self._orders.learn(traces, found.order)
        return Way(found, self._labels)

    def _take_row(self, study: PointStudy, row: Connection) -> None:
        """List what was told once only: too many failed, or everything is asked for."""
        number = self._joined.number(study.number, row.stream)
        if number in self._counted:
            return
        if not self._is_selected(number):
            self._counted.add(number)
            return
        if study.number:
            self._stamps[study.number].connection(row)
        self._list(number, row)

    def _list(
        self, number: int, connection: Connection, drawn: Mapping[int, SegmentSeries] | None = None
    ) -> None:
        self._counted.add(number)
        drawn = drawn or {}
        connection.seen_at = [
            sighting(study.label, seen, drawn.get(study.number, msgspec.UNSET))
            for study, seen in self._prints_of(number)
        ]
        if self._joined.match(number) is not None:
            connection.same_as = None
        study = self.studies[point_of(number)]
        study.analysis.legs.settle(connection)
        study.analysis.twins.settle(connection.stream, failed=connection.verdict.failed)
        self.connections.add(connection, number)

    def _count(self, study: PointStudy, seen: Print) -> None:
        """Count a connection that is not listed, at the first point that has it."""
        number = self._joined.number(study.number, seen.stream)
        if number in self._counted:
            return
        self._counted.add(number)
        twin = seen.same_as is not None and self._joined.match(number) is None
        if twin or not self._is_selected(number):
            return
        self.unlisted[self._unlisted_code(number)] += 1

    def _unlisted_code(self, number: int) -> str:
        codes = [
            study.analysis.doubtful.get(stream, "ok")
            for study, streams in zip(self.studies, self._joined.streams(number), strict=True)
            for stream in streams[:1]
        ]
        return "ok" if "ok" in codes else codes[0]

    def _prints_of(self, number: int) -> Iterator[tuple[PointStudy, Print]]:
        for study, streams in zip(self.studies, self._joined.streams(number), strict=True):
            seen = study.print_of(streams[0]) if streams else None
            if seen is not None:
                yield study, seen

    def _is_selected(self, number: int) -> bool:
        """Return whether the filters admit a connection by what any of the points shows of it.

        Stream numbers are the first point's; times are on its clock.
        """
        if not self.options.is_filtered:
            return True
        first = self._joined.streams(number)[0]
        return any(
            self._selection.admits(
                first[0] if first else -1,
                seen.initiator,
                seen.responder,
                study.clock.to_first(seen.start),
                study.clock.to_first(seen.end),
            )
            for study, seen in self._prints_of(number)
        )

    def _ends_at(self, point: int) -> Callable[[int], Ends | None]:
        def ends(stream: int) -> Ends | None:
            streams = self._joined.streams(self._joined.number(point, stream))
            present = zip(self.studies, self._reaches.of(streams), strict=True)
            return ends_by_labels({study.label for study, reach in present if reach != "none"})

        return ends

    def _complete(self, connection: Connection) -> None:
        """Add what was not known yet when a connection was told."""
        label = connection.point
        study = self.studies[0] if label is msgspec.UNSET else self._by_label[label]
        study.analysis.complete(connection)
        if study.number and connection.scope is not None:
            self._stamps[study.number].scope(connection.scope)
        self.logged.add(connection)
