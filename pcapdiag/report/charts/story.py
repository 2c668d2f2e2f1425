"""What a ladder shows: the connection's timeline as rows, with what the verdict says of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from itertools import pairwise
from typing import Literal

import msgspec

from pcapdiag.model.ends import Actor
from pcapdiag.model.report import Connection, TimelineEntry
from pcapdiag.report.chain import own_timeline
from pcapdiag.report.clock import between, duration

QUIET = 1.0
"""Seconds without a packet that get a row of their own."""
_LEFT_OUT = re.compile(r"([\d,]+) (?:packets between not kept|more lines left out)")
_PAUSE = re.compile(r"^after [\d,.]+ s(?:, |$)")
_AGAIN = "sent again"
_GOODBYE = re.compile(r"\b(?:RST|FIN)\b")
_SEQ = re.compile(r"\bseq (-?\d+)")

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
    if side == "path":
        stopped = _stopped(connection, entries)
        if stopped:
            return dict.fromkeys(stopped, "stopped")
    deciding = [entry for entry in entries if entry.frame in decisive]
    if side not in ("path", "unknown") or any(entry.from_ != vantage for entry in deciding):
        return {}
    tried = [entry for entry in deciding if not _GOODBYE.search(entry.event)]
    events, numbers = {e.event for e in tried}, {_number(e) for e in tried}
    repeats = [e for e in entries if e.from_ == vantage and _AGAIN in e.detail]
    lost = tried + [e for e in repeats if e.event in events or _number(e) in numbers]
    fate: Fate = "lost" if side == "path" else "unknown"
    return {entry.frame: fate for entry in lost}


def _stopped(connection: Connection, entries: list[TimelineEntry]) -> list[int]:
    """Return what a device answered in the end's place: the packet before its ICMP error or RST."""
    refused = connection.verdict.code == "tcp.connection_refused"
    forged = {r.frame for r in connection.resets if r.attribution.side == "path" and refused}
    return [
        asked.frame
        for asked, answer in pairwise(entries)
        if asked.from_ != "path" and (answer.from_ == "path" or answer.frame in forged)
    ]


def _number(entry: TimelineEntry) -> str:
    """Return the sequence number that a packet began with, as its line says it."""
    found = _SEQ.search(entry.detail)
    return found[1] if found else ""
