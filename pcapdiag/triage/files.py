"""Files of OUT: whole or not there at all, and one run at a time; folders that are to go."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from pcapdiag.errors import OutputError

_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""What systems say of a lock that somebody else has."""
DRAFT = ".part"
"""How the name of a file ends that is being written."""


@contextmanager
def told(path: str) -> Iterator[None]:
    """Turn what the system says of a write into an OutputError that names the file."""
    try:
        yield
    except OSError as error:
        advice = (
            "make room and start again: what is done is kept" if error.errno == errno.ENOSPC else ""
        )
        raise OutputError(f"cannot write {path}: {error.strerror or error}", advice) from error


@contextmanager
def written_aside(path: str, *, sync: bool = False) -> Iterator[BinaryIO]:
    """Give a new file that takes the place of ``path`` at the end, when all went well.

    ``sync`` waits until the disk has it, so that a power cut leaves the old file or the new one.
    Raises OutputError.
    """
    draft = path + DRAFT
    with told(path):
        file = open(draft, "wb")  # noqa: SIM115 - closed below, before it is renamed
    try:
        yield file
        with told(path):
            file.flush()
            if sync:
                os.fsync(file.fileno())
            file.close()
            os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            os.unlink(draft)
        raise


def make_folder(path: str) -> None:
    """Make a folder and those above it; one that is there is fine. Raises OutputError."""
    with told(path):
        os.makedirs(path, exist_ok=True)


def remove_folder(path: str) -> None:
    """Remove a folder of ours with all that is in it; raises OutputError."""
    with told(path), suppress(FileNotFoundError):
        shutil.rmtree(path)


class Lock:
    """Holds a folder for this process until it is closed, or the process ends in whatever way."""

    def __init__(self, path: str) -> None:
        with told(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            if error.errno not in _TAKEN:
                raise OutputError(f"cannot lock {path}: {error.strerror}") from error
            where = os.path.dirname(os.path.dirname(path))
            raise OutputError(f"{where} is in use by another run", "wait for its end") from error

    def close(self) -> None:
        """Let others in."""
        os.close(self._descriptor)


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:
        import msvcrt

        # Typed for Windows only.
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def temporary_folder() -> str:
    """Make a folder for the temporary files of a process that may be ended at any moment.

    Empty where none can be made: who needs such a file says so, and most captures need none.
    """
    try:
        return tempfile.mkdtemp(prefix="pcapdiag-worker-")
    except OSError:
        return ""
