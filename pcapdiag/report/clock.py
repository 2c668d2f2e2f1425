"""Times and durations as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from pcapdiag.model.report import Finding
from pcapdiag.model.units import MS, SECOND, parse_seconds

TimeMode = Literal["utc", "local", "relative"]


class Clock(msgspec.Struct, frozen=True):
    """Writes report times: in UTC with ``Z``, in local time with its offset, or from the start."""

    mode: TimeMode = "utc"
    start: str | None = None
    """Time of the capture's first packet, as the report has it."""

    def full(self, text: str) -> str:
        """Return a moment with its date: ``2023-11-14T22:13:20.204Z``, or ``+1.204 s``."""
        return self._relative(text) if self.mode == "relative" else self.absolute(text)

    def absolute(self, text: str) -> str:
        """Return a moment with its date in any mode: relative times begin at one."""
        return self._date(text) + "T" + self._time_of_day(text)

    def short(self, text: str) -> str:
        """Return a moment without its date where that is the capture's first day."""
        if self.mode == "relative":
            return self._relative(text)
        if self.start is not None and self._date(text) == self._date(self.start):
            return self._time_of_day(text)
        return self.full(text)

    def span(self, first: str, last: str) -> str:
        """Return ``FIRST to LAST``, or one moment where they read the same."""
        begun, ended = self.short(first), self.short(last)
        return f"at {begun}" if begun == ended else f"{begun} to {ended}"

    def about(self, finding: Finding) -> str:
        """Return the time that a finding is about; empty where it has none."""
        first, last = finding.first, finding.last
        return self.span(first, last) if isinstance(first, str) and isinstance(last, str) else ""

    def _relative(self, text: str) -> str:
        since = parse_seconds(text) - parse_seconds(self.start or text)
        return f"{since / SECOND:+,.3f} s"

    def _date(self, text: str) -> str:
        return self._moment(text).strftime("%Y-%m-%d")

    def _time_of_day(self, text: str) -> str:
        moment = self._moment(text)
        zone = moment.strftime("%z") if self.mode == "local" else "Z"
        thousandths = parse_seconds(text) % SECOND // MS
        return f"{moment:%H:%M:%S}.{thousandths:03d}{zone}"

    def _moment(self, text: str) -> datetime:
        """Return the second of a time; one that no calendar holds becomes the first or last."""
        whole = min(max(parse_seconds(text) // SECOND, 0), _LAST_SECOND)
        moment = datetime.fromtimestamp(whole, UTC)
        return moment.astimezone() if self.mode == "local" else moment


_LAST_SECOND = 253_402_214_400
"""9999-12-31T00:00:00Z: a day is left for any zone."""


def duration(seconds: float) -> str:
    """Return seconds as people write them: ``0.31 ms``, ``4.2 s``, ``12 min 5 s``, ``3 h``."""
    if seconds < 0.001:
        return f"{seconds * 1000:.2f} ms"
    # What would be rounded to 1000 ms is a second.
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def between(first: str, last: str) -> float:
    """Return the seconds from one report time to another."""
    return (parse_seconds(last) - parse_seconds(first)) / SECOND
