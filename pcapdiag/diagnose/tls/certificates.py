"""What a certificate says against the name asked for and the time of the capture.

The chain is not verified: which authorities the other end trusts is nowhere in a capture.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pcapdiag.diagnose.tls.words import date
from pcapdiag.model.tls import Certificate, CertificateFlight, TlsFacts
from pcapdiag.protocols.tls.certificates import certificates_in, read_certificate

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

Fits = Literal["yes", "no", "unknown"]
MESH_NAMES = ("outbound_.", "inbound_.")
"""How Istio's server names begin."""
SHORTEST_RSA = 2048
OLD_SIGNATURES = ("md5", "sha1", "ecdsa-with-sha1", "dsa-with-sha1")
"""How the names of signature algorithms with a broken hash begin."""
CERTIFICATE_STATUS = 22
"""Handshake message of TLS 1.2 with an OCSP response (RFC 6066 section 8)."""
INSPECTION = (
    "zscaler", "palo alto", "fortinet", "fortigate", "netskope", "cisco umbrella", "blue coat",
    "bluecoat", "forcepoint", "websense", "sophos", "check point", "checkpoint", "barracuda",
    "mcafee web gateway", "skyhigh", "watchguard", "sonicwall", "squid", "mitmproxy", "portswigger",
    "ssl inspection", "tls inspection", "ssl decryption", "decryption trust", "iboss", "smoothwall",
    "cloudflare for teams", "lightspeed", "contentkeeper", "untangle", "menlo security",
)  # fmt: skip
"""Names in issuers of devices and programs that decrypt TLS on the way."""


def leaf(flight: CertificateFlight | None) -> Certificate | None:
    """Return the first certificate of a flight where it could be read."""
    return next(iter(readable(flight.certificates[:1])), None) if flight is not None else None


def readable(certificates: Iterable[Certificate | bytes]) -> list[Certificate]:
    """Return those certificates that can be read."""
    every = (read_certificate(one) if isinstance(one, bytes) else one for one in certificates)
    return [one for one in every if not one.problem]


def judged_leaf(facts: TlsFacts, by_initiator: bool) -> Certificate | None:
    """Return the certificate that an end had to judge: the other end's."""
    return leaf(facts.server_certificates if by_initiator else facts.client_certificates)


def fits_name(certificate: Certificate, facts: TlsFacts) -> Fits:
    """Return whether a server's certificate is for the name in the ClientHello.

    Without a server name, or with an encrypted one, the name that was meant is not known. In a mesh
    certificates hold identities (SPIFFE) and server names are routes: they are not compared.
    """
    hello = facts.client_hello
    if hello is None or not hello.sni or hello.encrypted_hello:
        return "unknown"
    named = certificate.names or certificate.common_name
    if not named or hello.sni.startswith(MESH_NAMES):
        return "unknown"
    return "yes" if matches(certificate, hello.sni) else "no"


def lacks_address(facts: TlsFacts | None, address: str) -> Certificate | None:
    """Return the server's certificate where it is not for the address of a client without SNI.

    Who was given an address sends no server name (RFC 6066 section 3), and checks the address.
    """
    hello = facts.client_hello if facts is not None else None
    told = leaf(facts.server_certificates) if facts is not None else None
    if hello is None or hello.sni or hello.encrypted_hello or told is None:
        return None
    return None if matches(told, address) else told


def matches(certificate: Certificate, host: str) -> bool:
    """Return whether a certificate is for a host (RFC 6125 section 6.4, RFC 9525 section 6.3).

    The common name counts only where there is no subjectAltName at all, as older clients do.
    """
    wanted = host.rstrip(".").lower()
    address = _address(wanted)
    names = certificate.names or ((certificate.common_name,) if certificate.common_name else ())
    if address is not None:
        return any(_address(name) == address for name in names)
    return any(_same_name(name.lower(), _ascii(wanted)) for name in names)


def by_common_name(certificate: Certificate) -> bool:
    """Return whether only the subject's common name says whom a certificate is for."""
    return not certificate.names and bool(certificate.common_name)


def _same_name(pattern: str, host: str) -> bool:
    pattern = _ascii(pattern.rstrip("."))
    if not pattern.startswith("*."):
        return "*" not in pattern and pattern == host
    first, dot, rest = host.partition(".")
    parent = pattern[2:]
    return bool(first and dot) and "." in parent and "*" not in parent and rest == parent


def _ascii(name: str) -> str:
    """Return a name with its labels as IDNA A-labels (RFC 5890), or as it is where that fails."""
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _address(text: str) -> IPv4Address | IPv6Address | None:
    import ipaddress  # Only here: many captures have no certificate that is looked into.

    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def out_of_date(certificate: Certificate, time: int) -> str:
    """Return in words how a certificate's dates exclude ``time`` (ns); empty where they do not."""
    begins, ends = certificate.not_before, certificate.not_after
    if ends and time > ends:
        return f"it ended {date(ends)}, and the capture's clock says {date(time)}"
    if begins and time < begins:
        return f"it begins {date(begins)}, and the capture's clock says {date(time)}"
    return ""


def wrong_purpose(certificate: Certificate, of_server: bool) -> bool:
    """Return whether its extendedKeyUsage does not allow what it was used for (RFC 5280 4.2.1.12).

    ``anyExtendedKeyUsage`` allows everything.
    """
    needed = "serverAuth" if of_server else "clientAuth"
    allowed = (needed, "anyExtendedKeyUsage", "2.5.29.37.0")
    return bool(certificate.purposes) and not any(p in allowed for p in certificate.purposes)


def defects(facts: TlsFacts, of_server: bool) -> tuple[str, ...]:
    """Return in words what a certificate that could be read shows against itself.

    OpenSSL 3 at its default security level refuses keys under 112 bits of security, and from level
    1 on SHA-1 (SSL_CTX_set_security_level(3)); Java, browsers and GnuTLS do so, too.
    """
    flight = facts.server_certificates if of_server else facts.client_certificates
    first, every = leaf(flight), certificates_in(flight)
    if first is None:
        return ()
    found = []
    if wrong_purpose(first, of_server):
        found.append(f"It is for {', '.join(first.purposes)} only.")
    weak = next((one.key for one in every if _is_short(one.key)), "")
    if weak:
        found.append(f"Its chain has a key ({weak}) under the 2,048 bits that many ask for.")
    old = next((one.signature for one in every if not one.self_issued and _is_old(one)), "")
    if old:
        found.append(f"Its chain is signed with {old}, which many refuse.")
    if of_server and first.must_staple and not _stapled(facts):
        found.append("It demands a stapled OCSP response (RFC 7633), and none came with it.")
    return tuple(found)


def _is_short(key: str) -> bool:
    kind, _, bits = key.partition(" ")
    return kind in ("RSA", "DSA") and bits.isdigit() and int(bits) < SHORTEST_RSA


def _is_old(certificate: Certificate) -> bool:
    return certificate.signature.lower().startswith(OLD_SIGNATURES)


def _stapled(facts: TlsFacts) -> bool:
    flight = facts.server_certificates
    by_message = any(m.type == CERTIFICATE_STATUS for m in facts.messages if not m.from_initiator)
    return by_message or (flight is not None and flight.stapled)


def inspection_issuer(flight: CertificateFlight | None) -> str:
    """Return the issuer of a flight that names a TLS inspection product, or an empty text."""
    for certificate in certificates_in(flight):
        lower = certificate.issuer.lower()
        if any(vendor in lower for vendor in INSPECTION):
            return certificate.issuer
    return ""
