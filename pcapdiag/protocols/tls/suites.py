"""How each cipher suite protects records: cipher, mode, and the hash of its MAC and its PRF.

From IANA's TLS Cipher Suites registry. A name ends in what matters here, whatever the key exchange
is: ``TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`` is ``AES_128``, ``GCM``, ``SHA256``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

Mode = Literal["GCM", "CCM", "CCM_8", "POLY1305", "CBC", "NULL"]
Hash = Literal["MD5", "SHA", "SHA256", "SHA384"]

KEY_SIZES = {
    "AES_128": 16,
    "AES_256": 32,
    "CHACHA20": 32,
    "CAMELLIA_128": 16,
    "CAMELLIA_256": 32,
    "SEED": 16,
    "IDEA": 16,
    "3DES_EDE": 24,
    "NULL": 0,
}
"""Bytes of a key, by cipher."""

_IV_SIZES = {"GCM": 4, "CCM": 4, "CCM_8": 4, "POLY1305": 12, "NULL": 0}
_SHORT_BLOCKS = {"IDEA", "3DES_EDE"}


class Suite(msgspec.Struct, frozen=True):
    """What a cipher suite uses to protect records."""

    cipher: str
    mode: Mode
    hash: Hash
    """Of the MAC (modes CBC and NULL), or of the key derivation (the others)."""

    @property
    def is_aead(self) -> bool:
        """True for the modes that are defined from TLS 1.2 on (RFC 5246 section 6.2.3.3)."""
        return self.mode not in ("CBC", "NULL")

    @property
    def key_size(self) -> int:
        """Bytes of the key."""
        return KEY_SIZES[self.cipher]

    @property
    def iv_size(self) -> int:
        """Bytes of an IV in the key block (RFC 5246 section 6.3): a block in mode CBC."""
        if self.mode == "CBC":
            return 8 if self.cipher in _SHORT_BLOCKS else 16
        return _IV_SIZES[self.mode]

    @property
    def prf_hash(self) -> Hash:
        """Hash of TLS 1.2's PRF: SHA-256 unless the suite says a stronger one (RFC 5246 5)."""
        return "SHA384" if self.hash == "SHA384" else "SHA256"


TLS13 = {
    0x1301: Suite("AES_128", "GCM", "SHA256"),
    0x1302: Suite("AES_256", "GCM", "SHA384"),
    0x1303: Suite("CHACHA20", "POLY1305", "SHA256"),
    0x1304: Suite("AES_128", "CCM", "SHA256"),
    0x1305: Suite("AES_128", "CCM_8", "SHA256"),
}
"""RFC 8446 appendix B.4."""

_OLDER: tuple[tuple[str, Mode, Hash, str], ...] = (
    (
        "AES_128",
        "GCM",
        "SHA256",
        "009c 009e 00a0 00a2 00a4 00a6 00a8 00aa 00ac c02b c02d c02f c031 c0b0 d001",
    ),
    (
        "AES_256",
        "GCM",
        "SHA384",
        "009d 009f 00a1 00a3 00a5 00a7 00a9 00ab 00ad c02c c02e c030 c032 c0b1 d002",
    ),
    ("CHACHA20", "POLY1305", "SHA256", "cca8-ccae"),
    ("AES_128", "CCM", "SHA256", "c09c c09e c0a4 c0a6 c0ac c0b2 d005"),
    ("AES_256", "CCM", "SHA256", "c09d c09f c0a5 c0a7 c0ad"),
    ("AES_256", "CCM", "SHA384", "c0b3"),
    ("AES_128", "CCM_8", "SHA256", "c0a0 c0a2 c0a8 c0aa c0ae d003"),
    ("AES_256", "CCM_8", "SHA256", "c0a1 c0a3 c0a9 c0ab c0af"),
    (
        "AES_128",
        "CBC",
        "SHA",
        "002f-0034 008c 0090 0094 c004 c009 c00e c013 c018 c01d-c01f c035",
    ),
    (
        "AES_128",
        "CBC",
        "SHA256",
        "003c 003e-0040 0067 006c 00ae 00b2 00b6 c023 c025 c027 c029 c037",
    ),
    (
        "AES_256",
        "CBC",
        "SHA",
        "0035-003a 008d 0091 0095 c005 c00a c00f c014 c019 c020-c022 c036",
    ),
    ("AES_256", "CBC", "SHA256", "003d 0068-006b 006d"),
    ("AES_256", "CBC", "SHA384", "00af 00b3 00b7 c024 c026 c028 c02a c038"),
    ("CAMELLIA_128", "CBC", "SHA", "0041-0046"),
    ("CAMELLIA_128", "CBC", "SHA256", "00ba-00bf c072 c074 c076 c078 c094 c096 c098 c09a"),
    ("CAMELLIA_256", "CBC", "SHA", "0084-0089"),
    ("CAMELLIA_256", "CBC", "SHA256", "00c0-00c5"),
    ("CAMELLIA_256", "CBC", "SHA384", "c073 c075 c077 c079 c095 c097 c099 c09b"),
    ("SEED", "CBC", "SHA", "0096-009b"),
    ("IDEA", "CBC", "SHA", "0007 0021"),
    ("IDEA", "CBC", "MD5", "0025"),
    ("3DES_EDE", "CBC", "MD5", "0023"),
    (
        "3DES_EDE",
        "CBC",
        "SHA",
        "000a 000d 0010 0013 0016 001b 001f 008b 008f 0093 c003 c008 c00d c012 c017 c01a-c01c c034",
    ),
    ("NULL", "NULL", "MD5", "0001"),
    ("NULL", "NULL", "SHA", "0002 002c-002e c001 c006 c00b c010 c015 c039"),
    ("NULL", "NULL", "SHA256", "003b 00b0 00b4 00b8 c03a"),
    ("NULL", "NULL", "SHA384", "00b1 00b5 00b9 c03b"),
)


def _numbers(text: str) -> Iterator[int]:
    for word in text.split():
        first, _, last = word.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


TLS12 = {
    number: Suite(cipher, mode, hash_)
    for cipher, mode, hash_, numbers in _OLDER
    for number in _numbers(numbers)
}
"""Suites of TLS 1.0 to 1.2, by number; RC4, single DES, ARIA and Camellia in GCM are not among
them."""
