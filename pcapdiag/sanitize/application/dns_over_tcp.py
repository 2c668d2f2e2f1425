"""DNS over TCP in one direction (RFC 7766): messages behind their length of two bytes."""

from __future__ import annotations

from pcapdiag.sanitize.application.stream import ZERO, Stream
from pcapdiag.sanitize.dns import rewrite

LENGTH = 2


def rewrite_dns(stream: Stream, is_started: bool) -> None:
    """Rewrite a direction's messages; what follows a hole is overwritten."""
    stream.fill(0, ZERO)
    at: int | None = 0 if is_started else stream.captured.following(0)
    while at is not None:
        size = stream.read(at, at + LENGTH)
        stream.put(at, size)
        length = int.from_bytes(size, "big") if len(size) == LENGTH else 0
        message = stream.read(at + LENGTH, at + LENGTH + length)
        if not message:
            return
        stream.put(at + LENGTH, rewrite(message, stream.renamer))
        at += LENGTH + length
