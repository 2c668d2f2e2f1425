"""First bytes, and PROXY headers before them."""

from __future__ import annotations

import pytest

from pcapdiag.model.application import Protocol
from pcapdiag.protocols.http.proxy_header import SIGNATURE, is_cut_off, read_proxy_header
from pcapdiag.protocols.http.sniff import frames_begin, speaks, speaks_in_the_middle
from pcapdiag.protocols.packet_buffer import Moment
from tests.protocols.http.talk import PREFACE, frame, number, settings

pytestmark = pytest.mark.once

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@pytest.mark.parametrize(
    ("data", "protocol"),
    [
        (b"GET / HTTP/1.1\r\n", "http1"),
        (b"MKCALENDAR /x HTTP/1.1\r\n", "http1"),
        (b"\r\nPOST /", "http1"),
        (b"P", None),
        (b"PR", None),
        (b"MKCAL", None),
        (PREFACE, "http2"),
        (HELLO, "tls"),
        (b"\x16", None),
        (b"*1\r\n$4\r\nPING\r\n", "other"),
        (b"PING\r\n", "other"),
        (b"SSH-2.0-OpenSSH_9\r\n", "other"),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", "other"),
        (b"\x17\x03\x03\x00\x20\x00\x00", "other"),
    ],
)
def test_an_initiator(data: bytes, protocol: Protocol | None) -> None:
    assert speaks(data, from_initiator=True) == protocol


@pytest.mark.parametrize(
    ("data", "protocol"),
    [
        (b"HTTP/1.1 200 OK", "http1"),
        (b"HT", None),
        (settings(s3=100), "http2"),
        (frame(7, 0, number(0) + number(1)), "http2"),
        (settings()[:5], None),
        (b"\x15\x03\x01\x00\x02\x02\x46", "tls"),
        (b"220 mail ESMTP\r\n", "other"),
        (b"J\x00\x00\x00\x0a8.0.36", "other"),
        (b"<!DOCTYPE HTML>", "other"),
    ],
)
def test_a_responder(data: bytes, protocol: Protocol | None) -> None:
    assert speaks(data, from_initiator=False) == protocol


def test_frames_are_told_from_chance() -> None:
    assert frames_begin(frame(6, 0, bytes(8)) + frame(0, 1, b"data"))
    assert not frames_begin(frame(6, 0, bytes(8)) + b"x")
    assert not frames_begin(frame(0, 1, b"data"))
    assert not frames_begin(bytes(900))
    assert not frames_begin(b"HTTP/1.1 200 OK\r\n\r\n")
    assert not frames_begin(b"")


def test_in_the_middle_only_what_is_certain_counts() -> None:
    assert speaks_in_the_middle(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", False) == "http1"
    assert speaks_in_the_middle(b"a log line: HTTP/1.1 200 OK", False) is None
    assert speaks_in_the_middle(b"\x17\x03\x03\x00\x03abc\x17\x03\x03\x40\x00...", True) == "tls"
    assert speaks_in_the_middle(b"\x17\x03\x03\x00\x03abcd" + bytes(9), True) is None


FIRST = Moment(4, 40)
V4 = bytes([10, 0, 0, 1, 10, 0, 0, 2]) + (51000).to_bytes(2, "big") + (443).to_bytes(2, "big")


def version_2(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes([0x20 | command, family]) + len(body).to_bytes(2, "big") + body


@pytest.mark.parametrize(
    ("data", "version", "source", "target"),
    [
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 51000 443\r\n", 1, "10.0.0.1:51000", "10.0.0.2:443"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", 1, "[2001:db8::1]:1", "[2001:db8::2]:2"),
        (b"PROXY UNKNOWN\r\n", 1, "", ""),
        (version_2(1, 0x11, V4), 2, "10.0.0.1:51000", "10.0.0.2:443"),
        (version_2(1, 0x11, V4 + b"\x01\x00\x02h2"), 2, "10.0.0.1:51000", "10.0.0.2:443"),
        (
            version_2(1, 0x21, bytes(15) + b"\x01" + bytes(15) + b"\x02" + bytes([0, 1, 0, 2])),
            2,
            "[::1]:1",
            "[::2]:2",
        ),
        (version_2(0, 0x00, b""), 2, "", ""),
    ],
)
def test_proxy_headers(data: bytes, version: int, source: str, target: str) -> None:
    header = read_proxy_header(data + b"GET / HTTP/1.1\r\n", FIRST)
    assert header is not None
    assert (header.version, header.source, header.target) == (version, source, target)
    assert (header.length, header.frame, header.time) == (len(data), 4, 40)
    for end in range(len(data)):
        assert read_proxy_header(data[:end], FIRST) is None
        assert is_cut_off(data[:end])


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 10.0.0.1 10.0.0.2 51000\r\n",
        b"PROXY TCP4 10.0.0.1 nowhere 51000 443\r\n",
        b"PROXY TCP4 10.0.0.1 10.0.0.2 51000 99999\r\n",
        b"PROXY SCTP a b 1 2\r\n",
        b"PROXY TCP4 " + b"1" * 200,
        SIGNATURE + b"\x11\x11\x00\x0c" + V4,
        b"GET / HTTP/1.1\r\n",
    ],
)
def test_what_is_no_proxy_header(data: bytes) -> None:
    assert read_proxy_header(data, FIRST) is None
    assert not is_cut_off(data)
