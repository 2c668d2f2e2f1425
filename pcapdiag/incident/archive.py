"""Failed connections set aside until the whole capture is known, in memory that does not grow.

Stories wait for their second judgement, and the report's connections until they are read.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, overload

from pcapdiag.diagnose.judge import Earlier
from pcapdiag.incident.explaining import by_stream
from pcapdiag.incident.store import KEPT_AS_THEY_ARE, Store
from pcapdiag.model.report import Connection, Finding, label_of
from pcapdiag.model.story import Story

Outcome = Literal["ok", "doubtful", "failed"]

MAX_FAILED = 100_000
"""Failed connections that are judged again at the end; of others the first judgement stays."""
MAX_DOUBTFUL = 5_000
"""Connections judged again of those that the capture, so far, could not tell to have failed."""
DOUBTFUL_PER_ENDPOINT = 500


class Archived(NamedTuple):
    """A story that waits for its second judgement."""

    story: Story
    watched_until: int
    """The capture's time (ns) when it was judged."""
    earlier: Earlier | None = None
    """What its first judgement found out."""
    outcome: Outcome = "ok"
    """What that said of it."""


def outcome_of(code: str, *, failed: bool) -> Outcome:
    """Return in one word what a verdict says of its connection."""
    if failed:
        return "failed"
    return "ok" if code == "ok" else "doubtful"


class Archive:
    """Stories that are to be judged again when the whole capture is known."""

    def __init__(self) -> None:
        self.left_out = 0
        """Judgements that have to stay as they were first."""
        self._store = Store(Archived)
        self._numbers: dict[int, int] = {}
        self._failed = 0
        self._doubtful = 0
        self._doubtful_by_endpoint: Counter[tuple[str, int]] = Counter()

    def keep(self, archived: Archived, *, failed: bool) -> bool:
        """Set a story aside; False where there is no room for it, and its judgement has to stay."""
        if not (self._has_room() if failed else self._has_room_for_doubt(archived.story)):
            self.left_out += 1
            return False
        self.put(archived)
        return True

    def put(self, archived: Archived) -> None:
        """Set a story aside, whether or not there is room; nobody changes it later."""
        self._numbers[archived.story.stream] = len(self._store)
        self._store.add(archived)

    def __contains__(self, stream: int) -> bool:
        return stream in self._numbers

    def streams(self) -> list[int]:
        """Return the streams of which a story was kept."""
        return sorted(self._numbers)

    def read(self, stream: int) -> Archived:
        """Return the last story of a stream; raises KeyError."""
        return self._store.read(self._numbers[stream])

    def stories(self) -> Iterator[Archived]:
        """Yield what was kept, in the order in which it was judged."""
        return map(self._store.read, range(len(self._store)))

    def _has_room(self) -> bool:
        self._failed += 1
        return self._failed <= MAX_FAILED

    def _has_room_for_doubt(self, story: Story) -> bool:
        endpoint = (story.responder.address, story.responder.port)
        if self._doubtful >= MAX_DOUBTFUL:
            return False
        if self._doubtful_by_endpoint[endpoint] >= DOUBTFUL_PER_ENDPOINT:
            return False
        self._doubtful += 1
        self._doubtful_by_endpoint[endpoint] += 1
        return True


class Connections(Sequence[Connection]):
    """The report's connections in the order of their streams, read when asked for.

    ``complete`` adds to each, when it is read, what was only known at the end of the capture.
    Those that are ``handed_out`` before stay as somebody has them: what is read is another one.
    """

    def __init__(self, complete: Callable[[Connection], None], *, handed_out: bool = False) -> None:
        self._complete = complete
        self._findings: dict[tuple[str, int], list[int]] = {}
        self._first_point = ""
        self._store = Store(Connection, 0 if handed_out else KEPT_AS_THEY_ARE)
        self._all_known = False
        self._completed: set[int] = set()
        """Those of which every reader gets the same object."""
        self._streams = array("q")
        self._order = array("q")
        self._withdrawn: set[int] = set()

    def withdraw(self, number: int) -> None:
        """Leave out the connection that was added when there were ``number`` of them."""
        self._withdrawn.add(number)
        self._order = array("q")

    def add(self, connection: Connection, place: int | None = None) -> None:
        """Append a connection; ``place`` orders it where its stream does not."""
        self._store.add(connection)
        self._streams.append(connection.stream if place is None else place)

    def settle(self) -> None:
        """Say that nothing more will become known: each connection needs to be completed once."""
        self._all_known = True

    def name_findings(self, findings: Sequence[Finding], first_point: str = "") -> None:
        """From now on, let each connection say which findings name it."""
        self._first_point = first_point
        self._findings = by_stream(findings, first_point)

    def read(self, number: int) -> Connection:
        """Return the connection that was added when there were ``number`` of them."""
        connection = self._store.read(number) if self._all_known else self._store.copy(number)
        if number not in self._completed:
            self._complete(connection)
            if self._all_known and self._store.is_shared(number):
                self._completed.add(number)
        where = label_of(connection.point, self._first_point), connection.stream
        connection.findings = list(self._findings.get(where, ()))
        return connection

    def unread(self) -> Iterator[Connection]:
        """Yield copies of the connections as they were added, without what is added at the end."""
        return map(self._store.copy, self._sorted())

    def at(self, place: int) -> Connection | None:
        """Return the last connection that was added in a place; None where none was."""
        numbers = [number for number, known in enumerate(self._streams) if known == place]
        return self.read(numbers[-1]) if numbers else None

    @property
    def added(self) -> int:
        """How many were added, those that were withdrawn among them."""
        return len(self._store)

    def __len__(self) -> int:
        return len(self._store) - len(self._withdrawn)

    def __iter__(self) -> Iterator[Connection]:
        return map(self.read, self._sorted())

    @overload
    def __getitem__(self, index: int) -> Connection: ...
    @overload
    def __getitem__(self, index: slice) -> list[Connection]: ...
    def __getitem__(self, index: int | slice) -> Connection | list[Connection]:
        if isinstance(index, slice):
            return [self.read(number) for number in self._sorted()[index]]
        return self.read(self._sorted()[index])

    def _sorted(self) -> array[int]:
        """Return the records' numbers by stream; those of one stream stay in their order."""
        if len(self._order) != len(self):
            numbers = (n for n in range(len(self._store)) if n not in self._withdrawn)
            self._order = array("q", sorted(numbers, key=self._streams.__getitem__))
        return self._order
