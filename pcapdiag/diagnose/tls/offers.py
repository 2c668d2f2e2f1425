"""Whether a ClientHello's lists are so short that a server may find nothing in them.

A server's own lists are in no packet. What it chose on other connections of the capture is, and
what every current server has is known: RFC 8446 section 9.1, RFC 9325 section 4.2.
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.tls import words
from pcapdiag.model.context import TlsServerFacts
from pcapdiag.model.tls import TLS12, TLS13, ClientHello, TlsFacts
from pcapdiag.protocols.tls import names

TLS13_SUITES = frozenset({0x1301, 0x1302, 0x1303})
"""AES-128-GCM (mandatory), AES-256-GCM and ChaCha20."""
ECDHE_RSA = frozenset({0xC02F, 0xC030})
ECDHE_ECDSA = frozenset({0xC02B, 0xC02C})
"""With AES-GCM, as recommended: what every current server of TLS 1.2 has one of, by its key."""
COMMON_GROUPS = frozenset({23, 29})
"""secp256r1 (mandatory) and x25519: who offers both fits every current server."""
RSA_SIGNATURES = frozenset({0x0401, 0x0804})
ECDSA_SIGNATURES = frozenset({0x0403})
USUAL_ALPN = frozenset({"h2", "http/1.1"})
SIGNALLING = frozenset({0x00FF, 0x5600})
"""TLS_EMPTY_RENEGOTIATION_INFO_SCSV and TLS_FALLBACK_SCSV: values in the list that are no
suites."""


class Shortage(msgspec.Struct, frozen=True):
    """A list of the client in which something usual is missing, or what the server took."""

    what: str
    """``cipher suites``, ``groups``, ``signature algorithms``."""
    offered: str
    proven: bool = False
    """The server's choices on other connections are not in the list."""

    @property
    def text(self) -> str:
        """Return the list in words."""
        what = self.what if ", " in self.offered else self.what.removesuffix("s")
        return f"{what} {self.offered}"


def shortages(facts: TlsFacts, server: TlsServerFacts | None) -> list[Shortage]:
    """Return the client's lists that may explain why the server found nothing, proven ones first.

    A list that was cut off by the capture explains nothing.
    """
    hello = facts.second_hello or facts.client_hello
    if hello is None or not hello.complete:
        return []
    found = [
        Shortage("cipher suites", _ciphers(hello), _never_taken_ciphers(hello, server)),
        Shortage("groups", _groups(hello), _never_taken_groups(hello, server)),
        Shortage("signature algorithms", _signatures(hello)),
    ]
    short = (_few_ciphers(hello), _few_groups(hello), _few_signatures(hello))
    kept = [each for each, few in zip(found, short, strict=True) if few or each.proven]
    return sorted(kept, key=lambda each: not each.proven)


def odd_alpn(hello: ClientHello) -> bool:
    """Return whether by ALPN only names are offered that a server of HTTP does not have.

    A server may stumble over that instead of saying alert 120 (Twisted says 80: measured).
    """
    return bool(hello.alpn) and not USUAL_ALPN.intersection(hello.alpn)


def _never_taken_ciphers(hello: ClientHello, server: TlsServerFacts | None) -> bool:
    """Return whether the suites that the server took are none of these, of the same TLS version."""
    new = TLS13 in hello.versions
    if server is None:
        return False
    taken = {cipher for cipher in server.ciphers if (cipher in TLS13_SUITES) == new}
    return bool(taken) and not taken.intersection(hello.ciphers)


def _never_taken_groups(hello: ClientHello, server: TlsServerFacts | None) -> bool:
    """Return whether the groups that the server took are none of these."""
    taken = server.groups if server is not None else {}
    return bool(taken and hello.groups) and not any(group in taken for group in hello.groups)


def _few_ciphers(hello: ClientHello) -> bool:
    offered = set(hello.ciphers)
    if TLS13 in hello.versions and len(offered & TLS13_SUITES) < 2:
        return True
    old = any(version <= TLS12 for version in hello.versions)
    return old and not (offered & ECDHE_RSA and offered & ECDHE_ECDSA)


def _few_groups(hello: ClientHello) -> bool:
    return bool(hello.groups) and not COMMON_GROUPS.issubset(hello.groups)


def _few_signatures(hello: ClientHello) -> bool:
    offered = set(hello.signature_algorithms)
    return bool(offered) and not (offered & RSA_SIGNATURES and offered & ECDSA_SIGNATURES)


def _ciphers(hello: ClientHello) -> str:
    suites = [cipher for cipher in hello.ciphers if cipher not in SIGNALLING]
    return words.numbers(suites, names.cipher_name)


def _groups(hello: ClientHello) -> str:
    return words.numbers(hello.groups, names.group_name)


def _signatures(hello: ClientHello) -> str:
    return words.numbers(hello.signature_algorithms, names.signature_scheme_name)


def taken_elsewhere(server: TlsServerFacts | None) -> str:
    """Return what the same server took on other connections, or that this is not known."""
    if server is None or not server.ciphers:
        return "The server's own lists are in no packet."
    parts = [words.numbers(server.ciphers, names.cipher_name)]
    if server.groups:
        parts.append(words.numbers(server.groups, names.group_name))
    return f"On other connections of this capture it took {', '.join(parts)}."
