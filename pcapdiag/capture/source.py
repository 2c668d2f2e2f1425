"""The stored bytes of one input as they come: a file, standard input, a file that still grows."""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
import time
from typing import TYPE_CHECKING

from pcapdiag.capture.ahead import BLOCK, Ahead, Preparer
from pcapdiag.capture.walk import Walker
from pcapdiag.errors import DamagedCaptureError, FileAccessError
from pcapdiag.model.options import Stop

if TYPE_CHECKING:
    import hashlib
    from typing import Protocol

    class Input(Protocol):
        """Something that fills a buffer."""

        def readinto(self, view: memoryview) -> int | None:
            """Fill ``view`` from the start; return the bytes, 0 at the end, None without news."""


STDIN = "-"
TICK_SECONDS = 0.2
"""How long a silent input is waited for before that is said."""
LAST_WORDS = 1024 * 1024
"""Bytes that are still taken from a pipe after reading was stopped: the largest pipe is as long."""


WORTH_READING_AHEAD = 16 * BLOCK
"""A file with fewer bytes left is read without a thread."""


class RawInput:
    """The bytes of a file or of standard input, as they are stored.

    ``size`` is the file's size, or None for a pipe; ``taken`` counts the bytes read; ``again``
    says that it can be opened a second time and read from its start. With ``follow``
    a file has no end until ``stop`` is set, and ``readinto`` returns None for every TICK_SECONDS in
    which nothing came. Raises FileAccessError.
    """

    def __init__(
        self, path: str, stop: Stop, *, follow: bool = False, digest: bool = False
    ) -> None:
        self.path = "standard input" if path == STDIN else path
        self.taken = 0
        self.size: int | None = None
        self._stop = stop
        self._last_words = LAST_WORDS
        self._follow = follow
        self._ahead: Ahead | None = None
        self._file = _open(path)
        facts = os.fstat(self._file.fileno())
        self._regular = stat.S_ISREG(facts.st_mode)
        self._hash = _sha256() if digest and self._regular else None
        self.again = self._regular and path != STDIN
        if self._regular:
            self.size = facts.st_size
        self._poll: select.poll | None = None
        if not self._regular and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(self._file.fileno(), select.POLLIN)

    @property
    def stopped(self) -> bool:
        """True when reading was stopped from outside: the end is not the input's own."""
        return self._stop.is_set()

    def readinto(self, view: memoryview) -> int | None:
        """Fill ``view`` from the start; return the bytes, 0 at the end, None when nothing came."""
        if not self._ready():
            return 0 if self._stop.is_set() else None
        self._stop_reading_ahead()
        try:
            got = self._file.readinto(view)
        except OSError as error:
            raise self._unreadable(error.strerror) from error
        if not got:
            return self._at_end()
        if self._stop.is_set():
            self._last_words -= got
        self.taken += got
        if self._hash is not None:
            self._hash.update(view[:got])
        return got

    def is_worth_reading_ahead(self) -> bool:
        """Return whether a thread that reads ahead pays, from where reading stands.

        That needs a second processor, and an end that stays where it is.
        """
        if self.size is None or self._follow or processors() < 2:
            return False
        return self.size - self.taken >= WORTH_READING_AHEAD

    def read_ahead(
        self, walker: Walker, rest: memoryview, prepare: Preparer, link_type: int
    ) -> bool:
        """Start the thread, behind ``rest`` and what ``walker`` has found: then ``take`` blocks.

        Returns False where the system has no thread to give.
        """
        try:
            self._ahead = Ahead(self._file.fileno(), walker, rest, prepare, link_type)
        except RuntimeError:
            return False
        return True

    def take(self, walker: Walker) -> Ahead:
        """Return what has the next block in it, and bring ``walker`` to its end.

        Raises as ``readinto`` does, which goes on behind the last block that was taken.
        """
        assert self._ahead is not None
        got = self._ahead.take(walker)
        if got < 0:
            raise self._unreadable(os.strerror(-got))
        self.taken += got
        if self._hash is not None:
            end = self._ahead.end
            self._hash.update(memoryview(self._ahead.buffer)[end - got : end])
        return self._ahead

    def sha256(self) -> str | None:
        """Return the digest of the whole file, reading what is left; None if not asked for."""
        if self._hash is None:
            return None
        rest = memoryview(bytearray(1 << 16))
        while not self._stop.is_set() and self.readinto(rest):
            pass
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._stop_reading_ahead()
        self._file.close()

    def _stop_reading_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None
            # The thread was further than who took its blocks.
            self._file.seek(self.taken)

    def _unreadable(self, reason: str | None) -> DamagedCaptureError:
        return DamagedCaptureError(self.path, f"cannot be read further ({reason})", byte=self.taken)

    def _ready(self) -> bool:
        """Wait for something to read; False when stopped, or when followed and silent."""
        while not self._stop.is_set():
            if self._poll is None or self._poll.poll(TICK_SECONDS * 1000):
                return True
            if self._follow:
                return False
        # ^C reached tcpdump, too: it writes what it still has, and closes.
        if self._poll is None or self._last_words <= 0:
            return False
        return bool(self._poll.poll(TICK_SECONDS * 1000))

    def _at_end(self) -> int | None:
        if not (self._follow and self._regular):
            return 0
        time.sleep(TICK_SECONDS)
        return 0 if self._stop.is_set() else None


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _sha256() -> hashlib._Hash:
    import hashlib  # Only here: it takes 4 ms, and most runs ask for no digest.

    return hashlib.sha256()


def _open(path: str) -> io.FileIO:
    if path == STDIN:
        if sys.stdin is None or sys.stdin.closed:
            raise FileAccessError("standard input", "is closed")
        if sys.stdin.isatty():
            raise FileAccessError(
                "standard input", "is a terminal", "pipe a capture in: tcpdump -U -w - | ..."
            )
        return io.FileIO(sys.stdin.fileno(), "rb", closefd=False)
    if os.path.isdir(path):
        inside = os.path.join(path, "*.pcap*")
        raise FileAccessError(path, "is a directory", f"give the files in it: '{inside}'")
    try:
        return io.FileIO(path, "rb")
    except ValueError as error:
        raise FileAccessError(path, "is no file name") from error
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "")
        message = (error.strerror or "cannot be opened").lower().replace(" or directory", "")
        raise FileAccessError(path, message, advice) from error


_ADVICE = {
    errno.EACCES: "read it as root, or: sudo chmod a+r FILE",
    errno.EPERM: "read it as root, or: sudo chmod a+r FILE",
    errno.EMFILE: "raise the limit: ulimit -n 4096",
}
