"""Reads a log: its files in order of time, each line by the format that fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, Protocol

from pcapdiag.errors import UsageError
from pcapdiag.logs import envoy, haproxy, nginx
from pcapdiag.logs.files import files_of
from pcapdiag.logs.haproxy_lines import ErrorLine, OtherLine
from pcapdiag.logs.json_lines import JsonLines
from pcapdiag.logs.lines import MAX_LINE, LogLines, written
from pcapdiag.logs.nginx_error import NginxError, append, continues
from pcapdiag.logs.source import CUSTOM, is_format
from pcapdiag.logs.template import Stamp
from pcapdiag.logs.wrappers import Wrapper, wrappers
from pcapdiag.model.logs import LogEntry, LogSource, Product

LOOK_LINES = 2_000
"""Lines after which a file of which none could be read is taken for something else."""
MAX_MESSAGE = 4_000
"""Characters of an error's message."""
MAX_WRAPPERS = 3
"""What carries a line may be carried itself: stern with Kubernetes' times."""

Kind = Literal["access", "error", "mixed"]


class LineReader(Protocol):
    """Reads the lines of one format."""

    name: str

    def read(self, line: str, stamp: Stamp | None) -> LogEntry | None:
        """Return what a line says, None when it is in another format or nothing says when."""


class LogReading:
    """Iterates the entries of a log once; the counts are complete when that has ended.

    Raises UsageError for files that cannot be read, or that are no log of the product.
    """

    def __init__(self, source: LogSource) -> None:
        self.source = source
        self.lines = 0
        self.unread = 0
        self.failed = 0
        self.first_time: int | None = None
        """The earliest time (ns, by the log's clock), and ``last_time`` the latest."""
        self.last_time: int | None = None
        self.notes: list[str] = []
        self._readers = _readers(source)
        self._forms: dict[str, int] = {}
        self._kinds: set[str] = set()
        self._chain: tuple[Wrapper, ...] = ()
        self._wrappers: list[Wrapper] = []

    @property
    def form(self) -> str:
        """Which formats were read, the most frequent first."""
        return ", ".join(sorted(self._forms, key=lambda name: -self._forms[name]))

    @property
    def kind(self) -> Kind:
        """Whether it is an access log, an error log, or both in one."""
        if len(self._kinds) == 1:
            return "error" if "error" in self._kinds else "access"
        return "mixed" if self._kinds else "access"

    def __iter__(self) -> Iterator[LogEntry]:
        for path in files_of(self.source.path):
            yield from self._file(path)
        if self.lines and not self._forms:
            raise self._foreign()
        if not self.lines:
            self.notes.append("the log is empty")

    def _file(self, path: str) -> Iterator[LogEntry]:
        self._wrappers = wrappers(written(path))
        self._chain = ()
        lines = LogLines(path)
        held: LogEntry | None = None
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            self.lines += 1
            entry = self._entry(line)
            if entry is None:
                if held is not None and held.message and self._goes_on(held, line):
                    append(held, line, MAX_MESSAGE)
                    continue
                self.unread += 1
                if self.unread == LOOK_LINES and not self._forms:
                    raise self._foreign()
                continue
            if held is not None:
                yield self._counted(held)
            entry.file = path
            entry.line = number
            held = entry
        if held is not None:
            yield self._counted(held)
        self._note(lines)

    def _goes_on(self, held: LogEntry, line: str) -> bool:
        """Return whether a line is more of the NGINX message before it."""
        return held.product == "nginx" and continues(line)

    def _note(self, lines: LogLines) -> None:
        if lines.cut:
            self.notes.append(f"{lines.path}: {lines.cut:,} lines cut after {MAX_LINE:,} bytes")
        if lines.broken:
            self.notes.append(f"{lines.path}: {lines.broken}; what came before it was read")

    def _counted(self, entry: LogEntry) -> LogEntry:
        self.failed += entry.failed
        self._kinds.add(entry.kind)
        if self.first_time is None or entry.time < self.first_time:
            self.first_time = entry.time
        if self.last_time is None or entry.time > self.last_time:
            self.last_time = entry.time
        return entry

    def _entry(self, line: str) -> LogEntry | None:
        """Read a line by the format of the one before; otherwise try the others."""
        inner, stamp = line, None
        for wrapper in self._chain:
            unwrapped = wrapper(inner)
            if unwrapped is None:
                break
            inner, stamp = unwrapped[0], unwrapped[1] or stamp
        return self._read(inner, stamp) or self._unwrap(line)

    def _read(self, line: str, stamp: Stamp | None) -> LogEntry | None:
        for at, reader in enumerate(self._readers):
            entry = reader.read(line, stamp)
            if entry is not None:
                if at:
                    self._readers.insert(0, self._readers.pop(at))
                self._forms[reader.name] = self._forms.get(reader.name, 0) + 1
                return entry
        return None

    def _unwrap(self, line: str) -> LogEntry | None:
        """Look for what carries the line, one thing within another."""
        waiting: list[tuple[str, Stamp | None, tuple[Wrapper, ...]]] = [(line, None, ())]
        while waiting:
            text, stamp, chain = waiting.pop(0)
            entry = self._read(text, stamp)
            if entry is not None:
                self._chain = chain
                return entry
            if len(chain) < MAX_WRAPPERS:
                for wrapper in self._wrappers:
                    found = None if wrapper in chain else wrapper(text)
                    if found is not None:
                        waiting.append((found[0], found[1] or stamp, (*chain, wrapper)))
        return None

    def _foreign(self) -> UsageError:
        name = {"envoy": "Envoy", "nginx": "NGINX", "haproxy": "HAProxy"}[self.source.product]
        if self.source.form:
            what = f"none of {self.lines:,} lines is in the format that was given"
            return UsageError(f"{self.source.path}: {what}", "compare a line with the format")
        what = f"none of {self.lines:,} lines is in a format of {name} that is known"
        return UsageError(f"{self.source.path}: {what}", CUSTOM)


def _readers(source: LogSource) -> list[LineReader]:
    """Return the readers of a source's formats, in the order in which they are tried."""
    make: dict[Product, Callable[[str, str], LineReader]] = {
        "envoy": envoy.template,
        "nginx": nginx.template,
        "haproxy": haproxy.template,
    }
    own: list[LineReader] = []
    if source.form and is_format(source):
        try:
            own.append(make[source.product]("given format", source.form))
        except ValueError as error:
            raise UsageError(f"--log {source.form}: not a format ({error})", CUSTOM) from error
    usual = {"envoy": envoy.FORMATS, "nginx": nginx.FORMATS, "haproxy": haproxy.FORMATS}
    named = [make[source.product](*item) for item in usual[source.product].items()]
    others: list[LineReader] = []
    if source.product == "nginx":
        others = [NginxError()]
    elif source.product == "haproxy":
        others = [ErrorLine(), OtherLine()]
    return [*own, *named, *others, JsonLines(source.product)]


def read_log(source: LogSource) -> LogReading:
    """Return the reading of a log; nothing is opened before it is iterated."""
    return LogReading(source)
