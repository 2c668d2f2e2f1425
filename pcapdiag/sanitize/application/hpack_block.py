"""HTTP/2 header blocks in place (RFC 7541): as long as before, and the table stays consistent.

Indices stay; each literal string becomes one with as many characters and, where it is Huffman
coded, as many bytes. So the dynamic table holds the images, with the same sizes.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pcapdiag.protocols.http.header_block import MAX_TABLE
from pcapdiag.sanitize.application.http_fields import field_name, field_value
from pcapdiag.sanitize.keyed import Keyed, blank
from pcapdiag.sanitize.renamer import Renamer

if TYPE_CHECKING:
    from hpack.huffman import HuffmanEncoder

BROKEN = b"\xff"
"""Fills what cannot be decoded: it cannot be decoded either."""
_INDEXED, _ADDED, _RESIZED, _CODED = 0x80, 0x40, 0x20, 0x80
MAX_BYTE = 0xFF
"""The code has one symbol more, its end."""
_MIN_BITS, _MAX_BITS = 5, 8
_FILLERS = {5: b"a", 6: b"r", 7: b"x", 8: b"X"}
"""Characters by the bits of their code."""
_ADDRESS = re.compile(rb"(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?")


class _Text(NamedTuple):
    """A literal string: where its characters' bytes stand, and what they say."""

    begin: int
    end: int
    is_coded: bool
    text: bytes


class HeaderBlockRewriter:
    """Follows the header compression of one direction. Once it is lost it stays lost."""

    def __init__(self, renamer: Renamer, keyed: Keyed) -> None:
        # Imported here: most captures have no HTTP/2.
        from hpack.exceptions import HPACKError
        from hpack.table import HeaderTable

        self.is_lost = False
        self.content_type = b""
        """Of the last block."""
        self.method = b""
        self.status = 0
        self._renamer = renamer
        self._keyed = keyed
        self._table = HeaderTable()
        self._errors = (HPACKError, IndexError, ValueError)

    def rewrite(self, block: bytes) -> bytes:
        """Return what a whole block becomes; zeros where it cannot be decoded any more."""
        self.content_type, self.method, self.status = b"", b"", 0
        if self.is_lost:
            return bytes(len(block))
        out = bytearray(BROKEN * len(block))
        at = 0
        while at < len(block):
            try:
                at = self._representation(block, at, out)
            except self._errors:
                self.is_lost = True
                # An index that is in no table, or a size that is not allowed, tells what is wrong.
                out[at : at + 1] = block[at : at + 1]
                break
        return bytes(out)

    def _representation(self, block: bytes, at: int, out: bytearray) -> int:
        first = block[at]
        if first & _INDEXED:
            index, end = _integer(block, at, 7)
            out[at:end] = block[at:end]
            self._note(*self._table.get_by_index(index))
            return end
        if not first & _ADDED and first & _RESIZED:
            size, end = _integer(block, at, 5)
            out[at:end] = block[at:end]
            if size > MAX_TABLE:
                raise ValueError(size)
            self._table.maxsize = size
            return end
        return self._literal(block, at, out)

    def _literal(self, block: bytes, at: int, out: bytearray) -> int:
        is_added = bool(block[at] & _ADDED)
        index, end = _integer(block, at, 6 if is_added else 4)
        out[at:end] = block[at:end]
        if index:
            name = bytes(self._table.get_by_index(index)[0])
        else:
            told = _string(block, end, out)
            name, end = told.text, told.end
            out[told.begin : told.end] = _coded(told, field_name(name, self._renamer))
        told = _string(block, end, out)
        value = told.text
        new = field_value(name.lower(), value, self._renamer, self._keyed)
        out[told.begin : told.end] = _coded(told, new)
        if is_added:
            self._table.add(name, value)
        self._note(name, value)
        return told.end

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"content-type":
            self.content_type = bytes(value)
        elif name == b":method":
            self.method = bytes(value)
        elif name == b":status" and value.isdigit():
            self.status = int(value)


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    from hpack.hpack import decode_integer

    number, used = decode_integer(block[at : at + 12], bits)
    return number, at + used


def _string(block: bytes, at: int, out: bytearray) -> _Text:
    """Read a literal string; its length is written already."""
    from hpack.huffman_table import decode_huffman

    length, begin = _integer(block, at, 7)
    out[at:begin] = block[at:begin]
    data = block[begin : begin + length]
    if len(data) < length:
        raise ValueError(length)
    is_coded = bool(block[at] & _CODED)
    text = bytes(decode_huffman(data)) if is_coded else data
    return _Text(begin, begin + length, is_coded, text)


def _coded(told: _Text, new: bytes) -> bytes:
    """Return the bytes of a new string of as many characters."""
    if not told.is_coded:
        return new
    size = told.end - told.begin
    for candidate in (new, _like_address(told.text), _even(told.text), blank(told.text)):
        coded = _encoder().encode(candidate)
        if len(coded) == size and len(candidate) == len(told.text):
            return coded
    return _by_length(told.text)


def _like_address(text: bytes) -> bytes:
    """Return an address's text with other digits of the same classes, or nothing."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return b""
    return blank(match[1]) + text[match.end(1) :]


def _even(text: bytes) -> bytes:
    """Return as many characters, as even as can be, whose codes have as many bits altogether."""
    if not text:
        return text
    bits = sum(map(_lengths().__getitem__, text))
    low, more = divmod(bits, len(text))
    if low < _MIN_BITS or low + bool(more) > _MAX_BITS:
        return b""
    return _FILLERS[low] * (len(text) - more) + _FILLERS.get(low + 1, b"") * more


def _by_length(text: bytes) -> bytes:
    """Return the code of a text in which each character became the last with as long a code."""
    last = {length: char for char, length in enumerate(_lengths()) if char <= MAX_BYTE}
    return _encoder().encode(bytes(last[_lengths()[char]] for char in text))


@cache
def _encoder() -> HuffmanEncoder:
    from hpack.huffman import HuffmanEncoder
    from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

    return HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


def _lengths() -> list[int]:
    return _encoder().huffman_code_list_lengths
