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
