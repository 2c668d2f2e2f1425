"""DER that is rewritten in place: tags and lengths stay, contents are replaced (X.690)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pcapdiag.protocols.tls.cursor import CutShortError
from pcapdiag.sanitize.application.editor import Editor

BOOLEAN, INTEGER, BIT_STRING, NULL, OID, ENUMERATED = 1, 2, 3, 5, 6, 10
UTF8, NUMERIC, PRINTABLE, TELETEX, IA5, VISIBLE, UNIVERSAL, BMP = 12, 18, 19, 20, 22, 26, 28, 30
TEXTS = frozenset({UTF8, NUMERIC, PRINTABLE, TELETEX, IA5, VISIBLE, UNIVERSAL, BMP, 21, 25, 27})
CONSTRUCTED = 0x20
CONTEXT = 0x80
MAX_DEPTH = 16
MAX_PLAIN, MAX_SMALL = 24, 2
"""Bytes of an OID, and of a number, that are kept."""
_CLASS, _APPLICATION = 0xC0, 0x40
"""Of no certificate; letters would be tags of this class."""
_TIME = re.compile(rb"[0-9]{10,14}Z")
_TEXT = re.compile(rb"[ -~]{4}")
"""No OID has so many printable bytes in a row: what has them is text."""


class Element(NamedTuple):
    """A tag and its content."""

    tag: int
    content: Editor


def element(editor: Editor) -> Element:
    """Keep the tag and length that come next; raises CutShortError where none is."""
    tag = editor.number(1)
    length = editor.number(1)
    if length == 0x80 or length > 0x84 or tag & 0x1F == 0x1F or tag & _CLASS == _APPLICATION:
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
        elif is_plain(each.content.peek()):
            each.content.keep()


def is_plain(data: bytes) -> bool:
    """Return whether bytes are no text and no more than a number, an OID or a time."""
    if len(data) <= MAX_SMALL or is_time(data):
        return True
    return len(data) <= MAX_PLAIN and not _TEXT.search(data)


def is_time(data: bytes) -> bool:
    """Return whether bytes are a time as certificates have it."""
    return _TIME.fullmatch(data) is not None


def keep_oid(editor: Editor) -> bytes:
    """Keep the OID that comes next and return it; what is none is overwritten."""
    content = element(editor).content
    oid = content.peek()
    if is_plain(oid):
        content.keep()
    return oid


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
