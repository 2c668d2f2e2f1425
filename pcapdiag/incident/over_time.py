"""The capture over time for the report: the tracker's counts, and the failures by party."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from pcapdiag.flow.activity import (
    BYTES,
    CLOSED,
    GOAWAYS,
    OPENED,
    PACKETS,
    RESETS,
    RETRANSMISSIONS,
    Bins,
)
from pcapdiag.incident.groups import counted_party
from pcapdiag.model.report import Activity, Connection
from pcapdiag.model.units import SECOND, format_seconds, parse_seconds


def activity_of(bins: Bins) -> Activity | None:
    """Return what a capture's packets and connections add up to; None where it has no TCP."""
    rows = bins.rows()
    if not rows[PACKETS]:
        return None
    gone = [0, *accumulate(rows[CLOSED])]
    opened = accumulate(rows[OPENED])
    return Activity(
        start=format_seconds(bins.start),
        bin=bins.width / SECOND,
        packets=rows[PACKETS],
        bytes=rows[BYTES],
        opened=rows[OPENED],
        open=[came - went for came, went in zip(opened, gone, strict=False)],
        retransmissions=rows[RETRANSMISSIONS],
        resets=rows[RESETS],
        goaways=rows[GOAWAYS],
    )


class OverTime:
    """The activity of a capture, and when the connections failed that the report lists."""

    def __init__(self, bins: Bins) -> None:
        self.activity = activity_of(bins)
        self._start, self._width = bins.start, bins.width

    def watch(self, connections: Iterable[Connection]) -> Iterator[Connection]:
        """Yield every connection as it is, once its failure is counted.

        The same failures count as in ``Summary.by_party``.
        """
        for connection in connections:
            party = counted_party(connection)
            if party is not None and self.activity is not None:
                self._count(self.activity, party, connection.verdict.time)
            yield connection

    def _count(self, activity: Activity, party: str, time: str) -> None:
        bins = len(activity.packets)
        place = (parse_seconds(time) - self._start) // self._width
        row = activity.failed.setdefault(party, [0] * bins)
        row[max(0, min(place, bins - 1))] += 1
