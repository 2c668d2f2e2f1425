"""What a file's content is, and by what an unchanged file is told without reading it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time

from pcapdiag.errors import CaptureError, FileAccessError
from pcapdiag.triage.outcome import FileIdentity, FileStamp

BLOCK_BYTES = 256 * 1024
SETTLED_NS = 2_000_000_000
"""A file changed less than this before it was read may change again without another time: two
seconds are the coarsest times of a file system in use (FAT)."""


def stamp_of(path: str) -> FileStamp:
    """Return a local file's stamp; raises FileAccessError."""
    try:
        facts = os.stat(path)
    except (OSError, ValueError) as error:
        raise _access(path, error) from error
    if not stat.S_ISREG(facts.st_mode):
        what = "is a directory" if stat.S_ISDIR(facts.st_mode) else "is no regular file"
        raise FileAccessError(path, what)
    return FileStamp(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)


def identify(path: str) -> FileIdentity:
    """Read a local file and return its identity; raises FileAccessError.

    The stamp is left out where the file is so new that it could still change unnoticed.
    """
    began = time.time_ns()
    before = stamp_of(path)
    digest = hashlib.sha256()
    size = 0
    buffer = memoryview(bytearray(BLOCK_BYTES))
    try:
        with open(path, "rb", buffering=0) as file:
            while got := file.readinto(buffer):
                digest.update(buffer[:got])
                size += got
    except OSError as error:
        raise _access(path, error) from error
    changed = max(before.modified, before.changed)
    settled = stamp_of(path) == before and changed + SETTLED_NS < began
    return FileIdentity(digest.hexdigest(), size, before if settled else None)


def _access(path: str, error: OSError | ValueError) -> CaptureError:
    if not isinstance(error, OSError):
        return FileAccessError(path, "is no file name")
    message = (error.strerror or "cannot be read").lower().replace(" or directory", "")
    advice = "may this user read it?" if error.errno in (errno.EACCES, errno.EPERM) else ""
    return FileAccessError(path, message, advice)
