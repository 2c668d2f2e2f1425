"""The day under which a capture's rows are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pcapdiag.model.units import SECOND, parse_seconds

NO_DAY = "1970-01-01"
"""The day of what has no time. Hive's name for null is no choice: pandas cannot read a column of
days of which one is null, and with any other word the column would be no date."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_of(first_time: str | None) -> str | None:
    """Return the UTC day of a capture's first packet, ``2026-11-28``; None without packets.

    All rows of a capture are under this one day, however long it is: what a capture claims of its
    packets' times cannot make more than one partition.
    """
    if first_time is None:
        return None
    return (_EPOCH + timedelta(seconds=parse_seconds(first_time) // SECOND)).date().isoformat()


def seconds_of(time: str | None) -> float | None:
    """Return a time of the report in seconds since the epoch."""
    return None if time is None else parse_seconds(time) / SECOND
