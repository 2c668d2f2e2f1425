"""Which protocol a direction speaks, and what it switches to: a PROXY header, TLS, HTTP, others.

Each direction is read by itself, so that one alone is enough; only an answer of HTTP/1 asks what
was asked. The knowledge is that of pcapdiag/protocols/first_bytes.py and layer.py.
"""

from __future__ import annotations

from collections.abc import Callable

from pcapdiag.model.application import Protocol
from pcapdiag.protocols.first_bytes import MAX_SNIFFED
from pcapdiag.protocols.http.frames import HEADER as FRAME_HEADER
from pcapdiag.protocols.http.frames import Type
from pcapdiag.protocols.http.proxy_header import may_begin
from pcapdiag.protocols.http.sniff import PREFACE, speaks, speaks_in_the_middle
from pcapdiag.protocols.tls.numbers import HEADER
from pcapdiag.sanitize.application.http1 import Next, rewrite_http1
from pcapdiag.sanitize.application.http2 import rewrite_http2
from pcapdiag.sanitize.application.other import rewrite_other
from pcapdiag.sanitize.application.proxy_header import rewrite_proxy_header
from pcapdiag.sanitize.application.stream import Stream
from pcapdiag.sanitize.application.tls import may_be_header, rewrite_tls
from pcapdiag.sanitize.application.websocket import rewrite_websocket

MAX_SWITCHES = 64
"""Times that a direction goes over to another protocol; what comes then is overwritten."""
_LINE_ENDS = b"\r\n"
_MIN_PREFACE = 3
"""Bytes that are taken for the beginning of HTTP/2's preface."""
_MIN_PROXY = 5
"""Bytes that are taken for a PROXY header that was cut off: fewer are line ends or letters."""


def rewrite(stream: Stream, is_started: bool) -> None:
    """Rewrite one direction; ``is_started`` where its first byte was captured."""
    at: int | None = 0 if is_started else stream.captured.following(0)
    if is_started and stream.captured.following(0) != 0:
        is_started = False
        at = stream.captured.following(0)
    if at is None:
        return
    if is_started:
        at = _behind_proxy_header(stream, at)
    is_first = is_started
    for _ in range(MAX_SWITCHES):
        goes_on = _layer(stream, at, is_first)
        if goes_on is None:
            return
        at, is_first = goes_on, True
    stream.fill(at, b"\0")


def asks(stream: Stream) -> bool:
    """Return whether a direction begins like HTTP/1 requests: then it is rewritten first."""
    at = stream.captured.following(0)
    if at is None:
        return False
    data = stream.read(at, at + MAX_SNIFFED)
    return not data.lstrip(_LINE_ENDS).startswith(b"HTTP/")


def _behind_proxy_header(stream: Stream, at: int) -> int:
    data = stream.read(at, at + len(PREFACE))
    if len(data) < _MIN_PROXY or not may_begin(data):
        return at
    return rewrite_proxy_header(stream, at)


def _layer(stream: Stream, at: int, is_first: bool) -> int | None:
    """Rewrite one protocol; return where another one begins."""
    place: int | None = at
    if not is_first:
        place, protocol = _in_the_middle(stream, at)
    else:
        protocol = first_speaks(stream, at)
    if place is None:
        return rewrite_other(stream, at, is_first=False)
    if place > at:
        # What comes before the first packet that can be read is overwritten.
        stream.fill(at, b"\0")
    if protocol == "http1":
        ended = rewrite_http1(stream, place, is_first)
        if ended.next is Next.WEBSOCKET:
            rewrite_websocket(stream, ended.at)
            return None
        return None if ended.next is Next.NOTHING else ended.at
    known = _REWRITERS.get(protocol)
    if known is not None:
        known(stream, place, is_first)
        return None
    return rewrite_other(stream, place, is_first)


def first_speaks(stream: Stream, at: int) -> Protocol:
    """Return what the first bytes of a direction speak, whichever end's they are."""
    data = stream.read(at, at + MAX_SNIFFED)
    found = {speaks(data, True), speaks(data, False)} & {"tls", "http1", "http2"}
    if found:
        return found.pop() or "other"
    if may_be_header(data) and len(data) <= HEADER:
        return "tls"
    if begun_like_http(data):
        return "http1"
    is_preface = PREFACE.startswith(data) and len(data) >= _MIN_PREFACE
    return "http2" if is_preface or _is_cut_settings(data) else "other"


def _is_cut_settings(data: bytes) -> bool:
    """Return whether bytes are the beginning of an HTTP/2 server's first frame."""
    return 3 < len(data) < FRAME_HEADER and data[:2] == bytes(2) and data[3] == Type.SETTINGS


def begun_like_http(data: bytes) -> bool:
    """Return whether bytes are the beginning of a request or of an answer, cut off."""
    line = data.lstrip(_LINE_ENDS)
    return bool(line) and (
        (speaks(data, True) is None and line[:1].isalpha() and b" /" in line[:32])
        or (len(line) >= 2 and b"HTTP/".startswith(line[:5]))
    )


def _in_the_middle(stream: Stream, at: int) -> tuple[int | None, Protocol]:
    """Return the first packet from which something can be read, and what it speaks."""
    place: int | None = at
    while place is not None:
        end = stream.captured.packet_end(place)
        data = stream.read(place, end)
        for from_initiator in (True, False):
            found = speaks_in_the_middle(data, from_initiator)
            if found is not None:
                return place, found
        place = stream.captured.following(end)
    return None, "other"


_REWRITERS: dict[str, Callable[[Stream, int, bool], None]] = {
    "tls": rewrite_tls,
    "http2": rewrite_http2,
}
