"""Stand-ins of runs of letters and digits, of which names and words are made."""

from __future__ import annotations

from collections.abc import Container

from pcapdiag.sanitize import alphabet

MAX_DRAWS = 4_096
"""Stand-ins that are drawn for one original before giving up."""
MANY = 1_000
"""A run with so many stand-ins gets none that is in use; with fewer there may be no such."""
FEW_DRAWS = 64
"""Draws for a run with few stand-ins, until any other one is good enough."""


class Runs:
    """Gives each run in lower case a stand-in, and notes both in ``originals``.

    None is one of ``known``, which are the runs of a reading before.
    """

    def __init__(self, key: bytes, originals: dict[bytes, bytes], known: Container[bytes]) -> None:
        self._key = key
        self._originals = originals
        self._known = known
        self._draws: dict[bytes, int] = {}
        self._taken: set[bytes] = set()

    def image(self, run: bytes) -> bytes:
        """Return the stand-in of a run in lower case."""
        found = self._originals.get(run)
        if found is None:
            draw = self._draws[run] = self._best_draw(run)
            found = alphabet.substituted(self._key, run, draw)
            self._originals[run] = found
            self._taken.add(found)
        return found

    def in_its_case(self, run: bytes) -> bytes:
        """Return the stand-in of a run, each letter of the case that it has there."""
        self.image(run.lower())
        return alphabet.substituted(self._key, run, self._draws[run.lower()])

    def _best_draw(self, run: bytes) -> int:
        other = 0
        for draw in range(MAX_DRAWS if alphabet.choices(run) >= MANY else FEW_DRAWS):
            image = alphabet.substituted(self._key, run, draw)
            if image == run:
                continue
            if not self._in_use(image):
                return draw
            other = other or draw
        return other

    def _in_use(self, run: bytes) -> bool:
        return run in self._taken or run in self._originals or run in self._known
