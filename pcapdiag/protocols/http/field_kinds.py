"""What a field of HTTP/2 says of whether an exchange went well, by its name and value as sent.

Names and values are literal strings as header blocks have them, with their length before them
(RFC 7541 section 5.2). The rules are those by which streams are read in full (streams.py).
"""

from __future__ import annotations

from array import array
from functools import lru_cache

from hpack.exceptions import HPACKDecodingError, HPACKError
from hpack.hpack import decode_integer
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from pcapdiag.protocols.http.asked import GRPC_HEALTH
from pcapdiag.protocols.http.describe import content_length
from pcapdiag.protocols.http.grpc import outcome_of, says_grpc
from pcapdiag.protocols.http.header_block import NEW_NAME
from pcapdiag.protocols.http.heads import Fields
from pcapdiag.protocols.http.streams import broken_fields, status_of

PLAIN = 0
"""It says nothing of that."""
ODD = 1
"""It takes a reading in full."""
METHOD = 2
STATUS = 3
LENGTH = 4
TYPE = 5
GRPC_STATUS = 6
PATH = 7
AGENT = 8
KIND = 0xFF
"""Bits of a field's code that are one of these. The number behind them is a status or a length,"""
NUMBER = 8
"""from this bit on, or one of the following."""
HAS_BODY, HAS_NO_BODY = 0, 1
"""Of a method: the answer to HEAD has the length of a body, and none."""
NOT_GRPC, GRPC = 0, 1
"""Of a content-type."""

MAX_CACHED = 4_096
"""Different names, different fields with a number, and different texts that are remembered."""
_CODED = 0x80
"""Bit of a literal string's first byte: Huffman coded."""
_LONG = 0x7F
"""Value of its other bits where the length goes on behind them."""
_LONGEST = 6
"""Bytes of a length at most."""
_HEALTH = f"/{GRPC_HEALTH}/".encode()
_ASKED = (METHOD, PATH, AGENT)
_KINDS = {
    b":method": METHOD,
    b":status": STATUS,
    b"content-length": LENGTH,
    b"content-type": TYPE,
    b"grpc-status": GRPC_STATUS,
    b":path": PATH,
    b"user-agent": AGENT,
}


@lru_cache(MAX_CACHED)
def name_kind(name: bytes) -> int:
    """Return what fields of a name are."""
    try:
        return _name_kind(decoded(name))
    except HPACKError:
        return ODD


@lru_cache(MAX_CACHED)
def field_code(kind: int, value: bytes) -> int:
    """Return the code of a field whose name is of a kind: the kind, and its number behind it."""
    try:
        return _field_code(kind, decoded(value))
    except HPACKError:
        return ODD


@lru_cache(MAX_CACHED)
def decoded(literal: bytes) -> bytes:
    """Return what a literal string says; raises hpack's HPACKError where it cannot be decoded."""
    _length, begin = decode_integer(literal, 7)
    coded = literal[begin:]
    return bytes(decode_huffman(coded)) if literal[0] & _CODED else coded


def literal(text: bytes) -> bytes:
    """Return a text as a literal string that is not coded."""
    from hpack.hpack import encode_integer

    return bytes(encode_integer(len(text), 7)) + text


def _name_kind(name: bytes) -> int:
    return ODD if broken_fields([(name, b"")]) else _KINDS.get(name, PLAIN)


def _field_code(kind: int, value: bytes) -> int:
    number: int | None = 0
    if kind == METHOD:
        # CONNECT opens a tunnel.
        number = None if value in (b"", b"CONNECT") else value == b"HEAD"
    elif kind == STATUS:
        status = status_of(value)
        number = status if status is not None and 200 <= status < 400 else None
    elif kind == LENGTH:
        number = content_length([(b"content-length", value)])
    elif kind == TYPE:
        number = says_grpc(value)
    elif kind == GRPC_STATUS:
        call = outcome_of(None, {b"grpc-status": value})
        number = None if call is None or call.status else 0
    elif kind == PATH:
        # How a gRPC server is stands in the body of its answer.
        number = None if value.startswith(_HEALTH) else 0
    return ODD if number is None else kind | number << NUMBER


def asked_of(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return those of a request's fields, literal strings, that say what was asked, and by whom."""
    told = [one for one in reversed(fields) if name_kind(one[0]) in _ASKED]
    return {decoded(name): decoded(value) for name, value in told}


def literal_fields(block: bytes) -> Fields | None:
    """Return the fields of a block of which each begins with NEW_NAME; None if others do.

    Raises hpack's HPACKError where one cannot be decoded.
    """
    fields = []
    at = 0
    while at < len(block):
        if block[at] != NEW_NAME[0]:
            return None
        name_end = _string_end(block, at + 1)
        value_end = _string_end(block, name_end)
        fields.append((decoded(block[at + 1 : name_end]), decoded(block[name_end:value_end])))
        at = value_end
    return fields


def _string_end(block: bytes, at: int) -> int:
    """Return the place behind a literal string."""
    length = block[at] & _LONG if at < len(block) else _LONG
    end = at + 1 + length
    if length == _LONG:
        length, used = decode_integer(block[at : at + _LONGEST], 7)
        end = at + used + length
    if end > len(block):
        raise HPACKDecodingError("a string that is cut off")
    return end


STATIC_ENTRIES = [(b"", b"")]
STATIC_ENTRIES += [(literal(name), literal(value)) for name, value in HeaderTable.STATIC_TABLE]
"""Names and values by index (RFC 7541 appendix A), which counts from 1."""
STATIC_KINDS = array("q", [ODD, *(_name_kind(name) for name, _ in HeaderTable.STATIC_TABLE)])
STATIC_FIELDS = array(
    "q", [ODD, *(_field_code(_name_kind(name), value) for name, value in HeaderTable.STATIC_TABLE)]
)
