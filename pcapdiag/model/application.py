"""What the protocols above TCP showed of a connection: facts, before any judgement.

Readers (pcapdiag/protocols/) take :class:`Piece` after piece and give these facts. Times are
nanoseconds since the epoch, frames count from 1. A code that is in no table stays a number. Nothing
here holds a secret: header values that could be one are never kept.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pcapdiag.model.http import HttpFacts
from pcapdiag.model.tls import TlsFacts


class Piece(msgspec.Struct, frozen=True):
    """Bytes of one end, in order, that came with one packet.

    ``hole`` is how many bytes are missing just before ``data``: never captured, or cut off by
    snaplen.
    """

    from_initiator: bool
    frame: int
    time: int
    data: bytes
    hole: int = 0


class ProxyHeader(msgspec.Struct, frozen=True):
    """A PROXY protocol header (HAProxy's proxy-protocol.txt) before the initiator's first byte."""

    frame: int
    time: int
    version: int
    """1 or 2."""
    source: str
    """``address:port`` of the client that it names; empty for UNKNOWN and LOCAL."""
    target: str
    length: int
    """Bytes of the header."""


Protocol = Literal["", "tls", "http1", "http2", "other"]


class Application(msgspec.Struct):
    """Everything that was read above TCP.

    ``initiator_speaks`` and ``responder_speaks`` name the protocol of each end's first bytes
    (behind a PROXY header, before TLS is taken off); empty when an end said nothing readable.
    ``inside`` is the protocol in decrypted TLS.
    """

    initiator_speaks: Protocol = ""
    responder_speaks: Protocol = ""
    inside: Protocol = ""
    proxy_header: ProxyHeader | None = None
    responder_head: bytes = b""
    """First bytes of the responder, 64 at most: what an unreadable answer looks like."""
    tls: TlsFacts | None = None
    http: HttpFacts | None = None
