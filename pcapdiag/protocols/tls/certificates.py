"""Certificates of a Certificate message, read through ``cryptography`` when somebody asks for them.

RFC 5246 section 7.4.2, RFC 8446 section 4.4.2, RFC 5280. A certificate that it refuses is a fact.
"""

from __future__ import annotations

import warnings
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from pcapdiag.model.tls import Certificate, CertificateFlight
from pcapdiag.model.units import SECOND
from pcapdiag.protocols.tls.cursor import Cursor, CutShortError
from pcapdiag.protocols.tls.handshake import HandshakeMessage
from pcapdiag.protocols.tls.limits import MAX_CERTIFICATE_NAMES, MAX_CERTIFICATES, MAX_TEXT

if TYPE_CHECKING:
    from cryptography import x509

LATEST = (1 << 63) - 1
"""Later dates (31 December 9999 stands for "never", RFC 5280 section 4.1.2.5) are cut to this."""
MAX_NAME = 4 * MAX_TEXT
"""Characters of a distinguished name that are kept."""
CACHED = 256
"""Certificates kept after they were read: the connections of a server show the same ones."""
STATUS_REQUEST = 5
"""Extension of a certificate in TLS 1.3 that holds its OCSP response (RFC 8446 section 4.4.2.1)."""
CUT = "the capture does not hold all of it"
_PURPOSES = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "2.5.29.37.0": "anyExtendedKeyUsage",
}


def read_certificates(message: HandshakeMessage, is_tls13: bool) -> CertificateFlight:
    """Take a Certificate message apart; TLS 1.3 adds a context and extensions per certificate."""
    found: list[bytes] = []
    cut = stapled = False
    try:
        cursor = Cursor(message.body)
        if is_tls13:
            cursor.vector(1)
        length = cursor.number(3)
        block = cursor.rest()[:length]
        cursor = Cursor(block)
        cut = len(block) < length
        while cursor:
            found.append(cursor.vector(3))
            if is_tls13:
                stapled = _has_status(cursor.vector(2)) or stapled
    except CutShortError:
        cut = True
    certificates: list[Certificate | bytes] = list(found[:MAX_CERTIFICATES])
    if cut and len(certificates) < MAX_CERTIFICATES:
        certificates.append(Certificate(problem=CUT))
    return CertificateFlight(
        frame=message.frame,
        time=message.time,
        certificates=tuple(certificates),
        left_out=max(len(found) - MAX_CERTIFICATES, 0),
        stapled=stapled,
    )


def _has_status(extensions: bytes) -> bool:
    cursor = Cursor(extensions)
    while cursor:
        if cursor.number(2) == STATUS_REQUEST:
            return True
        cursor.vector(2)
    return False


def certificates_in(flight: CertificateFlight | None) -> tuple[Certificate, ...]:
    """Return a flight's certificates, in the order sent."""
    every = flight.certificates if flight is not None else ()
    return tuple(read_certificate(one) if isinstance(one, bytes) else one for one in every)


@lru_cache(CACHED)
def read_certificate(der: bytes) -> Certificate:
    """Read one certificate; what cannot be read says why in ``problem``."""
    # Imported here: it is heavy, and most captures have no certificate that matters.
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    refusals = (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    )
    try:
        with warnings.catch_warnings():
            # It warns of what strangers' certificates do wrong and is read all the same.
            warnings.simplefilter("ignore")
            return _facts(x509.load_der_x509_certificate(der))
    except refusals as error:
        return Certificate(problem=str(error)[:MAX_TEXT] or type(error).__name__)


def _facts(certificate: x509.Certificate) -> Certificate:
    from cryptography.x509.oid import NameOID

    subject, issuer = certificate.subject, certificate.issuer
    common = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Certificate(
        subject=subject.rfc4514_string()[:MAX_NAME],
        issuer=issuer.rfc4514_string()[:MAX_NAME],
        names=_names(certificate),
        common_name=_text(common[-1].value) if common else "",
        not_before=_nanoseconds(certificate.not_valid_before_utc),
        not_after=_nanoseconds(certificate.not_valid_after_utc),
        key=_key(certificate),
        signature=_signature(certificate),
        self_issued=subject == issuer,
        purposes=_purposes(certificate),
        must_staple=_must_staple(certificate),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        kind = x509.SubjectAlternativeName
        alternatives = certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return ()
    hosts = alternatives.get_values_for_type(x509.DNSName)
    addresses = alternatives.get_values_for_type(x509.IPAddress)
    every = [*(_text(host) for host in hosts), *(str(address) for address in addresses)]
    return tuple(every[:MAX_CERTIFICATE_NAMES])


def _purposes(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return ()
    dotted = [purpose.dotted_string for purpose in usage.value]
    return tuple(_PURPOSES.get(each, each) for each in dotted[:MAX_CERTIFICATE_NAMES])


def _must_staple(certificate: x509.Certificate) -> bool:
    from cryptography import x509

    try:
        features = certificate.extensions.get_extension_for_class(x509.TLSFeature)
    except x509.ExtensionNotFound:
        return False
    return x509.TLSFeatureType.status_request in features.value


def _key(certificate: x509.Certificate) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        # A key of a kind, or on a curve, that is not known here: the rest can still be read.
        return certificate.public_key_algorithm_oid.dotted_string
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}"
    return type(key).__name__.removesuffix("PublicKey")


def _signature(certificate: x509.Certificate) -> str:
    oid = certificate.signature_algorithm_oid
    name = oid._name
    return oid.dotted_string if name == "Unknown OID" else name


def _nanoseconds(moment: datetime) -> int:
    return min(int(moment.timestamp()) * SECOND, LATEST)


def _text(value: str | bytes) -> str:
    text = value if isinstance(value, str) else value.decode("ascii", "backslashreplace")
    return text[:MAX_TEXT]
