"""What is known about a capture beside its packets; it grows while the capture is read."""

from __future__ import annotations

from collections import Counter

import msgspec

from pcapdiag.capture.batch import Interface
from pcapdiag.errors import DamagedCaptureError

MAX_INTERFACES = 65_536
MAX_NAMES = 100_000
MAX_NAME = 255
"""Bytes of a name of an address (RFC 1035 2.3.4) or of an interface; the rest is cut."""
MAX_SECRET_BYTES = 16 * 1024 * 1024
TEXT_COSTS = 64
"""Bytes of memory that a text takes beside its own."""


class FileFacts(msgspec.Struct):
    """One input file: ``size`` in bytes as stored, times in ns or None without a packet.

    ``frames`` are its packets and what else Wireshark numbers. ``error`` says where it broke, None
    when it did not.
    """

    path: str
    format: str = ""
    compression: str | None = None
    sha256: str | None = None
    size: int = 0
    packets: int = 0
    frames: int = 0
    first_time: int | None = None
    last_time: int | None = None
    interfaces: list[str] = []
    error: DamagedCaptureError | None = None

    @property
    def complete(self) -> bool:
        """True when the file was read to its end and was whole."""
        return self.error is None


class Metadata:
    """What the files say about the network and themselves.

    ``names`` gives the first name of an address (pcapng name resolution); ``secrets`` are TLS key
    log texts, never to be shown; ``limits`` counts by name what a limit of this module or of the
    ordering cut.
    """

    def __init__(self) -> None:
        self.interfaces: list[Interface] = []
        self.names: dict[str, str] = {}
        self.secrets: list[bytes] = []
        self._secret_bytes = 0
        self.limits: Counter[str] = Counter()

    def add_name(self, address: str, name: str) -> None:
        """Keep the first name of an address, up to MAX_NAMES of them."""
        if address in self.names:
            return
        if len(self.names) >= MAX_NAMES:
            self.limits["capture_names"] += 1
        else:
            self.names[address] = name

    def add_secrets(self, text: bytes) -> None:
        """Keep a key log, up to MAX_SECRET_BYTES in all."""
        cost = len(text) + TEXT_COSTS
        if self._secret_bytes + cost > MAX_SECRET_BYTES:
            self.limits["capture_secrets"] += 1
        else:
            self._secret_bytes += cost
            self.secrets.append(text)
