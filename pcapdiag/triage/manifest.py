"""The manifest: what is known of every name, in a file that only grows."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from pcapdiag.errors import OutputError
from pcapdiag.triage.files import told
from pcapdiag.triage.outcome import FileStamp


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of the capture of one name; the last line of a name counts.

    ``key`` says where its outcome is, None where the name was given up; ``outcome`` is that file's
    digest. ``contents`` are its files' digests, ``stamps`` by what they are known to be unchanged,
    empty where one cannot be trusted.
    """

    name: str
    files: list[str] = []
    contents: list[str] = []
    key: str | None = None
    outcome: str = ""
    stamps: list[FileStamp] = []
    day: str | None = None
    options: str = ""
    version: str = ""
    transient: bool = False


class Manifest:
    """The entries by name; :meth:`add` writes at once. Not for two processes at a time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.entries: dict[str, Entry] = {}
        self.touched: set[str] = set()
        """Keys of which something changed since a :class:`Ledger` looked."""
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        self._last: dict[str, Entry] = {}
        whole = self._load()
        with told(path):
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - for its lifetime
            self._file.truncate(whole)

    def _load(self) -> int:
        """Read what is there; return the bytes up to the last whole line."""
        decoder = msgspec.json.Decoder(Entry)
        whole = 0
        try:
            with open(self._path, "rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._take(decoder.decode(line))
                    whole += len(line)
        except FileNotFoundError:
            return 0
        except msgspec.DecodeError as error:
            text = f"{self._path} is damaged after {whole} bytes ({error})"
            raise OutputError(text, "remove OUT, or choose another one") from error
        except OSError as error:
            raise OutputError(f"cannot read {self._path}: {error.strerror}") from error
        return whole

    def add(self, entry: Entry) -> None:
        """Note what became of a capture; raises OutputError."""
        with told(self._path):
            self._write(msgspec.json.encode(entry) + b"\n")
        self._take(entry)

    def names_of(self, key: str) -> list[str]:
        """Return the names at which a content was found, in order."""
        return sorted(self._names.get(key, ()))

    def of_key(self, key: str) -> Entry | None:
        """Return the newest entry of a content that still has a name."""
        return self._last.get(key) if self._names.get(key) else None

    def contents(self) -> Iterator[Entry]:
        """Yield the newest entry of each content that still has a name."""
        for key, entry in self._last.items():
            if self._names.get(key):
                yield entry

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _take(self, entry: Entry) -> None:
        before = self.entries.get(entry.name)
        if before is not None and before.key is not None:
            self._names[before.key].discard(entry.name)
            self.touched.add(before.key)
        self.entries[entry.name] = entry
        if entry.key is not None:
            self._names[entry.key].add(entry.name)
            self._last[entry.key] = entry
            self.touched.add(entry.key)

    def _write(self, line: bytes) -> None:
        start = os.fstat(self._file.fileno()).st_size
        view = memoryview(line)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            # The next line must not grow on half of this one.
            self._file.truncate(start)
            raise
