"""The logs that proxies wrote in a run, stored beside the captures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from failurelab.hosts import Host, Process
from failurelab.truth import TrueLog

Product = Literal["envoy", "nginx", "haproxy"]
Kind = Literal["access", "error", "mixed"]
_TIMES = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?=Z)"), "%Y-%m-%dT%H:%M:%S.%f"),
    (re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3}"), "%d/%b/%Y:%H:%M:%S.%f"),
    (re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?= )"), "%d/%b/%Y:%H:%M:%S"),
    (re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", re.MULTILINE), "%Y/%m/%d %H:%M:%S"),
)
"""Envoy's times, HAProxy's, and those of NGINX's two logs."""


@dataclass(slots=True)
class KeptLog:
    """A program's log; a scenario may set `form` and `shift` before it ends."""

    name: str
    product: Product
    kind: Kind
    host: str
    path: Path
    process: Process
    form: str = ""
    """Its format, where that is the scenario's own."""
    shift: float = 0.0
    """Seconds by which its clock is made to be ahead of the capture's."""
    zone: float = 0.0
    """Hours by which its times are local, east of UTC, without saying so."""

    def store(self, directory: Path) -> TrueLog | None:
        """End the program, so that it writes what it still holds; None where nothing was logged."""
        self.process.stop()
        text = self.path.read_bytes().decode("latin-1")
        text = text.replace(str(directory), "/run/lab")
        if not text.strip():
            return None
        notes = ""
        if self.shift:
            text = shifted(text, self.shift)
            notes = f"times were moved by {self.shift:+g} s after the recording"
        (directory / self.name).write_bytes(text.encode("latin-1"))
        offset = -(self.shift + self.zone * 3600)
        return TrueLog(
            self.name, self.product, self.kind, self.host, self.form, round(offset, 3) + 0.0, notes
        )


class Logs:
    """The logs of one run, by the names that they are stored under: `lab.logs["envoy.log"]`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kept: dict[str, KeptLog] = {}

    def __getitem__(self, name: str) -> KeptLog:
        return self._kept[name]

    def keep(
        self, host: Host, product: Product, kind: Kind, process: Process, path: Path | None = None
    ) -> None:
        """Keep a log: what the process prints, unless `path` is given."""
        words = [product, *([host.name] if host.name != "proxy" else [])]
        name = "-".join([*words, *([kind] if product == "nginx" else [])]) + ".log"
        self._kept[name] = KeptLog(name, product, kind, host.name, path or process.log, process)

    def store(self) -> list[TrueLog]:
        """End the programs, after the captures, and write down what they logged."""
        found = [log.store(self._directory) for log in self._kept.values()]
        return [log for log in found if log is not None]


def shifted(text: str, seconds: float) -> str:
    """The log with every time of its lines moved."""
    for pattern, form in _TIMES:
        text = pattern.sub(partial(_moved, form, timedelta(seconds=seconds)), text)
    return text


def _moved(form: str, by: timedelta, found: re.Match[str]) -> str:
    moved = datetime.strptime(found[0], form) + by
    return moved.strftime(form)[: len(found[0])]
