"""TLS secrets given by the user: a key log file, which may still grow while it is read."""

from __future__ import annotations

import os
import time

from pcapdiag.errors import UsageError
from pcapdiag.protocols.tls.keylog import KeyLog

MAX_FILE = 256 * 1024 * 1024
"""Bytes of a key log file that are read."""
LOOK_EVERY = 1.0
"""Seconds between two looks at a file that may grow."""


class KeyLogFile:
    """Feeds a file in the format of SSLKEYLOGFILE into a :class:`KeyLog`."""

    def __init__(self, path: str, keys: KeyLog) -> None:
        """Read what is there; raises UsageError for a file that cannot be read."""
        self._path = path
        self._keys = keys
        self._taken = 0
        self._looked = 0.0
        try:
            self._read()
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise UsageError(
                f"{path}: {reason}", "name the file that SSLKEYLOGFILE wrote"
            ) from error

    def look_again(self) -> None:
        """Read what has come since, if it is time to look."""
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY:
            return
        try:
            self._read()
        except OSError:
            # It was readable before; what it held then is known.
            return

    def _read(self) -> None:
        self._looked = time.monotonic()
        if os.path.getsize(self._path) <= self._taken or self._taken >= MAX_FILE:
            return
        with open(self._path, "rb") as file:
            file.seek(self._taken)
            text = file.read(MAX_FILE - self._taken)
        self._keys.add(text)
        # A last line without its end may be all there is of it, or grow: it is read again.
        self._taken += text.rfind(b"\n") + 1
