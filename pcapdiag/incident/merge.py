"""One connection as several points tell it, made one connection of the report.

Its own numbers are the first point's that has it. The verdict is the best that any point gives;
what only another point saw is added with that point's label, on the first point's clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from pcapdiag.diagnose.capture.partial import KIND as PARTIAL
from pcapdiag.incident.stamp import Stamp
from pcapdiag.incident.telling import Told
from pcapdiag.model.ends import join_port
from pcapdiag.model.points import Print
from pcapdiag.model.report import Connection, Sighting
from pcapdiag.model.units import parse_seconds

MAX_TIMELINE = 400
"""Lines of all points together; further ones are left out at the end."""


class View(msgspec.Struct, frozen=True):
    """A connection as one point tells it, in full or as a row."""

    point: int
    stamp: Stamp
    told: Told

    @property
    def failed(self) -> bool:
        """The verdict of this point alone is a failure."""
        return self.told.judgement.failed

    @property
    def beside_initiator(self) -> bool:
        """Captured on the initiator's own host."""
        return self.told.story.initiator.address in self.told.context.capture_hosts


def leading(views: Sequence[View]) -> View:
    """Return the view whose verdict the connection gets.

    A failure is believed before a success: who was told of it may have been cut off behind the
    other point. Only the initiator's own host knows that all it asked for did come.
    """
    for view in views:
        if view.beside_initiator and view.told.judgement.code == "ok":
            return view
    return min(views, key=lambda v: (_doubt(v), -v.told.judgement.confidence, v.point))


def _doubt(view: View) -> int:
    if view.failed:
        return 0
    return 2 if view.told.judgement.code == PARTIAL.code else 1


def merge(views: Sequence[View], *, in_full: bool) -> Connection:
    """Return the connection; ``views`` are in the points' order, one at least."""
    for view in views:
        _finish(view, in_full=in_full)
    base, lead = views[0], leading(views)
    connection = base.told.connection
    if lead is not base:
        other = lead.told.connection
        connection.verdict, connection.other_failures = other.verdict, other.other_failures
        connection.tls = connection.tls or other.tls
    for view in views[1:]:
        _add_resets(connection, view.told.connection)
        if view.stamp.clock.known and base.stamp.clock.known:
            connection.timeline += view.told.connection.timeline
    if len(views) > 1:
        connection.timeline.sort(key=lambda entry: parse_seconds(entry.time))
        del connection.timeline[MAX_TIMELINE:]
    return connection


def _finish(view: View, *, in_full: bool) -> None:
    connection = view.told.in_full() if in_full else view.told.as_row()
    if view.point:
        view.stamp.connection(connection)


def _add_resets(connection: Connection, other: Connection) -> None:
    """Add the resets that only another point saw: those of an end that sent none here."""
    here = Counter(reset.from_ for reset in connection.resets)
    connection.resets += [reset for reset in other.resets if not here[reset.from_]]


def sighting(label: str, seen: Print) -> Sighting:
    """Return where and how a point has a connection."""
    return Sighting(
        point=label,
        stream=seen.stream,
        first_frame=seen.first_frame,
        initiator=join_port(*seen.initiator),
        responder=join_port(*seen.responder),
        packets=seen.packets,
    )
