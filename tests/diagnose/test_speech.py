from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapdiag.diagnose.speech import (
    PROXIED,
    Said,
    first_word,
    opening,
    refuses_by_goaway,
    said,
    status_of,
)
from tests.diagnose.playbook import GET, HANDSHAKE, OK, C, play
from tests.diagnose.protocol.scenes import ALERT, GOAWAY, HELLO, PREFACE, SETTINGS, V1, V2

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", Said.NOTHING),
        (HELLO, Said.TLS_HELLO),
        (HELLO[:3], Said.TLS_HELLO),
        (b"\x16\x03\x03\x00\x04\x02", Said.TLS),
        (ALERT, Said.TLS_ALERT),
        (GET, Said.HTTP1_REQUEST),
        (OK, Said.HTTP1_RESPONSE),
        (PREFACE, Said.H2_PREFACE),
        (SETTINGS, Said.H2_FRAMES),
        (GOAWAY, Said.H2_FRAMES),
        (b"<!DOCTYPE HTML PUBLIC>", Said.HTML),
        (b"220 mail\r\n", Said.TEXT),
        (b"J\x00\x00\x00\x0a8.0.36", Said.OTHER),
    ],
)
def test_what_bytes_are(data: bytes, what: Said) -> None:
    assert said(data) is what


def test_the_header_is_taken_off() -> None:
    for header, version in ((V1, 1), (V2, 2)):
        first = opening(play(*HANDSHAKE, C("PSH,ACK", header + GET)))
        assert (first.said, first.data, first.proxy_version) == (Said.HTTP1_REQUEST, GET, version)
    assert first_word(V1[:4]) == first_word(V2[:4]) == PROXIED


def test_a_goaway_with_an_error_is_a_refusal() -> None:
    assert refuses_by_goaway(SETTINGS + GOAWAY)
    assert not refuses_by_goaway(SETTINGS + GOAWAY[:-1] + b"\x00")


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for start in (b"", V1[:20], V2[:14], b"HTTP/1.1 ", b"\x16\x03"):
        first = start + data
        said(first)
        status_of(first)
        refuses_by_goaway(first)
        first_word(first[:4])
        opening(play(*HANDSHAKE, C("PSH,ACK", first)))
