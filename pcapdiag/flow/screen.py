# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""A first look at HTTP/1 in the tracker: what plain Python has to explain, and what it need not.

Only the first bytes of a turn's request and answer are at hand, and the last 16 of the answer. What
cannot be told from them counts as unknown and is looked at again in plain Python. Rules: RFC 9112
section 6.
"""

from __future__ import annotations

from typing import TypeAlias

from pcapdiag.model.numbers import index_of

Head: TypeAlias = "memoryview[int]"
"""Bytes of which some are a head: the tracker's slab."""

UNKNOWN = -1
INCOMPLETE = 0
COMPLETE = 1
UNTIL_CLOSE = 2
"""The connection's end is the answer's."""

MAX_DIGITS = 18
"""A Content-Length with more digits than this is none."""
LAST_7 = 0xFFFFFFFFFFFFFF
LAST_CHUNK = 0x0D0A300D0A0D0A
"""CRLF 0 CRLF CRLF. Numbers beyond 31 bits have names with a C type, or are Python objects."""

NO_LENGTH = -1
CHUNKED = -2
CONFLICT = -3
"""Two lengths that cannot both be right, or one that is no number."""

CHECKERS = (
    b"amazon-route53-health-check",
    b"azure traffic manager",
    b"consul health check",
    b"edge health probe",
    b"elb-healthchecker/",
    b"envoy/hc",
    b"googlehc/",
    b"googlestackdrivermonitoring",
    b"kube-probe/",
    b"load balancer agent",
    b"nginx (health check)",
)
"""How user agents of health checks begin, in lower case."""
CHECK_WORDS = (
    b"health", b"ready", b"readiness", b"livez", b"liveness", b"alive", b"ping", b"status",
)  # fmt: skip
"""Words of paths that are asked for to see whether a server is well."""

# Twins in C of the constants above, which plain Python imports.
_UNKNOWN = UNKNOWN
_INCOMPLETE = INCOMPLETE
_COMPLETE = COMPLETE
_UNTIL_CLOSE = UNTIL_CLOSE
_CHECKERS = CHECKERS
_CHECK_WORDS = CHECK_WORDS


def is_request(v: Head, start: int, size: int) -> int:
    """Say whether bytes begin like an HTTP/1 request: a registered method and a blank."""
    if size < 5:
        return 0
    word = v[start] << 24 | v[start + 1] << 16 | v[start + 2] << 8 | v[start + 3]
    if word in (0x47455420, 0x50555420):  # "GET ", "PUT "
        return 1
    # The first four letters of each method in model/http_methods.py, in its order.
    return word in (
        0x48454144, 0x44454C45, 0x4F505449, 0x434F4E4E, 0x54524143, 0x504F5354, 0x50415443,
        0x50524F50, 0x4D4B434F, 0x434F5059, 0x4D4F5645, 0x4C4F434B, 0x554E4C4F, 0x41434C20,
        0x53454152, 0x51554552, 0x5245504F, 0x4D4B4341, 0x56455253, 0x43484543, 0x554E4348,
        0x55504441, 0x4C414245, 0x4D455247, 0x42415345, 0x4D4B4143, 0x4D4B574F, 0x42494E44,
        0x52454249, 0x554E4249,
    )  # fmt: skip


def is_answer(v: Head, start: int, size: int) -> int:
    """Say whether bytes begin like an HTTP/1 status line: ``HTTP/1.``."""
    if size < 12 or v[start] != 0x48 or v[start + 1] != 0x54 or v[start + 2] != 0x54:
        return 0
    return v[start + 3] == 0x50 and v[start + 4] == 0x2F and v[start + 5] == 0x31


def status(v: Head, start: int, size: int) -> int:
    """Return the status code of an answer, or -1."""
    if not is_answer(v, start, size):
        return -1
    code = 0
    for i in range(start + 9, start + 12):
        digit = v[i] - 0x30
        if digit < 0 or digit > 9:
            return -1
        code = code * 10 + digit
    return code


def is_interim(v: Head, start: int, size: int, total: int) -> int:
    """Say whether an answer of ``total`` bytes so far is no more than interim ones (1xx).

    A change of protocol is final. What was not kept of it is not looked for.
    """
    end = start + size
    at = start
    code = status(v, at, size)
    while 100 <= code < 200 and code != 101:
        at = _head_end(v, at, end - at)
        if at < 0 or at >= end or at - start >= total:
            return 1
        code = status(v, at, end - at)
    return 0


def check_kind(v: Head, start: int, size: int) -> int:
    """Return whether a request looks like a health check.

    0: no. 1: its user agent is a known one's. 2: it has no user agent (HAProxy's httpchk has none).
    3: its path has a word that checks use. Only regular times make a check of 2 and 3.
    """
    end = start + size
    line = index_of(v, 0x0A, start, end)
    if line < 0:
        line = end
    o = line
    while 0 <= o < end - 1:
        if v[o + 1] | 0x20 == 0x75 and _is_name(v, o + 1, end, b"user-agent:"):
            o += 12
            while o < end and v[o] == 0x20:
                o += 1
            for name in _CHECKERS:
                if _is_name(v, o, end, name):
                    return 1
            return 3 if _is_check_path(v, start, line) else 0
        o = index_of(v, 0x0A, o + 1, end - 1)
    return 2 if _head_end(v, start, size) > 0 else 0


def _is_check_path(v: Head, start: int, end: int) -> int:
    for o in range(start, end - 1):
        if v[o] not in (0x2F, 0x2D, 0x5F, 0x2E):  # the marks / - _ . before a word
            continue
        # The letters h, r, l, a, p, s that a word begins with: most have another.
        if v[o + 1] | 0x20 in (0x68, 0x72, 0x6C, 0x61, 0x70, 0x73):
            for word in _CHECK_WORDS:
                if _is_name(v, o + 1, end, word):
                    return 1
    return 0


def is_alarming(code: int) -> int:
    """Say whether a status asks for a look: the proxies' own, and those of a misunderstanding."""
    return code >= 500 or code in (400, 408, 413, 421, 431)


def completeness(v: Head, start: int, size: int, total: int, tail_low: int) -> int:
    """Return whether an answer of ``total`` bytes is complete, as far as its head tells.

    ``tail_low`` are its last 8 bytes. Unknown where the head is not here to its end.
    """
    end = _head_end(v, start, size)
    if end < 0:
        return _UNKNOWN
    code = status(v, start, size)
    if code < 200:
        return _UNKNOWN
    body = total - (end - start)
    if code == 204 or code == 304:
        return _COMPLETE
    length = _framing(v, start, end)
    if length == CONFLICT:
        return _UNKNOWN
    if length == CHUNKED:
        if end < start + size and not _is_hex(v[end]):
            return _UNKNOWN
        return _COMPLETE if _ends_chunks(tail_low) else _UNKNOWN
    if length < 0:
        return _UNTIL_CLOSE
    if body > length:
        return _UNKNOWN
    return _COMPLETE if body == length else _INCOMPLETE


def is_unfinished(v: Head, start: int, size: int, total: int) -> int:
    """Say whether a request of ``total`` bytes so far has a body that goes on (Content-Length)."""
    return request_length(v, start, size) > total


def request_length(v: Head, start: int, size: int) -> int:
    """Return how many bytes a request has, 0 for any GET; -1 where its head does not tell."""
    if not is_request(v, start, size):
        return -1
    if v[start] == 0x47:
        return 0
    end = _head_end(v, start, size)
    length = _framing(v, start, end) if end >= 0 else CHUNKED
    if length < 0 and length != NO_LENGTH:
        return -1
    return end - start + (length if length > 0 else 0)


def holds_another(v: Head, start: int, size: int) -> int:
    """Say whether a second request follows the first one (RFC 9112 section 9.3.2)."""
    if not is_request(v, start, size):
        return 0
    end = _head_end(v, start, size)
    if end < 0:
        return 0
    length = _framing(v, start, end)
    at = end + (length if length > 0 else 0)
    return is_request(v, at, start + size - at)


def _framing(v: Head, start: int, end: int) -> int:
    """Return the Content-Length of a head, or one of the constants where there is none."""
    length = NO_LENGTH
    chunked = 0
    o = index_of(v, 0x0A, start, end - 2)
    while o >= 0:
        first = v[o + 1] | 0x20
        if first == 0x63 and _is_name(v, o + 1, end, b"content-length:"):
            length = _number(v, o + 16, end)
            if length < 0:
                return CONFLICT
        elif first == 0x74 and _is_name(v, o + 1, end, b"transfer-encoding:"):
            chunked = 1
        o = index_of(v, 0x0A, o + 1, end - 2)
    if not chunked:
        return length
    return CHUNKED if length == NO_LENGTH else CONFLICT


def _ends_chunks(tail_low: int) -> int:
    # "0", an empty line, and the end of the line before it.
    return tail_low & LAST_7 == LAST_CHUNK


def _head_end(v: Head, start: int, size: int) -> int:
    stop = start + size - 3
    o = index_of(v, 0x0D, start, stop)
    while o >= 0:
        if v[o + 1] == 0x0A and v[o + 2] == 0x0D and v[o + 3] == 0x0A:
            return o + 4
        o = index_of(v, 0x0D, o + 1, stop)
    return -1


def _is_hex(byte: int) -> int:
    return 0x30 <= byte <= 0x39 or 0x61 <= byte | 0x20 <= 0x66


def _is_name(v: Head, o: int, end: int, name: bytes) -> int:
    count = len(name)
    if o + count > end:
        return 0
    for i in range(count):
        if (v[o + i] | 0x20) != (name[i] | 0x20):
            return 0
    return 1


def _number(v: Head, o: int, end: int) -> int:
    while o < end and v[o] == 0x20:
        o += 1
    number = 0
    digits = 0
    while o < end and 0x30 <= v[o] <= 0x39:
        number = number * 10 + v[o] - 0x30
        digits += 1
        if digits > MAX_DIGITS:
            return -1
        o += 1
    return number if digits > 0 else -1


def begins_with(v: Head, start: int, length: int, line: bytes) -> int:
    """Say whether ``length`` bytes of ``v`` begin with ``line``."""
    # Byte by byte: a slice of ``v`` would be an object of Python's with each request.
    count = len(line)
    if count > length:
        return 0
    for i in range(count):
        if v[start + i] != line[i]:
            return 0
    return 1
