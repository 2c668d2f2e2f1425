"""One place in the order in which kinds are tried on a connection."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Kind
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

Match = Callable[[Story, Context], Judgement | None]


class Entry(msgspec.Struct, frozen=True):
    """One kind and the function that recognises it."""

    kind: Kind
    match: Match
    needs: int = 0
    """What a connection must show (shows.py): its test gives nothing for any other."""
    by_story: bool = False
    """Its test looks at the story alone, so the same story gives the same answer at any time."""
