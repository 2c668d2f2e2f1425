"""The same connection before and after a NAT, in one capture: told twice, counted once."""

from __future__ import annotations

import msgspec

from pcapdiag.model.report import Connection
from pcapdiag.model.story import Story

MAX_TWINS = 20_000
"""Connections of which it is remembered that they were seen again behind a NAT."""


class _Pair(msgspec.Struct):
    """A connection before the NAT: whether it failed there, and how it looks behind."""

    behind: str
    failed: bool = False


class Twins(msgspec.Struct):
    """Knows which connections are told again behind a NAT, and whether they failed there."""

    filtered: bool = False
    """Filters chose the connections: the one before the NAT may not be among them."""
    left_out: int = 0
    """Other sides that are not remembered: failures of theirs count twice."""
    _pairs: dict[int, _Pair] = {}

    def note(self, story: Story) -> None:
        """Remember the connection of which this one is the other side."""
        if story.same_as is None or story.same_as in self._pairs:
            return
        if len(self._pairs) >= MAX_TWINS:
            self.left_out += 1
            return
        ends = (half.host_port for half in (story.initiator, story.responder))
        self._pairs[story.same_as] = _Pair(f"{' -> '.join(ends)}, stream {story.stream}")

    def has(self, stream: int) -> bool:
        """Return whether a connection is seen again behind a NAT."""
        return stream in self._pairs

    def settle(self, stream: int, *, failed: bool) -> None:
        """Say what became of a connection."""
        if stream in self._pairs:
            self._pairs[stream].failed = failed

    def counts(self, story: Story) -> bool:
        """Return whether a connection that did not fail is counted by itself."""
        return self.filtered or story.same_as is None

    def join(self, connection: Connection) -> None:
        """Tell a connection of its other side; ``same_as`` stays where that is told and counted.

        A failure that shows behind the NAT alone is counted there.
        """
        verdict, original = connection.verdict, connection.same_as
        pair = self._pairs.get(connection.stream if original is None else original)
        if not verdict.failed:
            return
        if original is None:
            if pair is not None:
                verdict.notes.append(f"Behind a NAT in this capture it is {pair.behind}.")
        elif self.filtered or pair is None or not pair.failed:
            connection.same_as = None
            verdict.notes.append(
                f"Stream {original} is the same connection on the other side of a NAT."
            )
