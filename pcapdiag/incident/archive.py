"""Failed connections set aside until the whole capture is known, in memory that does not grow.

Stories wait for their second judgement, the first ones as they are, the others in a spill file,
which starts in memory and moves to disk; there the report's connections wait until they are read.
"""

from __future__ import annotations

import io
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import IO, NamedTuple, overload

import msgspec

from pcapdiag.diagnose.judge import Earlier
from pcapdiag.errors import OutputError
from pcapdiag.incident.explaining import by_stream, label
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.story import Story

MAX_FAILED = 100_000
"""Failed connections that are judged again at the end; of others the first judgement stays."""
KEPT_AS_THEY_ARE = 256
"""Stories that need not be written and read: most captures hold no more."""
MAX_DOUBTFUL = 5_000
"""Connections judged again of those that the capture, so far, could not tell to have failed."""
DOUBTFUL_PER_ENDPOINT = 20
IN_MEMORY = 512 * 1024
"""Bytes of a spill that stay in memory before a temporary file takes them: of some 100 failures."""


class Archived(NamedTuple):
    """A story that waits for its second judgement."""

    story: Story
    watched_until: int
    """The capture's time (ns) when it was judged."""
    earlier: Earlier | None = None
    """What its first judgement found out."""


@cache
def _story_decoder() -> msgspec.msgpack.Decoder[Archived]:
    # Looking through all the types takes milliseconds, and most captures need it not.
    return msgspec.msgpack.Decoder(Archived)


@cache
def _connection_decoder() -> msgspec.msgpack.Decoder[Connection]:
    return msgspec.msgpack.Decoder(Connection)


class Spill:
    """Records in the order in which they were added, read back by number.

    Raises OutputError where the disk takes no more of them.
    """

    def __init__(self) -> None:
        self._memory = io.BytesIO()
        self._file: IO[bytes] = self._memory
        self._ends = array("q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, record: bytes) -> None:
        """Append a record."""
        end = self._ends[-1] + len(record)
        try:
            self._file.seek(self._ends[-1])
            self._file.write(record)
            self._ends.append(end)
            if self._file is self._memory and end > IN_MEMORY:
                self._move_to_disk()
        except OSError as error:
            raise _no_room(error) from error

    def read(self, number: int) -> bytes:
        """Return a record."""
        start = self._ends[number]
        try:
            # What was added last may be written only now.
            self._file.seek(start)
            return self._file.read(self._ends[number + 1] - start)
        except OSError as error:
            raise _no_room(error) from error

    def _move_to_disk(self) -> None:
        import tempfile  # Only here: most captures never have so much.

        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - for its lifetime
        self._file.write(self._memory.getbuffer())
        self._memory = io.BytesIO()


def _no_room(error: OSError) -> OutputError:
    message = f"cannot write temporary data: {error.strerror or error}"
    return OutputError(message, "set TMPDIR to a directory with room for it")


class Archive:
    """Stories that are to be judged again when the whole capture is known."""

    def __init__(self) -> None:
        self._first: list[Archived] = []
        self._others = Spill()
        self._numbers: dict[int, int] = {}
        self._failed = 0
        self._doubtful = 0
        self._doubtful_by_endpoint: Counter[tuple[str, int]] = Counter()
        self._encoder = msgspec.msgpack.Encoder()

    def keep(self, archived: Archived, *, failed: bool) -> bool:
        """Set a story aside; False where there is no room for it, and its judgement has to stay."""
        if not (self._has_room() if failed else self._has_room_for_doubt(archived.story)):
            return False
        self.put(archived)
        return True

    def put(self, archived: Archived) -> None:
        """Set a story aside, whether or not there is room; nobody changes it later."""
        self._numbers[archived.story.stream] = len(self._first) + len(self._others)
        if len(self._first) < KEPT_AS_THEY_ARE:
            self._first.append(archived)
        else:
            self._others.add(self._encoder.encode(archived))

    def __contains__(self, stream: int) -> bool:
        return stream in self._numbers

    def streams(self) -> list[int]:
        """Return the streams of which a story was kept."""
        return sorted(self._numbers)

    def read(self, stream: int) -> Archived:
        """Return the last story of a stream; raises KeyError."""
        return self._read(self._numbers[stream])

    def stories(self) -> Iterator[Archived]:
        """Yield what was kept, in the order in which it was judged."""
        for number in range(len(self._first) + len(self._others)):
            yield self._read(number)

    def _read(self, number: int) -> Archived:
        if number < len(self._first):
            return self._first[number]
        return _story_decoder().decode(self._others.read(number - len(self._first)))

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
    """The report's connections in the order of their streams, read from a spill when asked for.

    ``complete`` adds to each, when it is read, what was only known at the end of the capture.
    """

    def __init__(self, complete: Callable[[Connection], None]) -> None:
        self._complete = complete
        self._findings: dict[tuple[str, int], list[int]] = {}
        self._first_point = ""
        self._records = Spill()
        self._streams = array("q")
        self._order = array("q")
        self._withdrawn: set[int] = set()
        self._encoder = msgspec.msgpack.Encoder()

    def withdraw(self, number: int) -> None:
        """Leave out the connection that was added when there were ``number`` of them."""
        self._withdrawn.add(number)
        self._order = array("q")

    def add(self, connection: Connection, place: int | None = None) -> None:
        """Append a connection; ``place`` orders it where its stream does not."""
        self._records.add(self._encoder.encode(connection))
        self._streams.append(connection.stream if place is None else place)

    def name_findings(self, findings: Sequence[Finding], first_point: str = "") -> None:
        """From now on, let each connection say which findings name it."""
        self._first_point = first_point
        self._findings = by_stream(findings, first_point)

    def read(self, number: int) -> Connection:
        """Return the connection that was added when there were ``number`` of them."""
        connection = _connection_decoder().decode(self._records.read(number))
        self._complete(connection)
        where = label(connection, self._first_point), connection.stream
        connection.findings = list(self._findings.get(where, ()))
        return connection

    def unread(self) -> Iterator[Connection]:
        """Yield the connections as they were added, without what is added at the end."""
        for number in self._sorted():
            yield _connection_decoder().decode(self._records.read(number))

    def at(self, place: int) -> Connection | None:
        """Return the last connection that was added in a place; None where none was."""
        numbers = [number for number, known in enumerate(self._streams) if known == place]
        return self.read(numbers[-1]) if numbers else None

    @property
    def added(self) -> int:
        """How many were added, those that were withdrawn among them."""
        return len(self._records)

    def __len__(self) -> int:
        return len(self._records) - len(self._withdrawn)

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
            numbers = (n for n in range(len(self._records)) if n not in self._withdrawn)
            self._order = array("q", sorted(numbers, key=self._streams.__getitem__))
        return self._order
