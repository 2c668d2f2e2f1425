"""Keys from secrets: HKDF-Expand-Label of TLS 1.3, and the PRF of the versions before."""

from __future__ import annotations

import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from pcapdiag.protocols.tls.suites import Hash

HASHES: dict[Hash, hashes.HashAlgorithm] = {
    "MD5": hashes.MD5(),
    "SHA": hashes.SHA1(),
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
}


def expand_label(secret: bytes, label: bytes, length: int, hash_: Hash) -> bytes:
    """HKDF-Expand-Label with an empty context (RFC 8446 section 7.1); ``length`` in bytes."""
    full = b"tls13 " + label
    info = struct.pack(">HB", length, len(full)) + full + b"\0"
    return HKDFExpand(HASHES[hash_], length, info).derive(secret)


def key_expansion(
    master: bytes, randoms: bytes, length: int, version: int, prf_hash: Hash
) -> bytes:
    """``length`` bytes of key block (RFC 5246 section 6.3).

    ``randoms`` is the server's random before the client's; ``prf_hash`` counts from TLS 1.2 on.
    """
    seed = b"key expansion" + randoms
    if version >= 0x0303:
        return _p_hash(master, seed, length, prf_hash)
    half = (len(master) + 1) // 2  # RFC 2246 section 5: halves that share an odd byte
    md5 = _p_hash(master[:half], seed, length, "MD5")
    sha = _p_hash(master[len(master) - half :], seed, length, "SHA")
    return bytes(a ^ b for a, b in zip(md5, sha, strict=True))


def _p_hash(secret: bytes, seed: bytes, length: int, hash_: Hash) -> bytes:
    # RFC 5246 section 5: A(0) is the seed, A(i) the HMAC of A(i - 1).
    algorithm = HASHES[hash_]
    out, a = b"", seed
    while len(out) < length:
        a = _hmac(secret, a, algorithm)
        out += _hmac(secret, a + seed, algorithm)
    return out[:length]


def _hmac(key: bytes, message: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    mac = HMAC(key, algorithm)
    mac.update(message)
    return mac.finalize()
