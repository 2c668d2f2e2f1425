"""Reads lines as a user's log would be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pcapdiag.logs import LogReading, parse_source, read_log
from pcapdiag.model.logs import LogEntry


def reading(
    folder: Path, product: str, lines: Sequence[str | bytes], form: str = ""
) -> tuple[LogReading, list[LogEntry]]:
    path = folder / f"{product}.log"
    joined = b"\n".join(
        line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape")
        for line in lines
    )
    path.write_bytes(joined + b"\n")
    named = f"{product}:{form}={path}" if form else f"{product}={path}"
    log = read_log(parse_source(named))
    return log, list(log)


def one(folder: Path, product: str, line: str, form: str = "") -> LogEntry:
    log, entries = reading(folder, product, [line], form)
    assert len(entries) == 1, (log.unread, log.notes)
    return entries[0]


def utc(text: str) -> int:
    from datetime import datetime

    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
