"""DER that is rewritten in place: tags and lengths stay, contents are replaced (X.690)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pcapdiag.protocols.tls.cursor import CutShortError
from pcapdiag.sanitize.application.editor import Editor

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, ENUMERATED = 1, 2, 3, 4, 5, 6, 10
SEQUENCE, SET = 0x30, 0x31
UTC_TIME, GENERALIZED_TIME = 23, 24
UTF8, NUMERIC, PRINTABLE, TELETEX, IA5, VISIBLE, UNIVERSAL, BMP = 12, 18, 19, 20, 22, 26, 28, 30
TEXTS = frozenset({UTF8, NUMERIC, PRINTABLE, TELETEX, IA5, VISIBLE, UNIVERSAL, BMP, 21, 25, 27})
CONSTRUCTED = 0x20
CONTEXT = 0x80
MAX_DEPTH = 16
MAX_PLAIN, MAX_SMALL = 24, 4
"""Bytes of an OID or a time, and of a number, that are kept."""


class Element(NamedTuple):
    """A tag and its content."""

    tag: int
    content: Editor


def element(editor: Editor) -> Element:
    """Keep the tag and length that come next; raises CutShortError where none is."""
    tag = editor.number(1)
    length = editor.number(1)
    if length == 0x80 or length > 0x84 or tag & 0x1F == 0x1F:
        raise CutShortError
    if length > 0x80:
        length = editor.number(length & 0x7F)
    return Element(tag, editor.part(length))


def elements(editor: Editor) -> Iterator[Element]:
    """Yield the elements of a constructed one."""
    while len(editor):
        yield element(editor)


def keep_plain(editor: Editor, depth: int = 0) -> None:
    """Keep what identifies nobody: OIDs, times, truths and small numbers; overwrite all else."""
    for each in elements(editor):
        if each.tag & CONSTRUCTED and depth < MAX_DEPTH:
            keep_plain(each.content, depth + 1)
        elif each.tag in (OID, UTC_TIME, GENERALIZED_TIME) and len(each.content) <= MAX_PLAIN:
            each.content.keep()
        elif len(each.content) <= MAX_SMALL:
            each.content.keep()


def is_der(data: bytes) -> bool:
    """Return whether bytes are one whole element and nothing else."""
    probe = Editor(data)
    try:
        content = element(probe).content
    except CutShortError:
        return False
    return not len(probe) and data[1:2] != b"" and _size(data) == len(data) and len(content) >= 0


def _size(data: bytes) -> int:
    length = data[1]
    if length < 0x80:
        return 2 + length
    size = length & 0x7F
    return 2 + size + int.from_bytes(data[2 : 2 + size], "big")
