"""From a connection's story to the report's connection: judged, attributed, named, described."""

from __future__ import annotations

from collections import Counter

import msgspec

from pcapdiag.capture import Capture
from pcapdiag.correlate.names import NameTable
from pcapdiag.correlate.roles import Ends
from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.attribution.settle import settling_commands, would_settle
from pcapdiag.diagnose.failed_requests import other_failures
from pcapdiag.diagnose.judge import cured, refine
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.flow.tracker import Tracker
from pcapdiag.incident.describe import (
    add_resets,
    add_series,
    add_timeline,
    describe,
    describe_verdict,
    shorten,
)
from pcapdiag.incident.describe_http import describe_http
from pcapdiag.incident.surroundings import Surroundings
from pcapdiag.model.context import Context
from pcapdiag.model.report import Connection
from pcapdiag.model.story import Story

DETAILED_PER_GROUP = 20
"""Equal failures at one endpoint that are told in full; further ones are a row."""
MAX_DETAILED = 5_000
MAX_RETRIES = 1_000
"""Retries on the same ports that are remembered, to see whether they cured a failure."""


class Details(msgspec.Struct):
    """Chooses the failures that are told in full: the first ones of each kind."""

    _per_group: Counter[tuple[str, str, str, int]] = msgspec.field(default_factory=Counter)
    _all: int = 0

    def has_room(self, told: Told) -> bool:
        """Return whether a failure is told in full, and count it if so."""
        verdict, responder = told.connection.verdict, told.connection.responder
        group = verdict.code, verdict.attribution.side, responder.ip, responder.port
        if self._all >= MAX_DETAILED or self._per_group[group] >= DETAILED_PER_GROUP:
            return False
        self._per_group[group] += 1
        self._all += 1
        return True


class Told(msgspec.Struct, frozen=True):
    """A connection with its verdict, and what is still needed to list it in the report.

    Many are only counted, so what was said above TCP is added with the rest.
    """

    connection: Connection
    story: Story
    judgement: Judgement
    ends: Ends
    context: Context
    plain: Judgement
    """The judgement before it was known who did it, for a judgement with more captures."""
    list_all: bool = False
    """List its first exchanges, not only the failed ones and their neighbours."""
    pictures: bool = False
    """Add what its charts draw, where it is told in full."""

    def in_full(self) -> Connection:
        """Return it with timeline, resets and evidence; to be asked once."""
        self._add_protocols()
        add_resets(self.connection, self.story, self.ends, self.context)
        add_timeline(self.connection, self.story, self.judgement)
        if self.pictures:
            add_series(self.connection, self.story)
        self._add_settling()
        return self.connection

    def _add_protocols(self) -> None:
        """Add what was said above TCP, and the failed requests that the verdict is not about."""
        failed = {self.judgement.exchange}
        for other in other_failures(self.story, self.judgement, self.context):
            failed.update(other.exchanges)
            attribution = attribute(self.story, other.judgement, self.context)
            count = len(other.exchanges)
            verdict = describe_verdict(self.story, other.judgement, attribution, self.ends, count)
            self.connection.other_failures.append(verdict)
        if self.story.tls is not None:
            from pcapdiag.incident.describe_tls import describe_tls  # Only here: not all have TLS.

            self.connection.tls = describe_tls(self.story.tls)
        facts = self.story.http
        if facts is not None:
            chosen = None if self.list_all else failed
            self.connection.http = describe_http(facts, chosen, self.story.responder.address)
            if facts.http2 is not None:
                from pcapdiag.incident.describe_http2 import describe_http2  # As for TLS.

                self.connection.http2 = describe_http2(facts.http2)

    def _add_settling(self) -> None:
        """Where one capture cannot tell who did it, begin with the one that would."""
        verdict = self.connection.verdict
        if verdict.failed and would_settle(verdict.attribution):
            roles = self.ends.initiator, self.ends.responder
            settling = settling_commands(self.story, self.context, roles)
            verdict.commands = [*settling, *verdict.commands]

    def as_row(self) -> Connection:
        """Return it without timeline, evidence and texts, which equal ones have; as above."""
        self._add_protocols()
        decisive = self.judgement.reset
        add_resets(self.connection, self.story, self.ends, self.context, decisive)
        shorten(self.connection)
        return self.connection


class Teller(msgspec.Struct):
    """Tells connections with what is known at the moment, so later ones are told better."""

    capture: Capture
    tracker: Tracker
    surroundings: Surroundings
    names: NameTable
    list_all: bool = False
    """List the first exchanges of a connection, not only the failed ones and their neighbours."""
    pictures: bool = False
    """Add what charts draw to each connection that is told in full."""
    _retries: dict[int, Story] = {}
    """Connections that came up on ports of an earlier one, by the earlier one's stream."""

    def note_retry(self, story: Story) -> None:
        """Remember a connection that may have cured an earlier one's failure."""
        if story.previous_stream is not None and story.handshake_done:
            if len(self._retries) < MAX_RETRIES:
                self._retries.setdefault(story.previous_stream, story)

    def tell(self, story: Story, context: Context, judgement: Judgement) -> Told:
        """Return a connection; ``judgement`` is what ``judge`` said in this context."""
        attribution = attribute(story, judgement, context)
        plain, judgement = judgement, refine(judgement, attribution, story, context)
        retry = self._retries.get(story.stream)
        if retry is not None:
            plain = judgement = cured(judgement, story, retry)
            attribution = attribute(story, judgement, context)
        ends = self.surroundings.ends(story)
        connection = describe(story, judgement, attribution, ends, self.names)
        self._say_where(connection, story)
        return Told(
            connection, story, judgement, ends, context, plain, self.list_all, self.pictures
        )

    def name_ends(self, connection: Connection) -> None:
        """Bring names and roles of a connection that was told early to what is known now."""
        initiator, responder = connection.initiator, connection.responder
        ends = self.surroundings.ends_of(
            connection.stream, (initiator.ip, initiator.port), (responder.ip, responder.port)
        )
        initiator.role, responder.role, connection.leg = ends.initiator, ends.responder, ends.leg
        initiator.name = self.names.name(initiator.ip)
        responder.name = self.names.name(responder.ip)
        for verdict in (connection.verdict, *connection.other_failures):
            ends.assign(verdict.attribution)
        for reset in connection.resets:
            ends.assign(reset.attribution)

    def _say_where(self, connection: Connection, story: Story) -> None:
        """Add where in the input the connection was read."""
        if connection.path is not None:
            connection.path.interfaces = [self._interface(n) for n in story.interfaces]
        origin = self.capture.frame_origin(story.first_frame)
        if origin is not None:
            connection.file = self.capture.files[origin[0]].path
            connection.frame_in_file = origin[1]

    def _interface(self, number: int) -> str:
        for (interface, ifindex), known in self.tracker.copies.path_ids.items():
            if known == number:
                name = self.capture.interfaces[interface].name or f"interface {interface}"
                return f"{name}, index {ifindex}" if ifindex else name
        return "other"
