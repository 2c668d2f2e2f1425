"""Connections without what only charts draw."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from pcapdiag.model.report import Connection


def undrawn(one: Connection) -> Connection:
    """Return a connection without the packets of its charts, at every point."""
    seen = [msgspec.structs.replace(sight, series=UNSET) for sight in one.seen_at]
    return msgspec.structs.replace(one, series=UNSET, seen_at=seen)
