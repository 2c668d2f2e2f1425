"""Whether a file looks like a capture, by its first bytes."""

from __future__ import annotations

from typing import BinaryIO

from pcapdiag.capture.compression import first_bytes
from pcapdiag.capture.formats import MAGIC_BYTES, PCAP_MAGICS, PCAPNG_MAGIC, compression_of


def looks_like_capture(file: BinaryIO) -> bool:
    """Return whether a file, read from its start, is a capture or a compressed one.

    Raises OSError.
    """
    head = file.read(MAGIC_BYTES)
    compression = compression_of(head)
    if compression:
        head = first_bytes(file, compression, head, MAGIC_BYTES)
    return head[:4] == PCAPNG_MAGIC or head[:4] in PCAP_MAGICS
