"""OUT's memory: the outcome of every content, and which names have it."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from pcapdiag import __version__
from pcapdiag.errors import FileAccessError, OutputError, UsageError
from pcapdiag.triage.capture import Capture, is_url
from pcapdiag.triage.day import day_of
from pcapdiag.triage.files import DRAFT, Lock, make_folder, told, written_aside
from pcapdiag.triage.isolation import Reply
from pcapdiag.triage.manifest import Entry, Manifest
from pcapdiag.triage.outcome import FileIdentity, FileStamp, Outcome, content_of
from pcapdiag.triage.stamp import stamp_of

FOLDER = ".pcapdiag"
"""OUT's folder for all that is not a result."""
LOST_AND_FOUND = "lost+found"
"""What ext4 has at the top of each volume, so an OUT that is one is empty all the same."""


class Store:
    """The outcomes in a folder, held for this process until :meth:`close`.

    :meth:`claim` may be called from any thread, all else from one. Raises UsageError for a folder
    that holds something else, OutputError where it cannot be written.
    """

    def __init__(self, out: str, fingerprint: str) -> None:
        self.folder = os.path.join(out, FOLDER)
        self._fingerprint = fingerprint
        self._outcomes = os.path.join(self.folder, "outcomes")
        _check(out)
        make_folder(self._outcomes)
        self._lock = Lock(os.path.join(self.folder, "lock"))
        self.manifest = Manifest(os.path.join(self.folder, "manifest.jsonl"))
        self._claims = threading.Lock()
        self._claimed: set[str] = set()
        self._settled: set[str] = set()
        self._waiting: dict[str, list[tuple[Capture, list[FileIdentity]]]] = {}

    def close(self) -> None:
        """Let other runs in."""
        self.manifest.close()
        self._lock.close()

    def known(self, capture: Capture) -> Entry | None:
        """Return what is known of a capture whose files did not change; None: it is to be read."""
        entry = self.manifest.entries.get(capture.name)
        if entry is None or entry.key is None or not self._is_good(entry.key):
            return None
        if entry.files != [file.name for file in capture.files] or not entry.stamps:
            return None
        return entry if _stamps(capture) == entry.stamps else None

    def claim(self, identities: list[FileIdentity]) -> bool:
        """Return whether this content is to be examined, and by whoever asks."""
        key = content_of(identities)
        if key is None:
            return True
        with self._claims:
            if key in self._claimed or self._is_good(key):
                return False
            self._claimed.add(key)
            return True

    def put(self, reply: Reply) -> Iterator[Entry]:
        """Keep a reply; yield the entries that are complete by it. Raises OutputError."""
        key = content_of(reply.identities) or _unread(reply.capture)
        if reply.outcome is None:
            done = self.manifest.of_key(key)
            if done is None or (key in self._claimed and key not in self._settled):
                self._waiting.setdefault(key, []).append((reply.capture, reply.identities))
            else:
                yield self._note(reply.capture, reply.identities, done)
            return
        self._settled.add(key)
        digest = self._write(key, reply.outcome)
        blank = Entry(
            name=reply.capture.name,
            key=key,
            outcome=digest,
            day=day_of(reply.outcome.first_time),
            options=reply.outcome.options,
            version=reply.outcome.version,
            transient=reply.outcome.transient,
        )
        yield self._note(reply.capture, reply.identities, blank)
        for capture, identities in self._waiting.pop(key, []):
            yield self._note(capture, identities, blank)

    def read(self, entry: Entry) -> Outcome:
        """Return an entry's outcome; raises OutputError where it is not there any more."""
        path = self._path(entry.key or "", entry.outcome)
        try:
            with open(path, "rb") as file:
                return msgspec.msgpack.decode(file.read(), type=Outcome)
        except (OSError, msgspec.DecodeError) as error:
            raise OutputError(f"cannot read {path}: {error}", "start again") from error

    def tidy(self) -> None:
        """Remove outcomes that no name has any more, and what a killed run left half-written."""
        wanted = {self._path(e.key or "", e.outcome) for e in self.manifest.contents()}
        for folder, _, names in os.walk(self.folder):
            for path in (os.path.join(folder, name) for name in names):
                stale = folder.startswith(self._outcomes) and path not in wanted
                if stale or path.endswith(DRAFT):
                    with suppress(OSError):
                        os.unlink(path)

    def _note(self, capture: Capture, identities: Sequence[FileIdentity], outcome: Entry) -> Entry:
        stamps = [
            file.stamp if is_url(file.place) else identity.stamp
            for file, identity in zip(capture.files, identities, strict=False)
        ]
        trusted = [stamp for stamp in stamps if stamp is not None]
        entry = msgspec.structs.replace(
            outcome,
            name=capture.name,
            files=[file.name for file in capture.files],
            contents=[identity.sha256 for identity in identities],
            stamps=trusted if len(trusted) == len(capture.files) else [],
        )
        self.manifest.add(entry)
        return entry

    def _is_good(self, key: str) -> bool:
        """Return whether a content's outcome is what this run would find out again."""
        entry = self.manifest.of_key(key)
        if entry is None or entry.transient:
            return False
        if entry.options != self._fingerprint or entry.version != __version__:
            return False
        try:
            with open(self._path(key, entry.outcome), "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == entry.outcome
        except OSError:
            return False

    def _write(self, key: str, outcome: Outcome) -> str:
        data = msgspec.msgpack.encode(outcome)
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(key, digest)
        make_folder(os.path.dirname(path))
        with written_aside(path) as file, told(path):
            file.write(data)
        return digest

    def _path(self, key: str, digest: str) -> str:
        return os.path.join(self._outcomes, key[-2:], f"{key}.{digest[:16]}")


def _check(out: str) -> None:
    try:
        names = os.listdir(out)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}") from error
    others = [name for name in names if not name.startswith(".") and name != LOST_AND_FOUND]
    if others and FOLDER not in names:
        raise UsageError(f"{out} holds other files", "name a new folder for -o")


def _stamps(capture: Capture) -> list[FileStamp | None]:
    try:
        return [
            file.stamp if is_url(file.place) else stamp_of(file.place) for file in capture.files
        ]
    except FileAccessError:
        return [None]


def _unread(capture: Capture) -> str:
    """Return the key of a capture whose content is not known."""
    return "unread-" + hashlib.sha256(capture.name.encode()).hexdigest()
