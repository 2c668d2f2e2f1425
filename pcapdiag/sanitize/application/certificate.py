"""Certificates in place (RFC 5280): dates, structure and kinds of keys stay, no name does.

Serial numbers, keys, key identifiers and signatures are overwritten, the same ones with the same
bytes, so that a certificate can still be loaded and a chain still fits together.
"""

from __future__ import annotations

from pcapdiag.protocols.tls.cursor import CutShortError
from pcapdiag.sanitize.application import der
from pcapdiag.sanitize.application.certificate_extension import ExtensionRewriter
from pcapdiag.sanitize.application.distinguished_name import rewrite_name
from pcapdiag.sanitize.application.editor import Editor
from pcapdiag.sanitize.application.public_key import rewrite_key, serial_number
from pcapdiag.sanitize.keyed import Keyed
from pcapdiag.sanitize.renamer import Renamer

_VERSION, _ISSUER_ID, _SUBJECT_ID, _EXTENSIONS = 0xA0, 0x81, 0x82, 0xA3


def rewrite_certificate(body: Editor, renamer: Renamer, keyed: Keyed) -> None:
    """Rewrite a certificate, or the beginning of one."""
    try:
        outer = der.element(body).content
        _to_be_signed(der.element(outer).content, renamer, keyed)
        der.keep_plain(der.element(outer).content)
        signature = der.element(outer).content
        signature.keep(1)
        signature.replace(keyed.opaque(signature.peek()))
    except CutShortError:
        return


def rewrite_names(names: Editor, renamer: Renamer) -> None:
    """Rewrite a list of distinguished names, each behind its length of two bytes."""
    try:
        while len(names):
            rewrite_name(der.element(names.vector(2)).content, renamer)
    except CutShortError:
        return


def _to_be_signed(body: Editor, renamer: Renamer, keyed: Keyed) -> None:
    first = der.element(body)
    if first.tag == _VERSION:
        der.keep_plain(first.content)
        first = der.element(body)
    first.content.replace(serial_number(first.content.peek(), keyed))
    der.keep_plain(der.element(body).content)
    rewrite_name(der.element(body).content, renamer)
    der.keep_plain(der.element(body).content)
    rewrite_name(der.element(body).content, renamer)
    rewrite_key(der.element(body).content, keyed)
    for rest in der.elements(body):
        if rest.tag in (_ISSUER_ID, _SUBJECT_ID):
            rest.content.keep(1)
            rest.content.replace(keyed.opaque(rest.content.peek()))
        elif rest.tag == _EXTENSIONS:
            extensions = ExtensionRewriter(renamer, keyed)
            for each in der.elements(der.element(rest.content).content):
                extensions.rewrite(each.content)
