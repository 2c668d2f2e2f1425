"""The analysis of one capture: what happens when a connection ends, and when the capture does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pcapdiag.capture import Batch, Capture
from pcapdiag.correlate.names import NameTable
from pcapdiag.diagnose.http2.effects import open_again
from pcapdiag.diagnose.judge import judge, judge_first
from pcapdiag.flow.records import Flow
from pcapdiag.flow.story import address_text, build_story
from pcapdiag.incident.archive import Archive, Archived, Connections, outcome_of
from pcapdiag.incident.certificates import Certificates
from pcapdiag.incident.describe import asked_name
from pcapdiag.incident.dns_reader import DnsReader
from pcapdiag.incident.following import Following
from pcapdiag.incident.legs import ProxyLegs
from pcapdiag.incident.logged import Logged
from pcapdiag.incident.place import Places
from pcapdiag.incident.resets import UnlistedResets
from pcapdiag.incident.scope import Scopes
from pcapdiag.incident.surroundings import Surroundings
from pcapdiag.incident.telling import Details, Teller, Told
from pcapdiag.incident.twins import Twins
from pcapdiag.incident.unjudged import NOT_OF_ONE, Unjudged
from pcapdiag.incident.upstream_load import UpstreamLoad
from pcapdiag.model.context import Context
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection
from pcapdiag.model.story import Story
from pcapdiag.model.tls import KeyState
from pcapdiag.model.units import SECOND, counted

if TYPE_CHECKING:
    from pcapdiag.correlate.selection import Selection
    from pcapdiag.flow.prints import PrintTable
    from pcapdiag.host.load import Loaded
    from pcapdiag.incident.drawing import Drawing

Ended = TypeVar("Ended", Flow, Archived)

LIVE = 600 * SECOND
"""A capture whose last packet is at most this old (ns) is live: wall-clock time goes on for it."""


class Analysis(Following):
    """Takes batches, judges each connection when it ends and again when all is known."""

    def __init__(self, capture: Capture, options: AnalyzeOptions) -> None:
        super().__init__(capture, options, self._ended)
        self.options = options
        self.names = NameTable.from_file(options.names) if options.names else NameTable()
        self.snapshots = _snapshots(options)
        self.dns = DnsReader(self.names)
        self.tracker.on_dns = self.dns.take
        self.tracker.on_dns_error = self.dns.take_error
        self.tracker.turns.note_all = options.all_connections
        if options.is_filtered:
            self.tracker.endings.is_chosen = self._selected
        if options.keep_prints:
            self.tracker.endings.keep_prints = self.prints
        if options.follow:
            self.tracker.endings.together = 1
        self.key_states: Counter[KeyState] = Counter()
        """Of connections with TLS that were read."""
        self.surroundings = Surroundings(self.tracker, options)
        self.connections = Connections(self.complete, handed_out=options.follow)
        self.unlisted: Counter[str] = Counter()
        """Connections by verdict that the report counts but does not list."""
        self.doubtful: dict[int, str] = {}
        """With ``keep_prints``: the verdicts other than ``ok`` among them, by stream."""
        self.unjudged = Unjudged()
        self.unlisted_resets = UnlistedResets()
        self.certificates = Certificates()
        self.places = Places()
        self.fresh: list[Connection] = []
        """With ``follow``: verdicts given since the last look."""
        self.late: list[tuple[int, bool]] = []
        """With ``follow``: what the end of the capture told, by number in ``connections``, and
        whether it changed a verdict that had been given."""
        self.withdrawn: list[Connection] = []
        """With ``follow``: what was given as failed, and did not fail after all."""
        self._teller = Teller(
            capture,
            self.tracker,
            self.surroundings,
            self.names,
            options.all_connections,
            options.pictures,
        )
        self.archive = Archive()
        """Stories that are judged again at the end."""
        self.twins = Twins(options.is_filtered)
        self.legs = ProxyLegs()
        self._scopes = Scopes(self.tracker, filtered=options.is_filtered)
        self._load = UpstreamLoad(self.tracker)
        self.logged = Logged(options, self.tracker)
        self._live = options.follow
        self._given: dict[str, tuple[str, str]] = {}
        """With ``follow``: code and side given for each connection that is judged again."""
        self._details = Details()
        self._drawing: Drawing | None = None

    @cached_property
    def prints(self) -> PrintTable:
        """With ``keep_prints``: one of every connection of the capture."""
        from pcapdiag.flow.prints import PrintTable  # Only here: one capture alone needs none.

        return PrintTable()

    def draw(self, stream: int) -> None:
        """Tell a connection in full whatever its verdict is, with all of its packets.

        To be asked before the first batch. There is no such connection where it is not among
        ``connections`` at the end.
        """
        # Only here: most runs draw no connection by itself.
        from pcapdiag.flow.sieve import MAX_DRAWN
        from pcapdiag.incident.drawing import Drawing

        self._drawing = Drawing(stream, MAX_DRAWN)
        self.tracker.watch({stream}, self._drawing.add)

    def _is_drawn(self, stream: int) -> bool:
        return self._drawing is not None and self._drawing.stream == stream

    def take(self, batch: Batch) -> None:
        """Follow the packets of a batch; the logs are read before the first one."""
        self.logged.read_before(batch)
        super().take(batch)

    def let_time_pass(self) -> None:
        """Let wall-clock time end connections, while a live input is silent."""
        now = time.time_ns()
        if self.tracker.now and now - self.tracker.last_time < LIVE:
            self.surroundings.watched_until = now
            self.tracker.tick(now)

    def finish(self) -> None:
        """Judge what is still open, then everything doubtful or failed once more, knowing all."""
        self.end_reading()
        around = self.surroundings
        self.legs.conclude(around.capture_hosts, around.opened, around.answered)
        for archived in self.archive.stories():
            self._attempt(self._judge_again, archived, archived.story.stream)
        self.unlisted["ok"] += self.tracker.endings.healthy
        table = self.tracker.table
        self.unlisted_resets.add_untold([*table.endpoints.values(), table.other_endpoint])
        self._tie_logs()
        self.connections.settle()

    def _tie_logs(self) -> None:
        """Join the logs; what was listed for them alone and has no line is counted only."""
        tracker = self.tracker
        self.logged.conclude(self.connections, tracker.first_time, tracker.last_time)
        for number, stream in self.logged.without_line():
            self.connections.withdraw(number)
            told = self.tell(self.archive.read(stream))
            self._leave_out(told.story, told.context, told.connection.verdict.code)

    def end_reading(self) -> None:
        """Judge what is still open; from now on the whole capture is known.

        Raises LinkTypeError where no packet of it could be decoded.
        """
        self.capture.check_link_types()
        self._live = False
        self.tracker.close()
        for address, name in self.capture.names.items():
            self.names.add(address, name, "capture")
        self.surroundings.conclude(firewall_log=self.capture.of_a_firewall)

    def tell(self, archived: Archived) -> Told:
        """Judge a connection knowing the whole capture."""
        story = archived.story
        story.goes_on = self.twins.has(story.stream)
        context = self.surroundings.context(
            story, archived.watched_until if story.evicted else None
        )
        judgement = self.legs.judgement(story, context) or judge(story, context, archived.earlier)
        return self._teller.tell(story, context, judgement)

    def _ended(self, flow: Flow) -> None:
        self._attempt(self._take_ended, flow, flow.stream)

    def _attempt(self, judge: Callable[[Ended], None], ended: Ended, stream: int) -> None:
        """Judge one connection; a fault of ours costs no verdict but its own."""
        try:
            judge(ended)
        except NOT_OF_ONE:
            raise
        except Exception as error:
            self.unjudged.note(stream, error)
            self.unlisted["capture.partial"] += 1
            if self.options.keep_prints:
                self.doubtful[stream] = "capture.partial"

    def _take_ended(self, flow: Flow) -> None:
        # From now on healthy ones stay in compiled code.
        if self.places.enough and not self.options.all_connections:
            self.tracker.endings.want_all = 0
        selected = self._selected(flow)
        if not selected and self.places.enough and flow.previous is None:
            return
        story = build_story(self.tracker, flow)
        story.application = self.readers.application(flow, story)
        open_again(story)
        self._count_key_state(story)
        self._count_goaways(story)
        self.surroundings.tls_servers.note(story)
        if flow.look:
            self.certificates.note(story)
        self.places.note(story)
        self.dns.take_story(story)
        self._teller.note_retry(story)
        if selected:
            self._judge(story)

    def _judge(self, story: Story) -> None:
        """Judge a connection that ended; set it aside where the rest of the capture may matter."""
        context = self.surroundings.context(story)
        judgement, earlier = judge_first(story, context)
        outcome = outcome_of(judgement.code, failed=judgement.failed)
        archived = Archived(story, context.last_time, earlier, outcome)
        self._mark_print(story, failed=judgement.failed)
        self.surroundings.learn(story)
        self.surroundings.recurrences.note(story, judgement)
        self.twins.note(story)
        self._learn_server_name(story)
        self._scopes.count(story, outcome)
        noted = self.legs.note(story, judgement, context)
        if self._is_drawn(story.stream) or (not noted and self.logged.names(story)):
            self.archive.put(archived)
            return
        if noted:
            if self.archive.keep(archived, failed=judgement.failed):
                if self._live and judgement.failed:
                    self._give(self._teller.tell(story, context, judgement))
                return
        if judgement.failed or self.options.all_connections:
            connection = self._teller.tell(story, context, judgement).as_row()
            self.twins.settle(story.stream, failed=judgement.failed)
            self.connections.add(connection)
            if self.options.follow:
                self.fresh.append(connection)
        else:
            self._leave_out(story, context, judgement.code)

    def _mark_print(self, story: Story, *, failed: bool) -> None:
        if self.options.keep_prints:
            self.prints.mark_failed(story.stream, failed=failed)

    def _leave_out(self, story: Story, context: Context, code: str) -> None:
        if self.options.keep_prints and code != "ok":
            self.doubtful[story.stream] = code
        if self.twins.counts(story):
            self.unlisted[code] += 1
            self.unlisted_resets.add(story, context)

    def _give(self, told: Told) -> None:
        connection = told.in_full()
        self.fresh.append(connection)
        self._given[connection.id] = _gist(connection)

    def _judge_again(self, archived: Archived) -> None:
        told, story = self.tell(archived), archived.story
        verdict = told.connection.verdict
        self._mark_print(story, failed=verdict.failed)
        outcome = outcome_of(verdict.code, failed=verdict.failed)
        self._scopes.count(story, outcome, archived.outcome)
        self.legs.settle(told.connection)
        given = self._given.pop(told.connection.id, None)
        drawn = self._drawing if self._is_drawn(story.stream) else None
        asked_for = verdict.failed or self.options.all_connections or drawn is not None
        if not (asked_for or self.logged.names(story)):
            self._leave_out(story, told.context, verdict.code)
            if given is not None:
                self.withdrawn.append(told.in_full())
            return
        self.twins.settle(story.stream, failed=verdict.failed)
        in_full = self._details.has_room(told) or drawn is not None
        connection = told.in_full() if in_full else told.as_row()
        if drawn is not None:
            connection.series = drawn.series(story)
        changed = given != _gist(connection) or self.legs.has_cause(connection)
        if self.options.follow and changed:
            self.late.append((self.connections.added, given is not None))
        if not asked_for:
            self.logged.listed(self.connections.added, story.stream)
        self.connections.add(connection)

    def let_go(self) -> None:
        """Leave the connections to the report: all is gone then as soon as the report is.

        In a circle of references it would stay until the collection of garbage comes by, which in a
        large program is seldom.
        """
        del self.connections
        self.tracker.endings.finished = _nobody
        self.tracker.endings.is_chosen = None

    def complete(self, connection: Connection) -> None:
        """Add what was not known yet when a connection was told."""
        self._complete(connection)
        self.logged.add(connection)

    def _complete(self, connection: Connection) -> None:
        self.twins.join(connection)
        calls_others = self.surroundings.calls_others(connection.responder.ip)
        self.legs.join(connection, calls_others=calls_others)
        if not connection.timeline:
            self._teller.name_ends(connection)
        elif connection.verdict.failed:
            caller, responder = connection.initiator.ip, connection.responder
            connection.scope = self._scopes.scope(caller, responder.ip, responder.port)
            self._load.add(connection, self.surroundings.capture_hosts)

    def _selected(self, flow: Flow) -> bool:
        if not self.options.is_filtered:
            return True
        chosen = self._selection
        ports = flow.port_a, flow.port_b
        if not chosen.admits_what(flow.stream, ports, flow.start, flow.end):
            return False
        if not chosen.asks_who:
            return True
        one = address_text(flow.version, flow.high_a, flow.low_a), flow.port_a
        other = address_text(flow.version, flow.high_b, flow.low_b), flow.port_b
        return chosen.admits_who(one, other)

    @cached_property
    def _selection(self) -> Selection:
        from pcapdiag.correlate.selection import Selection  # Only here: most runs have no filter.

        return Selection.from_options(self.options, self.tracker.first_time)

    def _count_key_state(self, story: Story) -> None:
        tls = story.tls
        if tls is not None:
            self.key_states[tls.key_state] += 1

    def _count_goaways(self, story: Story) -> None:
        if story.http2 is not None and story.same_as is None:
            for goaway in story.http2.goaways:
                self.tracker.activity.goaway(goaway.time)

    def key_notes(self) -> list[str]:
        """Return what is to be said of the TLS secrets; nothing of what they are."""
        notes = [f"key log: {problem}" for problem in self.keys.problems]
        wrong, missing = self.key_states["wrong secret"], self.key_states["no secret"]
        unread = self.key_states["unsupported cipher"]
        if unread:
            count = counted(unread, "TLS connection")
            notes.append(
                f"key log: {count} of a version or with a cipher that is not decrypted; judged "
                "without keys"
            )
        if wrong:
            count = counted(wrong, "connection")
            notes.append(f"key log: its secrets do not open {count}; judged without keys")
        elif missing and self.keys and not self.key_states["decrypted"]:
            count = counted(missing, "TLS connection")
            notes.append(
                f"key log: it has no secret of {count} that could be opened: it is of another run, "
                "or of another program; judged without keys"
            )
        return notes

    def _learn_server_name(self, story: Story) -> None:
        name = asked_name(story)
        if name:
            self.names.add(story.responder.address, name, "sni")


def _snapshots(options: AnalyzeOptions) -> list[Loaded]:
    if not options.snapshots:
        return []
    from pcapdiag.host.load import load_snapshots  # Only here: most runs have none.

    return load_snapshots(options.snapshots)


def _nobody(_flow: Flow) -> None:
    """Is told of connections when there are no more."""


def _gist(connection: Connection) -> tuple[str, str]:
    return connection.verdict.code, connection.verdict.attribution.side
