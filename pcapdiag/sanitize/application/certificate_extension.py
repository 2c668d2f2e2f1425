"""Extensions of certificates in place (RFC 5280 section 4.2).

What says for which use a certificate is stays; names are renamed, identifiers overwritten. An
extension that is not known keeps its OID; texts in it are renamed and its bytes overwritten.
"""

from __future__ import annotations

from pcapdiag.protocols.tls.cursor import CutShortError
from pcapdiag.sanitize.application import der
from pcapdiag.sanitize.application.distinguished_name import (
    rewrite_general_name,
    rewrite_general_names,
    rewrite_relative_name,
    text,
    words,
)
from pcapdiag.sanitize.application.editor import Editor
from pcapdiag.sanitize.application.public_key import serial_number
from pcapdiag.sanitize.keyed import Keyed
from pcapdiag.sanitize.renamer import Renamer

_SUBJECT_KEY, _KEY_USAGE, _SUBJECT_NAMES, _ISSUER_NAMES, _BASIC, _NAME_CONSTRAINTS = (
    *(b"\x55\x1d\x0e", b"\x55\x1d\x0f", b"\x55\x1d\x11", b"\x55\x1d\x12", b"\x55\x1d\x13"),
    b"\x55\x1d\x1e",
)
_CRL_POINTS, _POLICIES, _POLICY_MAPPINGS, _AUTHORITY_KEY, _POLICY_CONSTRAINTS = (
    *(b"\x55\x1d\x1f", b"\x55\x1d\x20", b"\x55\x1d\x21", b"\x55\x1d\x23", b"\x55\x1d\x24"),
)
_EXTENDED_USAGE, _FRESHEST_CRL, _INHIBIT_ANY = b"\x55\x1d\x25", b"\x55\x1d\x2e", b"\x55\x1d\x36"
_AUTHORITY_ACCESS, _SUBJECT_ACCESS, _FEATURE = (
    *(b"\x2b\x06\x01\x05\x05\x07\x01\x01", b"\x2b\x06\x01\x05\x05\x07\x01\x0b"),
    b"\x2b\x06\x01\x05\x05\x07\x01\x18",
)
_SIGNED_TIMESTAMPS = bytes.fromhex("2b06010401d679020402")
_POISON = bytes.fromhex("2b06010401d679020403")
_NETSCAPE_TYPE = bytes.fromhex("6086480186f8420101")
_KEPT = frozenset(
    {
        *(_KEY_USAGE, _BASIC, _POLICY_CONSTRAINTS, _INHIBIT_ANY, _FEATURE, _POISON),
        _NETSCAPE_TYPE,
    }
)
_ENTERPRISE = bytes.fromhex("2b06010401")
"""1.3.6.1.4.1: what follows is the number of an organisation."""
_EVERYBODYS = tuple(
    bytes.fromhex(f"2b06010401{rest}")
    for rest in ("d6790204", "82370a03", "82371402", "82371501", "82371502", "82371507", "8237150a")
)
"""Certificate transparency's, and those of Microsoft's that are the same at every customer."""
_LOG_ID, _TIMESTAMP = 32, 8
_POINT, _RELATIVE_NAME, _CRL_ISSUER = 0xA0, 0xA1, 0xA2
_KEY_ID, _AUTHORITY_ISSUER, _AUTHORITY_SERIAL = 0x80, 0xA1, 0x82


class ExtensionRewriter:
    """Rewrites extensions one after the other."""

    def __init__(self, renamer: Renamer, keyed: Keyed) -> None:
        self._renamer = renamer
        self._keyed = keyed

    def rewrite(self, extension: Editor) -> None:
        """Rewrite the content of an Extension: its OID, whether it is critical, its value."""
        identifier = der.element(extension).content
        kind = identifier.peek()
        identifier.replace(self._oid(kind))
        value = der.element(extension)
        if value.tag == der.BOOLEAN:
            value.content.keep()
            value = der.element(extension)
        try:
            self._value(kind, value.content)
        except CutShortError:
            return

    def _value(self, kind: bytes, value: Editor) -> None:
        if kind in _KEPT and der.is_plain(value.peek()):
            value.keep()
        elif kind in (_SUBJECT_NAMES, _ISSUER_NAMES):
            rewrite_general_names(der.element(value).content, self._renamer)
        elif kind == _SUBJECT_KEY:
            self._identifier(der.element(value).content)
        elif kind == _AUTHORITY_KEY:
            self._authority_key(der.element(value).content)
        elif kind in (_CRL_POINTS, _FRESHEST_CRL):
            self._distribution_points(der.element(value).content)
        elif kind in (_AUTHORITY_ACCESS, _SUBJECT_ACCESS):
            self._access(der.element(value).content)
        elif kind == _NAME_CONSTRAINTS:
            self._constraints(der.element(value).content)
        elif kind == _SIGNED_TIMESTAMPS:
            self._timestamps(der.element(value).content)
        elif kind in (_EXTENDED_USAGE, _POLICIES, _POLICY_MAPPINGS) or der.is_der(value.peek()):
            self._anything(value, 0)

    def _identifier(self, content: Editor) -> None:
        content.replace(self._keyed.opaque(content.peek()))

    def _authority_key(self, body: Editor) -> None:
        for part in der.elements(body):
            if part.tag == _AUTHORITY_ISSUER:
                rewrite_general_names(part.content, self._renamer)
            elif part.tag == _AUTHORITY_SERIAL:
                part.content.replace(serial_number(part.content.peek(), self._keyed))
            elif part.tag == _KEY_ID:
                self._identifier(part.content)

    def _distribution_points(self, body: Editor) -> None:
        for point in der.elements(body):
            for part in der.elements(point.content):
                if part.tag == _POINT:
                    name = der.element(part.content)
                    if name.tag == _RELATIVE_NAME:
                        rewrite_relative_name(name.content, self._renamer)
                    else:
                        rewrite_general_names(name.content, self._renamer)
                elif part.tag == _CRL_ISSUER:
                    rewrite_general_names(part.content, self._renamer)
                elif der.is_plain(part.content.peek()):
                    part.content.keep()

    def _access(self, body: Editor) -> None:
        for description in der.elements(body):
            der.keep_oid(description.content)
            rewrite_general_name(der.element(description.content), self._renamer)

    def _constraints(self, body: Editor) -> None:
        for trees in der.elements(body):
            for tree in der.elements(trees.content):
                rewrite_general_name(der.element(tree.content), self._renamer)
                der.keep_plain(tree.content)

    def _timestamps(self, body: Editor) -> None:
        """Rewrite signed certificate timestamps (RFC 6962 section 3.2): logs and times go."""
        every = body.vector(2)
        while len(every):
            one = every.vector(2)
            one.keep(1)
            one.replace(self._keyed.opaque(one.peek(_LOG_ID)))
            one.skip(_TIMESTAMP)
            one.vector(2).skip()
            one.keep(2)
            self._identifier(one.vector(2))

    def _anything(self, body: Editor, depth: int) -> None:
        for each in der.elements(body):
            content = each.content
            if each.tag & der.CONSTRUCTED and depth < der.MAX_DEPTH:
                self._anything(content, depth + 1)
            elif each.tag in der.TEXTS:
                text(each, self._renamer)
            elif each.tag == der.OID:
                content.replace(self._oid(content.peek()))
            elif each.tag in (der.BOOLEAN, der.NULL, der.INTEGER, der.ENUMERATED):
                content.keep() if len(content) <= 2 else self._identifier(content)
            elif each.tag == der.BIT_STRING:
                content.keep(1)
                self._identifier(content)
            elif der.is_time(content.peek()):
                content.keep()
            elif each.tag & 0xC0 == der.CONTEXT and _is_text(content.peek()):
                content.replace(words(content.peek(), self._renamer))
            else:
                self._identifier(content)

    def _oid(self, oid: bytes) -> bytes:
        """Return an OID; the number of an organisation, and what follows, become others."""
        if not der.is_plain(oid):
            return bytes(len(oid))
        if not oid.startswith(_ENTERPRISE) or oid.startswith(_EVERYBODYS):
            return oid
        rest = oid[len(_ENTERPRISE) :]
        other = self._keyed.opaque(rest)
        new = (old & 0x80 | byte & 0x3F | 1 for old, byte in zip(rest, other, strict=True))
        return _ENTERPRISE + bytes(new)


def _is_text(data: bytes) -> bool:
    return bool(data) and all(0x20 <= byte < 0x7F for byte in data)
