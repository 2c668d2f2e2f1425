"""What both ends of a TLS connection offered and chose, in words that stand side by side.

Names come from a capture: they are made harmless here, and the report escapes them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from pcapdiag.model.harmless import harmless
from pcapdiag.model.tls import Certificate, ClientHello, TlsFacts
from pcapdiag.model.units import SECOND
from pcapdiag.protocols.tls import names

LISTED = 6
"""Entries of a list that a text shows; the rest is counted."""
NAME_LENGTH = 120
"""Characters of one name that a text shows."""
SUPPORTED_VERSIONS = 43
"""Extension type (RFC 8446 section 4.2.1)."""
LATEST = 253_402_300_799
"""9999-12-31, the last date that X.509 and Python can write, seconds since the epoch."""


def shown(name: str) -> str:
    """Return a name from the capture as a text may show it."""
    return harmless(name, NAME_LENGTH)


def alert(code: int | None) -> str:
    """Return an alert as people know it: ``unknown_ca (48)``."""
    return "encrypted" if code is None else f"{names.alert_name(code)} ({code})"


def listed(items: Iterable[str], nothing: str = "none") -> str:
    """Return a list as text: the first ones, and how many more there are."""
    found = list(items)
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return ", ".join(found[:LISTED]) + more if found else nothing


def numbers(values: Iterable[int], name: Callable[[int], str]) -> str:
    """Return protocol numbers by their names."""
    return listed(name(value) for value in values)


def server_name(facts: TlsFacts) -> str:
    """Return the name that the client asked for, in words."""
    hello = facts.client_hello
    if hello is None or not hello.sni:
        return "no server name" if hello is None or hello.complete else "server name cut off"
    outer = " (outer name of an encrypted ClientHello)" if hello.encrypted_hello else ""
    return f"server name {shown(hello.sni)}{outer}"


def offered_versions(hello: ClientHello) -> str:
    """Return the versions of a ClientHello; without its list of them, up to which it goes."""
    if SUPPORTED_VERSIONS in hello.extensions or not hello.versions:
        return numbers(hello.versions, names.version_name)
    return f"up to {names.version_name(hello.versions[0])}"


def client_offer(facts: TlsFacts) -> str:
    """Return what the ClientHello offered: versions, name and protocols."""
    hello = facts.client_hello
    if hello is None:
        return "an unreadable ClientHello"
    cut = "" if hello.complete else ", and what the capture cut off"
    versions = offered_versions(hello)
    if not (hello.complete or hello.sni or hello.alpn or hello.versions):
        return "a ClientHello that the capture cut off"
    alpn = f"ALPN {listed(map(shown, hello.alpn))}" if hello.alpn else "no ALPN"
    return f"{versions}; {server_name(facts)}; {alpn}{cut}"


def server_answer(facts: TlsFacts) -> str:
    """Return what the server chose, as far as it can be read."""
    hello = facts.server_hello
    if hello is None:
        return "no ServerHello"
    chosen = f"{names.version_name(hello.version)}, {names.cipher_name(hello.cipher)}"
    if hello.group is not None:
        chosen += f", {names.group_name(hello.group)}"
    return f"{chosen}, {chosen_alpn(facts)}"


def chosen_alpn(facts: TlsFacts) -> str:
    """Return the protocol that the server picked, or why it is not known."""
    hello = facts.server_hello
    if hello is None:
        return "no ALPN answer"
    if hello.alpn is not None:
        return f"ALPN {shown(hello.alpn)}"
    return "no ALPN" if alpn_answer_known(facts) else "ALPN hidden by encryption"


def alpn_answer_known(facts: TlsFacts) -> bool:
    """Return whether the server's answer to ALPN was readable (TLS 1.3 encrypts it)."""
    hello = facts.server_hello
    if hello is None or not (hello.complete or hello.alpn):
        return False
    return not facts.is_tls13 or facts.key_state == "decrypted"


def date(nanoseconds: int) -> str:
    """Return a certificate's date as people write it, UTC to the second."""
    seconds = min(max(nanoseconds // SECOND, 0), LATEST)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def subject(certificate: Certificate) -> str:
    """Return whom a certificate is for: its names, or its subject."""
    if certificate.names:
        return listed(map(shown, certificate.names))
    return shown(certificate.common_name or certificate.subject or "nobody")


def issuer(certificate: Certificate) -> str:
    """Return who issued a certificate."""
    return "itself" if certificate.self_issued else shown(certificate.issuer or "nobody")
