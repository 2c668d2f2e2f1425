# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""HTTP/2 header blocks, read only as far as tells an exchange that went well (RFC 7541).

Most fields say nothing of that: their values are passed over, coded as they are. The dynamic table
is followed all the same. What was added to it lies here as it was sent, for whoever has to decode
the next block in full.
"""

from __future__ import annotations

from array import array

from pcapdiag.protocols.http.field_kinds import (
    GRPC_STATUS,
    KIND,
    LENGTH,
    METHOD,
    NUMBER,
    ODD,
    PLAIN,
    STATIC_ENTRIES,
    STATIC_FIELDS,
    STATIC_KINDS,
    STATUS,
    TYPE,
    field_code,
    name_kind,
)
from pcapdiag.protocols.http.header_block import NEW_NAME

MAX_ENTRIES = 128
"""Entries of a dynamic table of 4,096 bytes, of which each takes 32 at least (section 4.1)."""
ENOUGH = 2 * MAX_ENTRIES
"""Entries from which on older ones are forgotten."""
MAX_SIZE = 16_384
"""Bytes of a block that can be decoded by itself: a frame of them is always allowed."""
UNKNOWN = -1
LOST = -2
"""In place of a field's code: it cannot be told what it is, or what it does to the table."""

# Twins in C of constants that plain Python imports.
_MAX_ENTRIES = MAX_ENTRIES
_MAX_SIZE = MAX_SIZE
_ENOUGH = ENOUGH
_UNKNOWN = UNKNOWN
_LOST = LOST
_PLAIN = PLAIN
_ODD = ODD
_METHOD = METHOD
_STATUS = STATUS
_LENGTH = LENGTH
_TYPE = TYPE
_GRPC_STATUS = GRPC_STATUS
_KIND = KIND
_NUMBER = NUMBER
_STATIC = len(STATIC_ENTRIES)

Entry = tuple[bytes, bytes]
"""A field's name and value, each a literal string as it was sent."""


class FieldScan:
    """Scans the blocks of one end, whose dynamic table holds ``entries``, the oldest one first."""

    def __init__(self, entries: list[Entry]) -> None:
        self._static_fields = STATIC_FIELDS
        self._static_kinds = STATIC_KINDS
        self._codes = array("q", bytes(8 * MAX_ENTRIES))
        self._entries: list[Entry] = []
        self._added = 0
        self._known = len(entries)
        self._next = 0
        self.fields: list[Entry] = []
        """Its fields."""
        self._size = 0
        # Of the block that was scanned last; the first field of a name counts.
        self.is_odd = 0
        """It has a field that takes a reading in full."""
        self.method = UNKNOWN
        self.status = UNKNOWN
        self.length = UNKNOWN
        self.type = UNKNOWN
        self.grpc_status = UNKNOWN
        for name, value in entries:
            self._add((name, value), field_code(name_kind(name), value))

    def scan(self, data: bytes, at: int, end: int) -> int:
        """Take the block ``data[at:end]``; return 0, as if it had not come, where it cannot be."""
        self.is_odd = 0
        self.method = _UNKNOWN
        self.status = _UNKNOWN
        self.length = _UNKNOWN
        self.type = _UNKNOWN
        self.grpc_status = _UNKNOWN
        self.fields = []
        self._size = 0
        before = self._added
        while at < end:
            first = data[at]
            if first & 0x80:
                code = self._indexed(self._number(data, at, end, 0x7F))
            elif first & 0x40 or not first & 0x20:
                code = self._literal(data, at, end)
            else:
                # The table's size changes.
                code = _LOST
            at = self._next
            if code == _LOST or at < 0 or self._size > _MAX_SIZE:
                self._take_back(before)
                return 0
            if code & _KIND == _ODD:
                self.is_odd = 1
            elif code != _PLAIN:
                self._note(code & _KIND, code >> _NUMBER)
        if len(self._entries) > _ENOUGH:
            self._forget()
        return 1

    def block(self) -> bytes:
        """Return the fields of the block as one that can be decoded by itself."""
        parts = []
        for name, value in self.fields:
            parts.append(NEW_NAME)
            parts.append(name)
            parts.append(value)
        return b"".join(parts)

    def new_entries(self) -> list[Entry]:
        """Return what was scanned of what the table may hold, the oldest one first."""
        count = min(self._added - self._known, MAX_ENTRIES)
        return self._entries[len(self._entries) - count :]

    def _number(self, data: bytes, at: int, end: int, mask: int) -> int:
        """Read a number of which the first byte has the bits of ``mask`` (section 5.1).

        ``_next`` is then the place behind it, or -1 where it is cut off or too large.
        """
        number = data[at] & mask
        at += 1
        if number == mask:
            shift = 0
            more = 0x80
            while more and at < end and shift <= 21:
                more = data[at] & 0x80
                number += (data[at] & 0x7F) << shift
                shift += 7
                at += 1
            if more:
                at = -1
        self._next = at
        return number

    def _string_end(self, data: bytes, at: int, end: int) -> int:
        """Return the place behind a literal string, or -1."""
        if at < 0 or at >= end:
            return -1
        length = self._number(data, at, end, 0x7F)
        if self._next < 0 or self._next + length > end:
            return -1
        return self._next + length

    def _indexed(self, index: int) -> int:
        """Take a field that is in a table."""
        if index < _STATIC:
            self._take(STATIC_ENTRIES[index])
            return self._static_fields[index] if index > 0 else _LOST
        if not self._is_known(index):
            return _LOST
        self._take(self._entry(index))
        return self._code(index)

    def _is_known(self, index: int) -> int:
        age = index - _STATIC
        return 1 if age < _MAX_ENTRIES and age < self._added else 0

    def _code(self, index: int) -> int:
        return self._codes[(self._added - 1 - (index - _STATIC)) % _MAX_ENTRIES]

    def _entry(self, index: int) -> Entry:
        return self._entries[len(self._entries) - 1 - (index - _STATIC)]

    def _literal(self, data: bytes, at: int, end: int) -> int:
        is_added = data[at] & 0x40
        index = self._number(data, at, end, 0x3F if is_added else 0x0F)
        begin = self._next
        if index == 0:
            at = self._string_end(data, begin, end)
            if at < 0:
                return _LOST
            name = data[begin:at]
            kind = name_kind(name)
            begin = at
        elif index < _STATIC:
            name = STATIC_ENTRIES[index][0]
            kind = self._static_kinds[index]
        elif self._is_known(index):
            name = self._entry(index)[0]
            kind = self._code(index) & _KIND
        else:
            return _LOST
        at = self._string_end(data, begin, end)
        if at < 0:
            return _LOST
        self._next = at
        value = data[begin:at]
        code = kind if kind <= _ODD else field_code(kind, value)
        entry = (name, value)
        self._take(entry)
        if is_added:
            self._add(entry, code)
        return code

    def _take(self, entry: Entry) -> None:
        self.fields.append(entry)
        self._size += 1 + len(entry[0]) + len(entry[1])

    def _add(self, entry: Entry, code: int) -> None:
        self._codes[self._added % _MAX_ENTRIES] = code
        self._entries.append(entry)
        self._added += 1

    def _take_back(self, before: int) -> None:
        """Forget what a block added that could not be scanned; nothing is scanned after it."""
        added = self._added - before
        if added > 0:
            del self._entries[len(self._entries) - added :]
        self._added = before

    def _forget(self) -> None:
        """Keep of the entries only what the table may hold."""
        del self._entries[: len(self._entries) - _MAX_ENTRIES]

    def _note(self, kind: int, number: int) -> None:
        if kind == _METHOD:
            if self.method == _UNKNOWN:
                self.method = number
        elif kind == _STATUS:
            if self.status == _UNKNOWN:
                self.status = number
        elif kind == _LENGTH:
            if self.length == _UNKNOWN:
                self.length = number
        elif kind == _TYPE:
            if self.type == _UNKNOWN:
                self.type = number
        elif kind == _GRPC_STATUS:
            if self.grpc_status == _UNKNOWN:
                self.grpc_status = number
