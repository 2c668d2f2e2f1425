"""The TLS secrets of the probe's own connections, so that its judge can read what was encrypted.

OpenSSL writes them to a file only. A pipe takes its place: nothing is ever on a disk, and nothing
outlives the probe. Where a system has no ``/dev/fd`` the handshakes are judged without keys.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Self

from pcapdiag.protocols.tls.keylog import KeyLog

_ROOM = 64 * 1024


class Secrets:
    """Collects the secrets of contexts that :meth:`watch` was told of; a context manager."""

    def __init__(self) -> None:
        self.keys = KeyLog()
        self._read = self._write = -1

    def __enter__(self) -> Self:
        if os.path.isdir("/dev/fd"):
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)
            os.set_blocking(self._write, False)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for end in (self._read, self._write):
            if end >= 0:
                os.close(end)
        self._read = self._write = -1

    def watch(self, context: ssl.SSLContext) -> None:
        """Let a context hand over its secrets."""
        if self._write >= 0:
            with suppress(OSError, ssl.SSLError):
                context.keylog_filename = f"/dev/fd/{self._write}"

    def take(self) -> None:
        """Take what was handed over since the last time."""
        if self._read >= 0:
            with suppress(BlockingIOError):
                self.keys.add(os.read(self._read, _ROOM))
