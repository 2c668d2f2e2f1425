"""What a ladder shows: the connection's timeline as rows, with what the verdict says of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import Literal

import msgspec

from pcapdiag.model.report import Actor, Connection, TimelineEntry
from pcapdiag.report.chain import own_timeline
from pcapdiag.report.clock import between, duration

QUIET = 1.0
"""Seconds without a packet that get a row of their own."""
_LEFT_OUT = re.compile(r"([\d,]+) (?:packets between not kept|more lines left out)")
_PAUSE = re.compile(r"^after [\d,.]+ s(?:, |$)")
_AGAIN = "sent again"

Fate = Literal["arrived", "stopped", "lost", "unknown"]
"""Came to the other end; came to a device that answered it; was dropped on the path; or nobody
knows how far it came."""


class Packet(msgspec.Struct, frozen=True):
    """A packet, or some of one kind: an arrow."""

    seconds: float
    """Since the connection's start."""
    frame: int
    sender: Actor
    """In whose name it was sent; ``path`` for what a device sent in its own."""
    event: str
    detail: str
    forged: bool = False
    """A device on the path made it, in the name of the sender."""
    fate: Fate = "arrived"
    decisive: bool = False
    """The verdict rests on it."""
    verdict: bool = False
    """It is the one at which the verdict is written."""
    again: bool = False

    @property
    def is_reset(self) -> bool:
        """True for a RST segment."""
        return "RST" in self.event.partition(" ")[0].split(",")


class Quiet(msgspec.Struct, frozen=True):
    """A time without packets, or packets that were left out: words across the ladder."""

    text: str


Row = Packet | Quiet


def rows(connection: Connection, vantage: str) -> list[Row]:
    """Return the rows of a connection's ladder; ``vantage`` is where the capture was taken."""
    entries = own_timeline(connection)
    packets = [entry for entry in entries if not _LEFT_OUT.fullmatch(entry.event)]
    decisive = set(connection.verdict.frames) if connection.verdict.failed else set()
    at = _last_word(connection, {e.frame for e in packets} & decisive)
    fates = _fates(connection, packets, decisive, vantage)
    forged = {reset.frame for reset in connection.resets if reset.attribution.side == "path"}
    found: list[Row] = []
    before = entries[0].time if entries else ""
    for entry in entries:
        left_out = _LEFT_OUT.fullmatch(entry.event)
        if left_out:
            what = "packets" if "packet" in entry.event else "lines"
            found.append(Quiet(f"{left_out[1]} {what} between are not listed"))
        else:
            found += _pause(between(before, entry.time))
            found.append(
                Packet(
                    seconds=between(connection.start, entry.time),
                    frame=entry.frame,
                    sender=entry.from_,
                    event=entry.event,
                    detail=_PAUSE.sub("", entry.detail),
                    forged=entry.frame in forged,
                    fate=fates.get(entry.frame, "arrived"),
                    decisive=entry.frame in decisive,
                    verdict=entry.frame == at and entry.frame in decisive,
                    again=_AGAIN in entry.detail,
                )
            )
        before = entry.time
    return found


def _last_word(connection: Connection, decisive: Set[int]) -> int:
    """Return the frame at which the verdict is written: what says it in words, or the last one."""
    tls, http2 = connection.tls, connection.http2
    told = {alert.frame for alert in tls.alerts} if tls else set()
    if http2 is not None:
        told |= {one.frame for one in http2.goaway} | {one.frame for one in http2.rst_stream}
    return max(told & decisive or decisive, default=0)


def _pause(seconds: float) -> Iterator[Quiet]:
    if seconds >= QUIET:
        yield Quiet(f"{duration(seconds)} of quiet")


def _fates(
    connection: Connection, entries: list[TimelineEntry], decisive: Set[int], vantage: str
) -> dict[int, Fate]:
    """Return how far the packets came of which the verdict says that it was not to the end."""
    side = connection.verdict.attribution.side
    deciding = [entry for entry in entries if entry.frame in decisive]
    if side == "path" and _was_stopped(connection, deciding):
        return {e.frame: "stopped" for e in deciding if e.from_ != "path" and "RST" not in e.event}
    if side not in ("path", "unknown") or not deciding:
        return {}
    if any("RST" in e.event or "FIN" in e.event or e.from_ != vantage for e in deciding):
        return {}
    events = {entry.event for entry in deciding}
    lost = decisive | {
        e.frame for e in entries if e.event in events and e.from_ == vantage and _AGAIN in e.detail
    }
    fate: Fate = "lost" if side == "path" else "unknown"
    return dict.fromkeys(lost, fate)


def _was_stopped(connection: Connection, deciding: list[TimelineEntry]) -> bool:
    """Return whether a device answered in the end's place, with an ICMP error or a reset."""
    refused = connection.verdict.code == "tcp.connection_refused"
    return refused or any(entry.from_ == "path" for entry in deciding)
