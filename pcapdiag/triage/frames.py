"""What a worker and its owner say to each other: frames of a kind, a length and a payload."""

from __future__ import annotations

import os
import struct

READY = b"W"
"""Worker to owner, once: everything is imported."""
TASK = b"T"
"""Owner to worker: a pickled task and limits."""
FOUND = b"F"
"""Worker to owner: the identities of the capture's files; answered by YES or NO."""
YES = b"Y"
NO = b"N"
OUTCOME = b"O"
"""Worker to owner: what became of it."""
REFUSED = b"R"
"""Worker to owner: nothing was done, as the claim was refused."""

_HEADER = struct.Struct("<cQ")


class EndOfFramesError(Exception):
    """The other side is gone."""


def send(descriptor: int, kind: bytes, payload: bytes = b"") -> None:
    """Write a frame; raises EndOfFramesError when nobody reads any more."""
    view = memoryview(_HEADER.pack(kind, len(payload)) + payload)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except OSError as error:
            raise EndOfFramesError from error


def receive(descriptor: int) -> tuple[bytes, bytes]:
    """Read a frame; raises EndOfFramesError where there is none, or not all of it."""
    kind, length = _HEADER.unpack(_exactly(descriptor, _HEADER.size))
    return kind, _exactly(descriptor, length)


def _exactly(descriptor: int, length: int) -> bytes:
    parts = []
    while length:
        try:
            part = os.read(descriptor, min(length, 1 << 20))
        except OSError as error:
            raise EndOfFramesError from error
        if not part:
            raise EndOfFramesError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
