"""Public keys and serial numbers in place (RFC 5280): others of the same kind and size."""

from __future__ import annotations

from pcapdiag.sanitize.application import der
from pcapdiag.sanitize.application.editor import Editor
from pcapdiag.sanitize.keyed import Keyed

_RSA = bytes.fromhex("2a864886f70d0101")
_RSA_LAST = (1, 7, 10)
"""rsaEncryption, RSAES-OAEP, RSASSA-PSS."""
_EC = bytes.fromhex("2a8648ce3d0201")
_CURVES = {
    bytes.fromhex("2a8648ce3d030107"): "SECP256R1",
    bytes.fromhex("2b81040022"): "SECP384R1",
    bytes.fromhex("2b81040023"): "SECP521R1",
    bytes.fromhex("2b81040021"): "SECP224R1",
    bytes.fromhex("2a8648ce3d030101"): "SECP192R1",
    bytes.fromhex("2b8104000a"): "SECP256K1",
    bytes.fromhex("2b2403030208010107"): "BrainpoolP256R1",
    bytes.fromhex("2b240303020801010b"): "BrainpoolP384R1",
    bytes.fromhex("2b240303020801010d"): "BrainpoolP512R1",
}
_COMPRESSED = (2, 3)


def rewrite_key(info: Editor, keyed: Keyed) -> None:
    """Rewrite the content of a SubjectPublicKeyInfo; its algorithm stays."""
    algorithm = der.element(info).content
    kind = der.keep_oid(algorithm)
    curve = b""
    if kind == _EC and len(algorithm):
        curve = der.keep_oid(algorithm)
    der.keep_plain(algorithm)
    key = der.element(info).content
    key.keep(1)
    if kind[:-1] == _RSA and kind[-1] in _RSA_LAST and der.is_der(key.peek()):
        _rsa(key, keyed)
    elif curve in _CURVES:
        key.replace(_point(key.peek(), _CURVES[curve], keyed))
    else:
        _other(key, keyed)


def _rsa(key: Editor, keyed: Keyed) -> None:
    numbers = der.element(key).content
    modulus = der.element(numbers).content
    old = modulus.peek()
    new = bytearray(keyed.opaque(old))
    kept = 2 if old[:1] == b"\0" else 1
    new[:kept] = old[:kept]
    if new:
        new[-1] |= 1
    modulus.replace(bytes(new))
    der.keep_plain(numbers)


def _point(old: bytes, name: str, keyed: Keyed) -> bytes:
    """Return a point of the curve, so that the key can still be loaded."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    curve = getattr(ec, name)()
    number = int.from_bytes(keyed.opaque(old, curve.key_size // 8 - 1), "big") + 1
    is_short = old[:1] and old[0] in _COMPRESSED
    form = PublicFormat.CompressedPoint if is_short else PublicFormat.UncompressedPoint
    try:
        public = ec.derive_private_key(number, curve).public_key()
        new = public.public_bytes(Encoding.X962, form)
    except UnsupportedAlgorithm:
        new = b""
    return new if len(new) == len(old) else old[:1] + keyed.opaque(old)[1:]


def _other(key: Editor, keyed: Keyed) -> None:
    """Rewrite a key of another kind; the first byte of a number, which tells its size, stays."""
    if not der.is_der(key.peek()) or key.peek(1)[0] != der.INTEGER:
        # Any 32 bytes are a key of Ed25519 or X25519 for a reader.
        key.replace(keyed.opaque(key.peek()))
        return
    number = der.element(key).content
    number.keep(min(len(number), 2))
    number.replace(keyed.opaque(number.peek()))


def serial_number(serial: bytes, keyed: Keyed) -> bytes:
    """Return what stands for a serial number: as long, positive, and in its shortest form."""
    new = bytearray(keyed.opaque(serial))
    if serial[:1] == b"\0" and len(serial) > 1:
        new[0], new[1] = 0, new[1] | 0x80
    elif new:
        new[0] = new[0] & 0x7F | 0x40
    return bytes(new)
