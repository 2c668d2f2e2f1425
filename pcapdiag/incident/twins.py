"""The same connection before and after a NAT, in one capture: told twice, counted once."""

from __future__ import annotations

import msgspec

from pcapdiag.model.report import Connection
from pcapdiag.model.story import Story

MAX_TWINS = 20_000
"""Connections of which it is remembered that they were seen again behind a NAT."""


class Twins(msgspec.Struct):
    """Knows which connections are told again behind a NAT, and whether they failed there."""

    filtered: bool = False
    """Filters chose the connections: the one before the NAT may not be among them."""
    _failed: dict[int, bool] = {}

    def note(self, story: Story) -> None:
        """Remember the connection of which this one is the other side."""
        if story.same_as is not None and len(self._failed) < MAX_TWINS:
            self._failed.setdefault(story.same_as, False)

    def settle(self, stream: int, *, failed: bool) -> None:
        """Say what became of a connection."""
        if stream in self._failed:
            self._failed[stream] = failed

    def counts(self, story: Story) -> bool:
        """Return whether a connection that did not fail is counted by itself."""
        return self.filtered or story.same_as is None

    def join(self, connection: Connection) -> None:
        """Keep ``same_as`` of a connection only where it is told by the other one, too.

        A failure that shows behind the NAT alone is counted there.
        """
        original = connection.same_as
        if original is None:
            return
        if connection.verdict.failed and (self.filtered or not self._failed.get(original)):
            connection.same_as = None
            note = f"Stream {original} is the same connection on the other side of a NAT."
            connection.verdict.notes.append(note)
