"""Mismatches that the answer's bytes show."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.protocol import tls_to_plaintext
from pcapdiag.model.application import Application
from pcapdiag.model.tls import Record, TlsFacts
from tests.diagnose.playbook import (
    GET,
    HANDSHAKE,
    OK,
    START,
    C,
    Line,
    S,
    around,
    judged,
    play,
    sides,
)
from tests.diagnose.protocol.scenes import (
    ALERT,
    BAD,
    BAD_KEPT,
    CLOSE,
    FIN,
    GOAWAY,
    HELLO,
    PREFACE,
    SETTINGS,
    TO_HTTPS,
    V1,
    V2,
    greeted,
    met,
)
from tests.diagnose.tls.scenes import hello

LEFT = (C("FIN,ACK"), S("FIN,ACK"), C("ACK"))
CONNECT = b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n"
HTML = b"<!DOCTYPE HTML>\n<html>400</html>"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (met(HELLO, BAD), "protocol.tls_to_plaintext"),
        (met(HELLO, SETTINGS), "protocol.tls_to_plaintext"),
        (met(HELLO, b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol.tls_to_plaintext"),
        (greeted(b"220 mail ESMTP\r\n", HELLO, *LEFT), "protocol.tls_to_plaintext"),
        (met(GET, ALERT + b"\x0a"), "protocol.plaintext_to_tls"),
        (met(PREFACE, ALERT + b"\x0a"), "protocol.plaintext_to_tls"),
        (met(b"*1\r\n$4\r\nPING\r\n", ALERT + b"\x0a"), "protocol.plaintext_to_tls"),
        (met(b"\0\0\0\x08\x04\xd2\x16\x2f", ALERT + b"\x46"), "protocol.plaintext_to_tls"),
        (met(GET, TO_HTTPS), "protocol.plaintext_to_tls"),
        (met(PREFACE, BAD), "protocol.http2_to_http1"),
        (met(PREFACE, HTML), "protocol.http2_to_http1"),
        (met(GET, SETTINGS), "protocol.http1_to_http2"),
        (greeted(SETTINGS, GET, *LEFT), "protocol.http1_to_http2"),
        (met(V1 + GET, BAD), "protocol.unexpected_proxy_header"),
        (met(V2 + GET, BAD), "protocol.unexpected_proxy_header"),
        (met(V2 + PREFACE, BAD), "protocol.unexpected_proxy_header"),
        (met(V1 + HELLO, ALERT + b"\x46"), "protocol.unexpected_proxy_header"),
        (met(V1 + HELLO, BAD), "protocol.unexpected_proxy_header"),
        (met(V1, ALERT + b"\x46"), "protocol.unexpected_proxy_header"),
        (met(V1, BAD), "protocol.unexpected_proxy_header"),
        (met(V1, BAD, C("PSH,ACK", GET), *FIN), "protocol.unexpected_proxy_header"),
        (
            met(V1, BAD, S("FIN,ACK"), C("PSH,ACK", GET), S("RST")),
            "protocol.unexpected_proxy_header",
        ),
    ],
)
def test_bytes_that_show_it(lines: tuple[Line, ...], code: str) -> None:
    verdict = judged(*lines)
    assert verdict.code == code
    assert verdict.confidence >= 0.7
    assert verdict.frames[0] > 3


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (met(HELLO, b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", *CLOSE), "ok"),
        (met(PREFACE, SETTINGS), "ok"),
        (met(GET, OK), "ok"),
        (met(GET, BAD), "ok"),
        (met(V1 + GET, OK), "ok"),
        (met(V1 + GET, BAD_KEPT, *LEFT), "ok"),
        (met(V1 + b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", BAD), "ok"),
        (met(V1 + b"GET / HTTP/1.1\r\n\r\n", BAD), "ok"),
        (met(V1 + GET, BAD.replace(b"400 Bad Request", b"400 Request Header Too Large")), "ok"),
    ],
    ids=[
        "TLS",
        "h2",
        "h1",
        "an origin's own 400",
        "expected header",
        "400 that keeps it open",
        "bad request line",
        "no Host",
        "too large",
    ],
)
def test_near_misses(lines: tuple[Line, ...], code: str) -> None:
    assert judged(*lines).code == code


def test_a_refusal_where_the_header_is_accepted_is_about_something_else() -> None:
    lines = met(V1 + GET, BAD)
    assert judged(*lines, first_accepted={V1[:4]: 1}).code == "ok"
    assert judged(*lines, first_accepted={GET[:4]: 1}).failed


def test_plaintext_behind_an_expected_header_to_a_tls_port() -> None:
    assert judged(*met(V1 + GET, TO_HTTPS)).code == "protocol.plaintext_to_tls"


def test_an_alert_about_the_hello_itself_is_not_the_header() -> None:
    assert not judged(*met(V1 + HELLO, ALERT + b"\x70")).code.startswith("protocol.")


@pytest.mark.parametrize(
    "header", [b"x-envoy-upstream-service-time: 3\r\n", b"Via: 1.1 lb\r\n", b"Server: envoy\r\n"]
)
def test_a_page_that_a_proxy_hands_on_is_about_its_other_leg(header: bytes) -> None:
    page = TO_HTTPS.replace(b"Server: nginx\r\n", header)
    assert judged(*met(GET, page)).code == "ok"
    kept = TO_HTTPS.replace(b"Connection: close\r\n", b"Content-Length: 62\r\n")
    assert judged(*met(GET, kept)).code == "ok"


def test_who_refused() -> None:
    by_answer = judged(*met(PREFACE, BAD))
    assert sides(by_answer)["responder"] > 0.9
    goaway = greeted(SETTINGS, GET, S("PSH,ACK", GOAWAY), C("FIN,ACK"), S("FIN,ACK"), C("ACK"))
    assert sides(judged(*greeted(SETTINGS, GET, *LEFT)))["initiator"] > 0.8
    assert sides(judged(*greeted(SETTINGS + GOAWAY, GET, *LEFT)))["responder"] > 0.9
    assert judged(*goaway).ended_by == "initiator"


def test_bytes_from_the_middle_of_a_connection_show_nothing() -> None:
    for answer, shown in ((BAD, True), (b"220 mail.example ESMTP\r\n", False)):
        story = play(*met(HELLO, answer))
        story.responder.isn = None
        assert (tls_to_plaintext.match(story, around(story)) is not None) is shown
    missed = play(*HANDSHAKE, C("PSH,ACK", HELLO), S("PSH,ACK", b"x" * 9), S("PSH,ACK", BAD), *LEFT)
    packets = tuple(packet for packet in missed.packets if packet.frame != 5)
    missed = replace(missed, packets=packets, hello_responder=BAD, midstream=True)
    assert tls_to_plaintext.match(missed, around(missed)) is None


@pytest.mark.parametrize("header", [V1, V2])
def test_a_hello_behind_a_proxy_header_is_no_plain_one(header: bytes) -> None:
    story = play(*met(header + HELLO, BAD))
    assert tls_to_plaintext.match(story, around(story)) is None


def test_what_opens_connections_only_needs_no_syn() -> None:
    story = play(*met(PREFACE, BAD))
    story.initiator.isn = story.responder.isn = None
    verdict = judge(replace(story, midstream=True), around(story))
    assert verdict.code == "protocol.http2_to_http1"


def test_a_syn_ack_tells_where_the_initiator_began() -> None:
    story = play(*met(GET, SETTINGS))
    story.initiator.base_seq, story.initiator.isn = story.initiator.isn, None
    assert judge(story, around(story)).code == "protocol.http1_to_http2"


@pytest.mark.parametrize(
    ("asked", "granted", "end"),
    [
        (CONNECT, b"HTTP/1.1 200 Connection established\r\n\r\n", "that is a.example:80 behind"),
        (b"\x04\x01\x00\x50\x0a\x00\x00\x01\x00", b"\x00\x5a" + bytes(6), "that is the other end"),
    ],
)
def test_plain_text_behind_a_tunnel(asked: bytes, granted: bytes, end: str) -> None:
    tunnel = (*HANDSHAKE, C("PSH,ACK", asked), S("PSH,ACK", granted))
    lines = (*tunnel, C("PSH,ACK", HELLO), S("PSH,ACK", BAD), *LEFT)
    verdict = judged(*lines)
    assert (verdict.code, verdict.phase) == ("protocol.tls_to_plaintext", "tls_handshake")
    assert verdict.frames == (6, 7)
    assert verdict.facts["answer_short"] == "with HTTP/1 status 400 in the clear"
    assert end in verdict.facts["because"]
    assert len(verdict.notes) == 1
    assert judged(*tunnel, C("PSH,ACK", GET), S("PSH,ACK", BAD), *LEFT).code == "ok"


def test_plain_text_behind_starttls() -> None:
    asked = (
        S("PSH,ACK", b"220 mx\r\n"),
        C("PSH,ACK", b"STARTTLS\r\n"),
        S("PSH,ACK", b"220 go\r\n"),
    )
    lines = (*HANDSHAKE, *asked, C("PSH,ACK", HELLO), S("PSH,ACK", b"421 too many\r\n"), *LEFT)
    verdict = judged(*lines)
    assert (verdict.code, verdict.phase) == ("protocol.tls_to_plaintext", "tls_handshake")
    assert verdict.facts["answer_short"] == "with plain text"
    assert "STARTTLS?" in verdict.facts["because"]
    lost = play(*lines)
    lost.responder.gaps = 1
    assert judge(lost, around(lost)).code == "ok"
    other = (*HANDSHAKE, *asked, C("PSH,ACK", HELLO), S("PSH,ACK", b"\x02\x00\xff" * 9), *LEFT)
    assert judged(*other).code == "ok"


def test_a_tunnels_end_is_named_and_harmless() -> None:
    target = CONNECT.replace(b"a.example", b"a\x1b[31m")
    for asked, shown in ((CONNECT, "to a.example:80:"), (target, "to a\\x1b[31m:80:")):
        tunnel = (*HANDSHAKE, C("PSH,ACK", asked), S("PSH,ACK", b"HTTP/1.1 200 OK\r\n\r\n"))
        (note,) = judged(*tunnel, C("PSH,ACK", HELLO), S("PSH,ACK", BAD), *LEFT).notes
        assert shown in note
        assert "-proxy 10.0.2.7:8443 -connect" in note


def test_tls_behind_a_greeting_in_the_clear_is_no_mismatch() -> None:
    nats = b'INFO {"tls_required":true}\r\n'
    story = play(*greeted(nats, HELLO, *LEFT))
    facts = TlsFacts(client_hello=hello())
    above = Application("tls", "other", tls=facts)
    story = replace(story, application=above)
    assert judge(story, around(story)).code == "protocol.tls_to_plaintext"
    above.tls = replace(facts, records=(Record(6, START, False, 22, 100),))
    assert judge(replace(story), around(story)).code != "protocol.tls_to_plaintext"


def test_a_greeting_that_was_heard_before_the_hello_is_no_answer_to_it() -> None:
    greeting = b"220 mail ESMTP\r\n"
    assert judged(*greeted(greeting, HELLO), left=0.01).code == "capture.partial"
    patient = (C("FIN,ACK", after=5000), S("FIN,ACK"), C("ACK"))
    assert judged(*greeted(greeting, HELLO, *patient)).code != "protocol.tls_to_plaintext"
    told = (S("PSH,ACK", b"500 5.5.1 unknown command\r\n", after=5), C("ACK"), *patient)
    verdict = judged(*greeted(greeting, HELLO, *told))
    assert verdict.code == "protocol.tls_to_plaintext"
    assert verdict.facts["answer"].endswith("(frame 7)")


SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"


def test_postgres_has_no_tls_and_who_asked_for_it_left() -> None:
    verdict = judged(*met(SSL_REQUEST, b"N", *LEFT))
    assert (verdict.code, verdict.phase) == ("protocol.tls_to_plaintext", "tls_handshake")
    assert sides(verdict)["initiator"] > 0.8
    assert (verdict.facts["hello"], verdict.facts["asked_frame"]) == ("SSLRequest", "4")
    goes_on = (C("PSH,ACK", b"\0\0\0\x08\0\x03\0\0"), S("PSH,ACK", b"R\0\0\0\x08"), *LEFT)
    assert judged(*met(SSL_REQUEST, b"N", *goes_on)).code == "ok"
    assert judged(*met(b"\x01\x02", b"N", *LEFT)).code == "ok"


MARIADB = b"\x4a\0\0\0\x0a5.5.5-10.11\0" + bytes(40)
NOT_ACCEPTED = b"\x34\0\0\x01\xff\x6a\x04#HY000Proxy header is not accepted from 10.0.1.5"


@pytest.mark.parametrize("served", [0, 2])
@pytest.mark.parametrize("greeted_first", [True, False])
def test_a_server_that_says_that_it_takes_no_header(greeted_first: bool, served: int) -> None:
    header, greeting = C("PSH,ACK", V2), S("PSH,ACK", MARIADB)
    begun = (greeting, header) if greeted_first else (header, greeting)
    lines = (*HANDSHAKE, *begun, S("PSH,ACK", NOT_ACCEPTED), S("RST,ACK", win=500))
    verdict = judged(*lines, turns=3, first_accepted={V2[:4]: served})
    assert (verdict.code, verdict.confidence) == ("protocol.unexpected_proxy_header", 0.95)
    assert "that is what it says" in verdict.facts["because"]
    other = (*HANDSHAKE, *begun, S("PSH,ACK", b"\xff\x10\x04full"), S("RST,ACK", win=500))
    assert judged(*other).code != "protocol.unexpected_proxy_header"
