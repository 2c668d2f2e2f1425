"""Fingerprints of a ClientHello: JA3 (Salesforce) and JA4 (FoxIO, TLS client fingerprinting).

Both take lists without GREASE (RFC 8701), in the order sent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import hashlib

_SNI, _ALPN = 0, 16
_JA4_VERSIONS = {
    0x0304: "13",
    0x0303: "12",
    0x0302: "11",
    0x0301: "10",
    0x0300: "s3",
    0x0002: "s2",
}
_NOTHING = "000000000000"
_OWN = {"md5": ("_md5",), "sha256": ("_sha2", "_sha256")}
"""Modules of the interpreter's own hash functions; _sha256 is that of Python 3.11."""
REMEMBERED = 64
"""Fingerprints of each sort that are kept: a program says hello in the same way again and again."""


@lru_cache(REMEMBERED)
def ja3(
    version: int,
    ciphers: tuple[int, ...],
    extensions: tuple[int, ...],
    groups: tuple[int, ...],
    point_formats: tuple[int, ...],
) -> str:
    """MD5 in hex of ``version,ciphers,extensions,groups,point formats`` in decimal."""
    lists = ("-".join(map(str, each)) for each in (ciphers, extensions, groups, point_formats))
    text = ",".join((str(version), *lists))
    return _digest("md5", text)


@lru_cache(REMEMBERED)
def ja4(
    version: int,
    ciphers: tuple[int, ...],
    extensions: tuple[int, ...],
    signature_algorithms: tuple[int, ...],
    first_alpn: bytes,
) -> str:
    """``t13d1516h2_8daaf6152771_e5627efa2ab1`` of a hello over TCP.

    ``version`` is the highest of supported_versions, or the hello's own where there is none.
    """
    head = (
        f"t{_JA4_VERSIONS.get(version, '00')}{'d' if _SNI in extensions else 'i'}"
        f"{min(len(ciphers), 99):02}{min(len(extensions), 99):02}{_alpn_mark(first_alpn)}"
    )
    kinds = _hex_list(sorted(each for each in extensions if each not in (_SNI, _ALPN)))
    if signature_algorithms:
        kinds += "_" + _hex_list(signature_algorithms)
    return f"{head}_{_short_hash(_hex_list(sorted(ciphers)))}_{_short_hash(kinds)}"


def _alpn_mark(name: bytes) -> str:
    """First and last character; of the hex digits when one of the two is no letter or digit."""
    if not name:
        return "00"
    ends = bytes((name[0], name[-1]))
    if all(end < 128 and chr(end).isalnum() for end in ends):
        return ends.decode("ascii")
    return name.hex()[0] + name.hex()[-1]


def _hex_list(numbers: list[int] | tuple[int, ...]) -> str:
    return ",".join(f"{number:04x}" for number in numbers)


def _short_hash(text: str) -> str:
    return _digest("sha256", text)[:12] if text else _NOTHING


def _digest(name: Literal["md5", "sha256"], text: str) -> str:
    digest: str = _function(name)(text.encode(), usedforsecurity=False).hexdigest()
    return digest


@cache
def _function(name: Literal["md5", "sha256"]) -> Callable[..., hashlib._Hash]:
    """Return a hash function: the interpreter's own, where it has one, or else OpenSSL's.

    OpenSSL takes 3 ms to load; the library's ``random`` does the same for that reason.
    """
    for module in (*_OWN[name], "hashlib"):
        with suppress(ImportError):
            own = import_module(module)
            break
    found: Callable[..., hashlib._Hash] = getattr(own, name)
    return found
