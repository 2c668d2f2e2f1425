"""Certificate messages that came compressed (RFC 8879): unpacked, as far as they may be."""

from __future__ import annotations

import zlib

import msgspec

from pcapdiag.model.tls import Certificate, CertificateFlight
from pcapdiag.protocols.tls.certificates import CUT, read_certificates
from pcapdiag.protocols.tls.cursor import Cursor, CutShortError
from pcapdiag.protocols.tls.handshake import HandshakeMessage
from pcapdiag.protocols.tls.limits import MAX_MESSAGE

ZLIB, BROTLI, ZSTD = 1, 2, 3
_NAMES = {ZLIB: "zlib", BROTLI: "brotli", ZSTD: "zstd"}
MAX_WINDOW = 1 << 23
"""Bytes that a zstd frame may look back: what every decoder has to support (RFC 8878 section
3.1.1.1.2), and RFC 8879 asks for no more."""


def read_compressed(message: HandshakeMessage) -> CertificateFlight:
    """Take a CompressedCertificate message apart, which only TLS 1.3 has.

    One that cannot be unpacked is a flight of a certificate whose ``problem`` says why.
    """
    try:
        body = _unpacked(message)
    except (ValueError, CutShortError, zlib.error) as error:
        problem = CUT if isinstance(error, CutShortError) else str(error)
        return CertificateFlight(
            frame=message.frame, time=message.time, certificates=(Certificate(problem=problem),)
        )
    return read_certificates(msgspec.structs.replace(message, body=body), is_tls13=True)


def _unpacked(message: HandshakeMessage) -> bytes:
    """Return the Certificate message's body; raises as its caller expects."""
    cursor = Cursor(message.body)
    algorithm, length = cursor.number(2), cursor.number(3)
    packed = cursor.vector(3)
    name = _NAMES.get(algorithm, f"algorithm {algorithm}")
    if length > MAX_MESSAGE:
        raise ValueError(f"compressed with {name}: {length:,} bytes are not unpacked")
    if algorithm == ZLIB:
        body = zlib.decompressobj().decompress(packed, length + 1)
    elif algorithm == ZSTD:
        body = _zstd(packed, length + 1)
    else:
        raise ValueError(f"compressed with {name}, which is not unpacked here")
    if len(body) != length:
        raise ValueError(f"compressed with {name}: it is not as long as it says")
    return body


def _zstd(packed: bytes, most: int) -> bytes:
    # Only here: nearly no capture has one, and the keys to it.
    import zstandard

    try:
        with zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(packed) as reader:
            return reader.read(most)
    except zstandard.ZstdError as error:
        raise ValueError(f"compressed with zstd: {error}") from error
