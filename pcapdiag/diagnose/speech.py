"""What the first bytes of an end are: TLS, HTTP/1, HTTP/2, text, behind a PROXY header or not.

A few bytes tell, for all of these begin with fixed ones (RFC 8446 section 5.1, RFC 9112 section
2.1, RFC 9113 section 3.4, HAProxy's proxy-protocol.txt section 2). Where two ends do not speak the
same, the first bytes of both are all that there is.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from pcapdiag.diagnose.completeness import HTTP1
from pcapdiag.diagnose.goodbye import H2_PREFACE
from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.harmless import is_text
from pcapdiag.model.http_methods import STARTS
from pcapdiag.model.once import once
from pcapdiag.model.packet import PacketFact, seq_after, seq_distance
from pcapdiag.model.story import Story
from pcapdiag.protocols.tls.numbers import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    CLIENT_HELLO,
    HANDSHAKE,
)

PROXY_V1, PROXY_V2 = b"PROXY ", b"\r\n\r\n\x00\r\nQUIT\n"
PROXY_V1_LONGEST = 107
PROXY_V2_HEADER = 16
OPENERS = (H2_PREFACE, PROXY_V1, PROXY_V2)
"""What a connection begins with, and nothing else does (RFC 9113 3.4, proxy-protocol.txt 2)."""
H2_SETTINGS, H2_GOAWAY = 4, 7
H2_FRAME_HEADER = 9
H2_FIRST_LONGEST = 256
"""A first SETTINGS frame is a few parameters of 6 bytes, a GOAWAY a code and some text."""
HTML = (b"<!doctype html", b"<html", b"<head", b"<?xml")
BANNERS = (
    (b"SSH-", "SSH"),
    (b"220", "a mail or FTP server's greeting"),
    (b"+OK", "a POP3 or Redis answer"),
    (b"* OK", "IMAP"),
    (b"-ERR", "a Redis or POP3 error"),
    (b"HTTP/", "HTTP"),
)


class Said(Enum):
    """What some first bytes are, in words."""

    NOTHING = "nothing"
    TLS_HELLO = "a TLS ClientHello"
    TLS_ALERT = "a TLS alert"
    TLS = "TLS"
    HTTP1_REQUEST = "an HTTP/1 request"
    HTTP1_RESPONSE = "an HTTP/1 response"
    H2_PREFACE = "an HTTP/2 preface"
    H2_FRAMES = "HTTP/2 frames"
    HTML = "a bare HTML page, without a status line"
    TEXT = "plain text"
    OTHER = "bytes of another protocol"


class Opening(msgspec.Struct, frozen=True):
    """The initiator's first bytes, without the PROXY header that may stand before them."""

    said: Said
    data: bytes
    proxy_version: int = 0
    """1 or 2; 0 without a header."""
    cut: bool = False
    """The bytes kept end within the header."""


def said(data: bytes) -> Said:
    """Return what an end's first bytes are; no bytes are allowed."""
    if not data:
        return Said.NOTHING
    tls = _tls(data)
    if tls is not None:
        return tls
    if data.startswith(H2_PREFACE):
        return Said.H2_PREFACE
    if data.startswith(STARTS):
        return Said.HTTP1_REQUEST
    if data.startswith((HTTP1, b"HTTP/2")):
        return Said.HTTP1_RESPONSE
    if is_h2_frame(data):
        return Said.H2_FRAMES
    if data[:16].lower().startswith(HTML):
        return Said.HTML
    return Said.TEXT if is_text(data[:64]) else Said.OTHER


def _tls(data: bytes) -> Said | None:
    if len(data) < 3 or data[1] != 3 or data[2] > 4:
        return None
    if data[0] == ALERT:
        return Said.TLS_ALERT
    if data[0] == HANDSHAKE:
        hello = len(data) < 6 or data[5] == CLIENT_HELLO
        return Said.TLS_HELLO if hello else Said.TLS
    return Said.TLS if data[0] in (CHANGE_CIPHER_SPEC, APPLICATION_DATA) else None


def is_h2_frame(data: bytes) -> bool:
    """Return whether bytes begin with a SETTINGS or GOAWAY frame on stream 0 (RFC 9113 4.1)."""
    if len(data) < H2_FRAME_HEADER:
        return False
    length = int.from_bytes(data[:3], "big")
    kind, stream = data[3], int.from_bytes(data[5:9], "big")
    settings = kind == H2_SETTINGS and length % 6 == 0 and data[4] in (0, 1)
    goaway = kind == H2_GOAWAY and length >= 8
    return stream == 0 and length <= H2_FIRST_LONGEST and (settings or goaway)


def refuses_by_goaway(data: bytes) -> bool:
    """Return whether HTTP/2 frames that an end began with hold a GOAWAY with an error."""
    at = 0
    while at + H2_FRAME_HEADER + 8 <= len(data):
        length = int.from_bytes(data[at : at + 3], "big")
        error = data[at + H2_FRAME_HEADER + 4 : at + H2_FRAME_HEADER + 8]
        if data[at + 3] == H2_GOAWAY and length >= 8:
            return error != bytes(4)
        at += H2_FRAME_HEADER + length
    return False


@once
def opening(story: Story) -> Opening:
    """Return the initiator's first bytes behind a PROXY header."""
    data = story.hello_initiator
    if data.startswith(PROXY_V1):
        end = data.find(b"\r\n", 0, PROXY_V1_LONGEST)
        rest = data[end + 2 :] if end >= 0 else b""
        return Opening(said(rest), rest, 1, cut=end < 0)
    if data.startswith(PROXY_V2) and len(data) >= PROXY_V2_HEADER:
        length = PROXY_V2_HEADER + int.from_bytes(data[14:16], "big")
        return Opening(said(data[length:]), data[length:], 2, cut=length > len(data))
    return Opening(said(data), data)


def answered(story: Story) -> Said:
    """Return what the responder's first bytes are, its greeting included."""
    return said(story.hello_responder)


@once
def spoken_before(story: Story) -> bool:
    """Return whether both ends' first bytes may not be the connection's first."""
    if story.hello_initiator.startswith(OPENERS) and answered_directly(story):
        return False
    unseen = _lost_its_first(story, True) or _lost_its_first(story, False)
    return story.midstream or unseen


def answered_directly(story: Story) -> bool:
    """Return whether no byte is missing between the initiator's first ones and the answer's."""
    asked, answer = _first_data(story, True), _first_data(story, False)
    return asked is not None and answer is not None and asked.has_ack and asked.ack == answer.seq


def heard_greeting(story: Story) -> bool:
    """Return whether the initiator had the responder's first bytes when it sent its own.

    Then they are no answer to these, as where both were under way at once.
    """
    asked, greeting = _first_data(story, True), _first_data(story, False)
    if asked is None or greeting is None or not asked.has_ack:
        return False
    return seq_after(asked.ack, greeting.seq)


def _first_data(story: Story, of_initiator: bool) -> PacketFact | None:
    said = (p for p in story.packets if p.from_initiator == of_initiator and p.length)
    return next(said, None)


def _lost_its_first(story: Story, of_initiator: bool) -> bool:
    """Return whether the capture may lack an end's first bytes: its SYN, or its first segment.

    The SYN-ACK has the number of the SYN, too.
    """
    half = story.half(of_initiator)
    isn = half.isn
    if isn is None and of_initiator and story.syn_ack_count:
        isn = half.base_seq
    if isn is None:
        return True
    said = (p for p in story.packets if p.from_initiator == of_initiator and p.length)
    return min((seq_distance(p.seq, isn) for p in said), default=0) > 1


def banner(data: bytes) -> str:
    """Return which protocol's greeting some text is, in our words; empty when not known."""
    return next((name for start, name in BANNERS if data.startswith(start)), "")


def status_of(data: bytes) -> int | None:
    """Return the status code of an HTTP/1 response's first line."""
    digits = data[9:12]
    http = data.startswith(HTTP1) and len(digits) == 3 and digits.isdigit()
    return int(digits) if http else None


PLAIN = frozenset({Said.HTTP1_REQUEST, Said.H2_PREFACE})
PROXIED = "proxy header"
Kept = Said | str
"""What the 4 bytes that are kept of a connection to an endpoint tell; PROXIED for a header."""


def first_word(kept: bytes) -> Kept:
    """Return what the 4 first bytes of a connection tell (EndpointFacts)."""
    if kept == PROXY_V1[:4] or kept == PROXY_V2[:4]:
        return PROXIED
    if kept[:2] == b"\x16\x03":
        return Said.TLS_HELLO
    if kept == H2_PREFACE[:4]:
        return Said.H2_PREFACE
    if any(start[:4] == kept for start in STARTS):
        return Said.HTTP1_REQUEST
    return Said.OTHER


def accepted_at(endpoint: EndpointFacts) -> dict[Kept, int]:
    """Return how many connections that an endpoint accepted began with what."""
    found: dict[Kept, int] = {}
    for kept, number in endpoint.first_accepted.items():
        word = first_word(kept)
        found[word] = found.get(word, 0) + number
    return found
