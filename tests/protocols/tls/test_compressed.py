"""Certificates that came compressed (RFC 8879): unpacked, or a reason why not."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable

import pytest
import zstandard

from pcapdiag.model.tls import CertificateFlight
from pcapdiag.protocols.tls.certificates import CUT, certificates_in
from pcapdiag.protocols.tls.compressed import BROTLI, MAX_WINDOW, ZLIB, ZSTD, read_compressed
from pcapdiag.protocols.tls.handshake import HandshakeMessage
from pcapdiag.protocols.tls.limits import MAX_MESSAGE
from pcapdiag.protocols.tls.numbers import COMPRESSED_CERTIFICATE
from pcapdiag.protocols.tls.talk import Talk
from tests.protocols.tls.test_certificates import certificate
from tests.protocols.tls.wire import numbers, vector

pytestmark = pytest.mark.once

MB = 1024 * 1024


def body(*certificates: bytes) -> bytes:
    """A Certificate message of TLS 1.3 (RFC 8446 section 4.4.2)."""
    each = (vector(3, der) + vector(2, b"") for der in certificates)
    return vector(1, b"") + vector(3, b"".join(each))


def packed(algorithm: int, content: bytes, length: int | None = None) -> bytes:
    """CompressedCertificate (RFC 8879 section 4)."""
    how: dict[int, Callable[[bytes], bytes]] = {
        ZLIB: zlib.compress,
        ZSTD: zstandard.ZstdCompressor().compress,
    }
    told = len(content) if length is None else length
    data = how.get(algorithm, bytes)(content)
    return numbers(algorithm) + told.to_bytes(3, "big") + vector(3, data)


def message(content: bytes) -> HandshakeMessage:
    return HandshakeMessage(
        COMPRESSED_CERTIFICATE, len(content) + 4, content, 9, 90, encrypted=True
    )


def problem(flight: CertificateFlight) -> str:
    (one,) = certificates_in(flight)
    return one.problem


@pytest.mark.parametrize("algorithm", [ZLIB, ZSTD])
def test_a_chain_is_unpacked(algorithm: int) -> None:
    leaf, authority = certificate(), certificate(issuer="Root")
    found = read_compressed(message(packed(algorithm, body(leaf, authority))))
    assert found.certificates == (leaf, authority)
    assert (found.frame, found.time, found.left_out) == (9, 90, 0)
    assert certificates_in(found)[1].issuer == "CN=Root"


def test_either_end_may_send_one() -> None:
    talk = Talk()
    talk.add(False, message(packed(ZLIB, body(certificate()))))
    talk.add(True, message(packed(ZSTD, body())))
    assert talk.server_certificates is not None
    assert certificates_in(talk.server_certificates)[0].common_name == "shop.example"
    assert talk.client_certificates is not None
    assert talk.client_certificates.certificates == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (packed(BROTLI, b"anything"), "compressed with brotli, which is not unpacked here"),
        (packed(77, b"anything"), "compressed with algorithm 77, which is not unpacked here"),
        (packed(ZLIB, b"short", 99), "compressed with zlib: it is not as long as it says"),
        (
            packed(ZSTD, b"longer than that", 3),
            "compressed with zstd: it is not as long as it says",
        ),
        (packed(ZLIB, b"", MAX_MESSAGE + 1), "262,145 bytes are not unpacked"),
        (packed(ZLIB, body(certificate()))[:-40], CUT),
        (b"", CUT),
    ],
)
def test_one_that_cannot_be_unpacked_says_why(content: bytes, why: str) -> None:
    assert problem(read_compressed(message(content))).endswith(why)


@pytest.mark.parametrize("algorithm", [ZLIB, ZSTD])
def test_a_bomb_gives_no_more_than_it_announced(algorithm: int) -> None:
    assert problem(read_compressed(message(packed(algorithm, bytes(64 * MB), 1_000))))


def test_a_frame_that_wants_a_large_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = compressor.compress(random.Random(1).randbytes(2 * MAX_WINDOW)) + compressor.flush()
    content = numbers(ZSTD) + (1000).to_bytes(3, "big") + vector(3, data[:65_536])
    assert "zstd" in problem(read_compressed(message(content)))


def test_random_bytes_raise_nothing() -> None:
    source = random.Random(8879)
    good = packed(ZSTD, body(certificate()))
    for _ in range(300):
        broken = bytearray(good)
        for _ in range(source.randrange(1, 8)):
            broken[source.randrange(len(broken))] = source.randrange(256)
        read_compressed(message(bytes(broken[: source.randrange(len(broken) + 1)])))
