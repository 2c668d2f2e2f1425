"""The analysis of one capture: what happens when a connection ends, and when the capture does."""

from __future__ import annotations

import os
import time
from array import array
from collections import Counter

from pcapdiag.capture import Batch, Capture
from pcapdiag.correlate.names import NameTable
from pcapdiag.correlate.selection import Selection
from pcapdiag.decode.fragments import Fragments
from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.judge import cured, judge, refine
from pcapdiag.flow.records import Flow
from pcapdiag.flow.story import build_story
from pcapdiag.flow.tracker import Tracker
from pcapdiag.incident.archive import Archive, Connections
from pcapdiag.incident.describe import add_detail, describe
from pcapdiag.incident.surroundings import Surroundings
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection
from pcapdiag.model.story import Story
from pcapdiag.protocols.dns import address_names
from pcapdiag.protocols.server_name import server_name


MAX_RETRIES = 1_000
"""Retries on the same ports that are remembered, to see whether they cured a failure."""
LIVE = 600_000_000_000
"""A capture whose last packet is at most this old (ns) is live: wall-clock time goes on for it."""


class Analysis:
    """Takes batches, judges each connection when it ends and again when all is known."""

    def __init__(self, capture: Capture, options: AnalyzeOptions) -> None:
        self.capture = capture
        self.options = options
        self.names = NameTable.from_file(options.names) if options.names else NameTable()
        self.fragments = Fragments()
        # Filters ask for a look at every connection; otherwise healthy ones stay in compiled code.
        self._filtered = options.is_filtered
        want_all = options.all_connections or self._filtered
        self.tracker = Tracker(self._ended, want_all, int.from_bytes(os.urandom(7), "little"))
        self.tracker.on_dns = self._learn_names
        self.tracker.reassemble = self.fragments.add
        self.surroundings = Surroundings(self.tracker, options)
        self.archive = Archive()
        self.connections = Connections()
        self.unlisted: Counter[str] = Counter()
        """Connections by verdict that the report counts but does not list."""
        self.fresh: list[Connection] = []
        """With ``follow``: verdicts given since the last look."""
        self._retries: dict[int, Story] = {}
        """Connections that came up on ports of an earlier one, by the earlier one's stream."""
        self._link_types = array("q")
        self._files = array("q")

    def take(self, batch: Batch) -> None:
        """Follow the packets of a batch; connections that ended are judged on the way."""
        for interface in self.capture.interfaces[len(self._link_types) :]:
            self._link_types.append(interface.link_type)
            self._files.append(interface.file)
        self.tracker.process(batch, self._link_types, self._files)

    def let_time_pass(self) -> None:
        """Let wall-clock time end connections, while a live input is silent."""
        if self.tracker.now and time.time_ns() - self.tracker.now < LIVE:
            self.tracker.tick(time.time_ns())

    def finish(self) -> None:
        """Judge what is still open, then everything that failed once more, knowing all."""
        self.tracker.close()
        for address, name in self.capture.names.items():
            self.names.add(address, name, "capture")
        self.surroundings.conclude()
        for story in self.archive.stories():
            self._list(self._tell(story))
        self.connections.detailed.sort(key=lambda c: (c.stream, c.first_frame))
        if not self._filtered:
            self.unlisted["ok"] += self.tracker.healthy

    def _ended(self, flow: Flow) -> str:
        story = build_story(self.tracker, flow)
        self._note_retry(story)
        if not self._filtered or self._selected(story):
            self._sort_out(story)
        return story.state

    def _note_retry(self, story: Story) -> None:
        if story.previous_stream is not None and story.handshake_done:
            if len(self._retries) < MAX_RETRIES:
                self._retries.setdefault(story.previous_stream, story)

    def _sort_out(self, story: Story) -> None:
        judgement = judge(story, self.surroundings.context(story))
        self._learn_server_name(story)
        if not judgement.failed and judgement.code == "ok" and not self.options.all_connections:
            self.unlisted["ok"] += 1
        elif self.archive.keep(story, judgement.code):
            if self.options.follow and judgement.failed:
                self.fresh.append(self._tell(story))
        elif judgement.failed or self.options.all_connections:
            self.connections.add_row(self._tell(story, in_full=False))
        else:
            self.unlisted[judgement.code] += 1

    def _list(self, connection: Connection) -> None:
        if connection.verdict.failed or self.options.all_connections:
            self.connections.detailed.append(connection)
        else:
            self.unlisted[connection.verdict.code] += 1

    def _tell(self, story: Story, *, in_full: bool = True) -> Connection:
        context = self.surroundings.context(story)
        judgement = judge(story, context)
        attribution = attribute(story, judgement, context)
        judgement = refine(judgement, attribution, story, context)
        retry = self._retries.get(story.stream)
        if retry is not None:
            judgement = cured(judgement, story, retry)
            attribution = attribute(story, judgement, context)
        ends = self.surroundings.roles().ends(
            (story.initiator.address, story.initiator.port),
            (story.responder.address, story.responder.port),
        )
        connection = describe(story, judgement, attribution, ends, self.names)
        if connection.path is not None:
            connection.path.interfaces = [self._interface(n) for n in story.interfaces]
        if in_full:
            add_detail(connection, story, judgement, ends, context)
        else:
            attribution.evidence = []
        origin = self.capture.frame_origin(story.first_frame)
        if origin is not None:
            connection.file = self.capture.files[origin[0]].path
            connection.frame_in_file = origin[1]
        return connection

    def _interface(self, number: int) -> str:
        for (interface, ifindex), known in self.tracker.path_ids.items():
            if known == number:
                name = self.capture.interfaces[interface].name or f"interface {interface}"
                return f"{name}, index {ifindex}" if ifindex else name
        return "other"

    def _selected(self, story: Story) -> bool:
        selection = Selection.from_options(self.options, self.tracker.first_time)
        return selection.admits(
            story.stream,
            (story.initiator.address, story.initiator.port),
            (story.responder.address, story.responder.port),
            story.start,
            story.end,
        )

    def _learn_names(self, _time: int, message: bytes) -> None:
        if not self.names.is_full:
            for address, name in address_names(message):
                self.names.add(address, name, "dns")

    def _learn_server_name(self, story: Story) -> None:
        name = server_name(story.hello_initiator)
        if name:
            self.names.add(story.responder.address, name, "sni")
