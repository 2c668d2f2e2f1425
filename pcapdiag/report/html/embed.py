"""The connections as the page carries them: rows for all, details packed in chunks.

A chunk is unpacked when one of its connections is looked at. The first one has a connection of each
group, so that the failures told on the page can be printed with their pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import msgspec
from msgspec import UNSET

from pcapdiag.model.failed_request import failed_exchange
from pcapdiag.model.report import Connection, PointLabel, label_of
from pcapdiag.report import words
from pcapdiag.report.clock import Clock
from pcapdiag.report.escape import shown
from pcapdiag.report.html.members import Members
from pcapdiag.report.html.plain import packed_json, plain
from pcapdiag.report.html.slips import Slip
from pcapdiag.report.overview import NOT_FAILED
from pcapdiag.report.requests import exchange_text
from pcapdiag.report.undrawn import undrawn

MAX_ROWS = 20_000
"""Connections listed; more are counted."""
ROW_TEXT = 200
"""Characters of one text of the list."""
CHUNK, CHUNK_BYTES = 24, 500_000
"""Connections packed together, and bytes of JSON from which a chunk takes no more."""
PICTURE_BYTES = 9_000_000
"""Packed bytes up to which connections keep the packets that their charts draw."""
DETAIL_BYTES = 12_000_000
"""Packed bytes up to which connections are told in full; later ones are rows of the list."""

Key = tuple[PointLabel, int]
"""A connection's point and stream, as everything in a report names it."""


class Row(msgspec.Struct, array_like=True):
    """One connection in the list; the page reads it by place."""

    stream: int
    point: str
    start: float
    """Seconds since the epoch, as the next."""
    end: float
    when: str
    initiator: str
    responder: str
    code: str
    party: str
    title: str
    confidence: float
    """That of the attribution; negative where nobody could be told."""
    asked: str
    """The failed request and the name asked for in TLS, for the search."""
    failed: bool
    group: int
    """Place of its group in the report; -1 for none."""
    causes: list[str]
    """Keys of the connections on other legs that it came from."""
    aliases: list[str]
    """Other keys that mean the same connection."""
    chunk: int = -1
    place: int = -1


class Detail(msgspec.Struct):
    """Everything about one connection."""

    connection: object
    """The report's JSON of it."""
    slips: list[Slip]
    """What the terminal says of it."""


class Embedded(msgspec.Struct):
    """What goes into the page's data blocks, and what was left out."""

    rows: list[Row] = []
    chunks: list[str] = []
    not_listed: int = 0
    without_pictures: int = 0
    without_details: int = 0


class Embedder:
    """Collects the connections of one report, the groups' samples first."""

    def __init__(
        self, clock: Clock, tell: Callable[[Connection], list[Slip]], members: Members
    ) -> None:
        self._clock, self._tell, self._members = clock, tell, members
        self._pending: list[bytes] = []
        self._size = 0
        self._result = Embedded()

    def embed(self, connections: Sequence[Connection], first: Iterable[Connection]) -> Embedded:
        """Return rows and details; ``first`` are those of the first chunks.

        What failed comes before what worked, so that nothing which worked takes its room.
        """
        placed = {key_of(one): self._row(one) for one in first}
        self._close_chunk()
        for failed in (True, False):
            for one in connections:
                if one.verdict.failed is failed:
                    self._list(one, placed.get(key_of(one)))
        self._close_chunk()
        return self._result

    def _list(self, one: Connection, row: Row | None) -> None:
        if row is None and len(self._result.rows) >= MAX_ROWS:
            self._result.not_listed += 1
        else:
            self._result.rows.append(row or self._row(one))

    def _row(self, one: Connection) -> Row:
        row = row_of(one, self._clock)
        row.group = self._members.group_of(one)
        if self._size >= DETAIL_BYTES:
            self._result.without_details += 1
            return row
        row.chunk, row.place = len(self._result.chunks), len(self._pending)
        self._pending.append(msgspec.json.encode(self._detail(one)))
        if len(self._pending) >= CHUNK or sum(map(len, self._pending)) >= CHUNK_BYTES:
            self._close_chunk()
        return row

    def _detail(self, one: Connection) -> Detail:
        bare = undrawn(one)
        told = plain(bare)
        if self._size < PICTURE_BYTES:
            _draw(told, one)
        elif bare != one:
            self._result.without_pictures += 1
        return Detail(told, self._tell(one))

    def _close_chunk(self) -> None:
        if self._pending:
            text = packed_json(b"[" + b",".join(self._pending) + b"]")
            self._size += len(text)
            self._result.chunks.append(text)
            self._pending = []


def _draw(told: object, one: Connection) -> None:
    """Put the packets of the charts back, which have no text and many numbers."""
    if not isinstance(told, dict):
        return
    at_points = zip(told["seen_at"], (sight.series for sight in one.seen_at), strict=True)
    for place, series in [(told, one.series), *at_points]:
        if series is not UNSET:
            place["series"] = msgspec.to_builtins(series)


def key_of(one: Connection) -> Key:
    """Return what names a connection within its report."""
    return one.point, one.stream


def key_text(stream: int, point: PointLabel) -> str:
    """Return a connection's name in links: ``stream-17``, ``stream-17@upstream``."""
    return f"stream-{stream}@{point}" if isinstance(point, str) else f"stream-{stream}"


def row_of(one: Connection, clock: Clock) -> Row:
    """Return a connection as the list shows it."""
    verdict, who = one.verdict, one.verdict.attribution
    failed = verdict.failed
    title = verdict.title if verdict.code != "ok" else "worked"
    return Row(
        stream=one.stream,
        point=label_of(one.point),
        start=float(one.start),
        end=float(one.end),
        when=clock.short(one.start),
        initiator=_cut(words.end(one.initiator)),
        responder=_cut(words.end(one.responder)),
        code=verdict.code,
        party=who.party if failed and verdict.code not in NOT_FAILED else "",
        title=_cut(shown(title)),
        confidence=round(who.confidence, 2) if who.side != "unknown" else -1.0,
        asked=_asked(one),
        failed=failed,
        group=-1,
        causes=[key_text(cause.stream, cause.point) for cause in one.causes[-1:]],
        aliases=_aliases(one),
    )


def _asked(one: Connection) -> str:
    exchange = failed_exchange(one)
    texts = [exchange_text(exchange)] if exchange else []
    if exchange and exchange.host:
        texts.append(exchange.host)
    hello = one.tls.client_hello if one.tls else None
    if hello and hello.sni:
        texts.append(hello.sni)
    return " ".join(_cut(shown(text)) for text in texts)


def _cut(text: str) -> str:
    return text if len(text) <= ROW_TEXT else f"{text[:ROW_TEXT]}..."


def _aliases(one: Connection) -> list[str]:
    own = key_text(one.stream, one.point)
    seen = [key_text(sight.stream, sight.point) for sight in one.seen_at]
    redirected = [key_text(stream, one.point) for stream in one.streams]
    return [key for key in dict.fromkeys(chain(seen, redirected)) if key != own]
