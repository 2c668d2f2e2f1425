"""Which protocol an end's first bytes speak."""

from __future__ import annotations

import re

from pcapdiag.model.application import Protocol
from pcapdiag.model.http_methods import STARTS
from pcapdiag.protocols.http.heads import TOKEN, plausible_head
from pcapdiag.protocols.tls.numbers import HEADER
from pcapdiag.protocols.tls.sniff import plausible_header, speaks_tls

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""The client connection preface (RFC 9113 section 3.4)."""
ENOUGH = 24
"""Bytes that always suffice, unless a line is still open."""
MAX_LINE = 8_192
"""Bytes within which an HTTP/1 request line must end."""
_LINE_ENDS = b"\r\n"
_REQUEST = rb"%s +[!-~\x80-\xff]+ +HTTP/1\.[01]" % TOKEN
_REQUEST_BEGUN = rb"%s(?: +[!-~\x80-\xff]*(?: +[HTP/1.]{0,8})?)?" % TOKEN
_STATUS = b"HTTP/"
_FRAME_HEADER = 9
_SETTINGS, _GOAWAY, _WINDOW_UPDATE, _PING, _RST_STREAM = 4, 7, 8, 6, 3
_FIXED_SIZES = {_RST_STREAM: 4, _PING: 8, _WINDOW_UPDATE: 4}
_CONNECTION_FRAMES = (_SETTINGS, _PING, _GOAWAY)
_LAST_TYPE = 9
_DEFAULT_FRAME_SIZE = 16_384


def speaks(data: bytes, from_initiator: bool) -> Protocol | None:
    """Return the protocol of an end's first bytes, or None while more of them are needed.

    A responder's first bytes are HTTP/2 only where they are a SETTINGS or GOAWAY frame, which is
    what RFC 9113 section 3.4 makes it begin with.
    """
    data = data.lstrip(_LINE_ENDS)
    if not data:
        return None
    if speaks_tls(data):
        return "tls"
    if len(data) <= HEADER and (data[0] in b"\x15\x16" or data[0] & 0x80):
        return None
    return _initiator_speaks(data) if from_initiator else _responder_speaks(data)


def speaks_in_the_middle(data: bytes, from_initiator: bool) -> Protocol | None:
    """Return the protocol of a packet's bytes somewhere in a connection; None where not certain."""
    if frames_begin(data):
        return "http2"
    if _records_begin(data):
        return "tls"
    return "http1" if plausible_head(data[:MAX_LINE], from_initiator) == 0 else None


def frames_begin(data: bytes) -> bool:
    """Return whether bytes can only be HTTP/2 frames: whole ones that end where the bytes end."""
    offset, known, count = 0, 0, 0
    while offset + _FRAME_HEADER <= len(data):
        length, kind, stream = _frame_header(data, offset)
        if not _is_possible(length, kind, stream):
            return False
        known += kind in _FIXED_SIZES or kind in _CONNECTION_FRAMES
        count += 1
        offset += _FRAME_HEADER + length
    return offset == len(data) and count > 0 and (known > 0 or count > 2)


def _records_begin(data: bytes) -> bool:
    """Return whether bytes can only be TLS records, the last of them perhaps cut off."""
    offset = 0
    while offset + HEADER <= len(data):
        if not plausible_header(data[offset : offset + HEADER]):
            return False
        offset += HEADER + int.from_bytes(data[offset + 3 : offset + HEADER], "big")
    return offset > 0


def _frame_header(data: bytes, offset: int) -> tuple[int, int, int]:
    length = int.from_bytes(data[offset : offset + 3], "big")
    stream = int.from_bytes(data[offset + 5 : offset + _FRAME_HEADER], "big")
    return length, data[offset + 3], stream


def _is_possible(length: int, kind: int, stream: int) -> bool:
    if kind > _LAST_TYPE or length > _DEFAULT_FRAME_SIZE or stream >> 31:
        return False
    if length != _FIXED_SIZES.get(kind, length) or (kind == _SETTINGS and length % 6):
        return False
    if kind == _WINDOW_UPDATE:
        return True
    return (kind in _CONNECTION_FRAMES) == (stream == 0)


def _initiator_speaks(data: bytes) -> Protocol | None:
    if PREFACE.startswith(data[: len(PREFACE)]):
        return "http2" if len(data) >= 16 else None
    if data.startswith(STARTS) or re.match(_REQUEST, data):
        return "http1"
    line, end, _ = data[:MAX_LINE].partition(b"\n")
    if end or len(data) >= MAX_LINE or not re.fullmatch(_REQUEST_BEGUN, line):
        return "other"
    return None


def _responder_speaks(data: bytes) -> Protocol | None:
    if _STATUS.startswith(data[: len(_STATUS)]):
        return "http1" if len(data) >= len(_STATUS) else None
    if len(data) < _FRAME_HEADER and data[0] == 0:
        return None
    if len(data) >= _FRAME_HEADER:
        length, kind, stream = _frame_header(data, 0)
        if kind in (_SETTINGS, _GOAWAY) and _is_possible(length, kind, stream):
            return "http2"
    return "other"
