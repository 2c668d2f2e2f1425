from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.goodbye import asks_for_answer
from pcapdiag.diagnose.judge import judge
from pcapdiag.model.application import Application
from pcapdiag.model.story import Story
from pcapdiag.model.tls import ClientHello, ServerHello, TlsFacts
from tests.diagnose.playbook import GET, HANDSHAKE, OK, SHORT, C, S, around, judged, play

HELLO, DATA = b"\x16\x03\x01\x00\x05\x01hell", b"\x17\x03\x03\x00\x40" + b"x" * 64
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04\x00" + bytes(4)


def record(kind: int, length: int) -> bytes:
    return bytes([kind, 3, 3, 0, length]) + b"x" * length


def frame(kind: int, flags: int = 0, length: int = 4) -> bytes:
    return bytes([0, 0, length, kind, flags, 0, 0, 0, 0]) + b"x" * length


def asks(first: bytes, answer: bytes, last: bytes) -> bool:
    lines = (C("PSH,ACK", first), S("PSH,ACK", answer), C("PSH,ACK", last))
    return asks_for_answer(play(*HANDSHAKE, *lines))


@pytest.mark.parametrize(
    "last",
    [
        record(0x17, 19),
        record(0x15, 26),
        record(0x17, 26) + record(0x17, 19),
        record(0x17, 34),
        record(0x14, 1) + record(0x17, 53),
    ],
)
def test_tls_records_that_nobody_answers(last: bytes) -> None:
    assert not asks(HELLO, DATA, last)


@pytest.mark.parametrize(
    "last",
    [record(0x17, 90), record(0x14, 1) + record(0x17, 53) + record(0x17, 90), record(0x16, 70)],
)
def test_tls_records_that_want_an_answer(last: bytes) -> None:
    assert asks(HELLO, DATA, last)


@pytest.mark.parametrize(("last", "wanted"), [(record(0x17, 22), False), (record(0x17, 90), True)])
def test_tls_that_began_within_another_protocol(last: bytes, wanted: bool) -> None:
    assert asks(b"EHLO a\r\n", b"220 go\r\n", last) is wanted


@pytest.mark.parametrize("last", [frame(8), frame(7, length=17), frame(4, 1, 0), frame(6, 1, 8)])
def test_http2_housekeeping(last: bytes) -> None:
    assert not asks(PREFACE, frame(4), last)


@pytest.mark.parametrize("last", [frame(1), frame(6, length=8), frame(8) + frame(1), frame(0)])
def test_http2_frames_that_want_an_answer(last: bytes) -> None:
    assert asks(PREFACE, frame(4), last)


@pytest.mark.parametrize(
    "last",
    [
        b"\x01\x00\x00\x00\x01",
        b"X\x00\x00\x00\x04",
        b"X\x00\x00\x00\x04" * 2,
        b"PONG\r\n",
        b"\xe0\x00",
        b"quit\r\n",
        b"QUIT\r\n",
        b"\x30\x05\x02\x01\x03\x42\x00",
        b"\x88\x82abcdxy",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ],
    ids=[
        "mysql",
        "postgresql",
        "twice",
        "nats",
        "mqtt",
        "memcached",
        "smtp",
        "ldap",
        "websocket",
        "tls-alert",
    ],
)
def test_quits_of_other_protocols(last: bytes) -> None:
    asked = (C("PSH,ACK", b"\x03hello"), S("PSH,ACK", b"\x00world"))
    closed = (C("PSH,ACK", last), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
    assert judged(*HANDSHAKE, *asked, *closed).code == "ok"


def test_a_word_of_a_few_bytes_that_the_server_closes_upon() -> None:
    used = (C("PSH,ACK", b"\x03hello"), S("PSH,ACK", b"\x00world")) * 2
    for last, closes, code in (
        (b"\x01\x00\x00\x07\x00", S("FIN,ACK"), "ok"),
        (b"\x01\x00\x00\x07" * 9, S("FIN,ACK"), "tcp.closed_before_response"),
        (b"\x01\x00\x00\x07\x00", S("RST,ACK", win=500), "tcp.reset_before_response"),
    ):
        lines = (*used, C("PSH,ACK", last, after=50), closes)
        assert judged(*HANDSHAKE, *lines).code == code


def test_a_first_message_always_wants_an_answer() -> None:
    assert asks_for_answer(play(*HANDSHAKE, C("PSH,ACK", b"quit\r\n")))


def test_cut_headers_do_no_harm() -> None:
    for last in (b"\x17", b"\x17\x03", b"\x16\x03\x03\xff\xff", b"\x88", b"0"):
        asks(HELLO, DATA, last)
        asks(PREFACE, frame(4), last)
        asks(GET, OK, last)
    assert judged(*HANDSHAKE, C("PSH,ACK", GET), S("PSH,ACK", SHORT)).code == "ok"


def test_an_initiator_that_leaves_at_once_did_not_ask() -> None:
    asked = (C("PSH,ACK", b"EHLO a\r\n"), S("PSH,ACK", b"250 a\r\n"))
    bye = C("PSH,ACK", b"BYE\r\n", after=50)
    late = (S("PSH,ACK", b"221 bye\r\n", after=5), C("RST"), S("FIN,ACK"), C("RST"))
    assert judged(*HANDSHAKE, *asked, bye, C("FIN,ACK"), *late).code == "ok"
    assert (
        judged(*HANDSHAKE, *asked, bye, C("FIN,ACK", after=40), turns=1).code
        == "tcp.initiator_abort"
    )


def test_an_http_request_is_one_however_soon_its_sender_left() -> None:
    used = (C("PSH,ACK", GET), S("PSH,ACK", OK), C("PSH,ACK", GET, after=50), C("RST,ACK", win=5))
    assert judged(*HANDSHAKE, *used).code == "tcp.initiator_abort"


@pytest.mark.parametrize(
    ("use", "last"),
    [
        (record(0x17, 90), record(0x17, 19)),
        (b"\x81\x85abcdhello", b"\x88\x82abcdxy"),
        (frame(1), frame(7, length=17)),
    ],
    ids=["tls", "websocket", "http2"],
)
def test_a_farewell_where_the_capture_began_within_the_connection(use: bytes, last: bytes) -> None:
    lines = (C("PSH,ACK", use), S("PSH,ACK", use), C("PSH,ACK", last), S("FIN,ACK"), C("FIN,ACK"))
    story = play(*lines)
    assert story.midstream
    assert judge(story, around(story)).code == "ok"
    first = play(*lines[2:])
    assert judge(first, around(first)).code == "ok"


def test_a_late_close_notify_where_the_capture_began_within_the_connection() -> None:
    used = (C("PSH,ACK", record(0x17, 90)), S("PSH,ACK", record(0x17, 90)), C("FIN,ACK", after=9))
    story = play(*used, S("PSH,ACK", record(0x17, 19)), C("RST"))
    assert judge(story, around(story)).code == "ok"


def test_small_last_bytes_that_snaplen_cut_off_may_be_a_farewell() -> None:
    used = (C("PSH,ACK", b"?" * 90), S("PSH,ACK", b"!" * 90), C("PSH,ACK", b"?" * 24))
    story = play(*HANDSHAKE, *used, S("FIN,ACK"), C("FIN,ACK"))
    story.turn.request_head = b""
    assert judge(story, around(story)).code == "capture.partial"
    story.turn.request_bytes = 400
    assert judge(story, around(story)).code == "tcp.closed_before_response"


def test_guessed_roles_accuse_nobody() -> None:
    lines = (C("PSH,ACK", b"\x00\x01" * 40), S("FIN,ACK"), C("FIN,ACK"))
    story = play(*HANDSHAKE, C("PSH,ACK", b"a"), S("PSH,ACK", b"b"), *lines)
    story.initiator_inferred = True
    assert judge(story, around(story)).code == "tcp.closed_before_response"
    both_high = replace(story, responder=replace(story.responder, port=50051))
    assert judge(both_high, around(both_high)).code == "ok"


def test_a_server_hello_says_nothing_for_who_sent_it_first() -> None:
    def story(first: bytes) -> Story:
        used = (
            C("PSH,ACK", first),
            S("PSH,ACK", DATA),
            C("PSH,ACK", b"\x17\x03\x03\0\x70" + b"x" * 112),
        )
        found = play(*HANDSHAKE, *used, S("FIN,ACK"), C("FIN,ACK"))
        found.initiator_inferred = True
        return replace(found, responder=replace(found.responder, port=50051))

    answer = story(HELLO.replace(b"\x01hell", b"\x02hell"))
    assert judge(answer, around(answer)).code == "ok"
    hello = story(HELLO)
    assert judge(hello, around(hello)).code != "ok"


def test_a_ping_of_http2_is_no_request() -> None:
    """Where the streams cannot be read: its last turn then tells nothing of them."""
    used = (C("PSH,ACK", PREFACE), S("PSH,ACK", frame(4)), C("ACK"))
    cut = (S("RST,ACK", win=500, after=30),)
    for last, code in (
        (frame(6, length=8), "tcp.reset_in_response"),
        (frame(1), "tcp.reset_before_response"),
        (frame(6, length=8) + frame(1), "tcp.reset_before_response"),
    ):
        assert judged(*HANDSHAKE, *used, C("PSH,ACK", last), S("ACK"), *cut).code == code


def test_postgresqls_cancel_request_is_answered_by_a_close() -> None:
    cancel = b"\x00\x00\x00\x10\x04\xd2\x16\x2e" + bytes(8)
    closed = (S("FIN,ACK", after=5), C("FIN,ACK"), S("ACK"))
    assert judged(*HANDSHAKE, C("PSH,ACK", cancel), *closed).code == "ok"
    assert judged(C("PSH,ACK", cancel), S("ACK"), *closed).code == "ok", "began too late"
    startup = b"\x00\x00\x00\x10\x00\x03\x00\x00" + bytes(8)
    assert judged(*HANDSHAKE, C("PSH,ACK", startup), *closed).code == "tcp.closed_before_response"


def test_a_quit_behind_a_greeting_asks_for_no_answer() -> None:
    quit_line = C("PSH,ACK", b"QUIT\r\n")
    greeting = (S("PSH,ACK", b"220 mx\r\n"), C("ACK"))
    assert not asks_for_answer(play(*HANDSHAKE, *greeting, quit_line))
    assert asks_for_answer(play(*HANDSHAKE, quit_line))


@pytest.mark.parametrize(
    "told", [b"shutdown nosave\r\n", b"SHUTDOWN\r\n", b"*2\r\n$8\r\nshutdown\r\n$6\r\nNOSAVE\r\n"]
)
def test_a_cache_that_is_told_to_end_says_nothing(told: bytes) -> None:
    lines = (C("PSH,ACK", told), S("FIN,ACK", after=30))
    assert judge(play(*HANDSHAKE, *lines), around(play(*HANDSHAKE, *lines))).code == "ok"
    assert judged(*HANDSHAKE, C("PSH,ACK", b"GET shutdown\r\n"), S("FIN,ACK", after=30)).failed


def test_a_close_of_websocket_is_known_by_its_size_where_it_was_cut() -> None:
    close = b"\x88\xa3" + bytes(39)
    used = (C("PSH,ACK", b"?" * 90), S("PSH,ACK", b"!" * 90), C("PSH,ACK", close))
    for kept, code in ((close[:30], "ok"), (b"\x82" + close[1:30], "tcp.closed_before_response")):
        story = play(*HANDSHAKE, *used, S("FIN,ACK"), C("FIN,ACK"))
        story.turn.request_head = kept
        assert judge(story, around(story)).code == code


@pytest.mark.parametrize(
    ("size", "code"), [(85, "capture.partial"), (86, "tcp.closed_before_response")]
)
def test_the_largest_goodbye_of_tls12_that_snaplen_cut(size: int, code: str) -> None:
    """CBC with SHA-384: a head of 5, an IV of 16, and 2 + 48 bytes padded to 64."""
    used = (C("PSH,ACK", b"?" * 90), S("PSH,ACK", b"!" * 90), C("PSH,ACK", b"\x15" * size))
    story = play(*HANDSHAKE, *used, S("FIN,ACK"), C("FIN,ACK"))
    story.turn.request_head = b"\x17"
    assert judge(story, around(story)).code == code


def test_a_cancel_request_that_the_snaplen_cut_off_is_told_by_its_size() -> None:
    lines = (C("PSH,ACK", b"x" * 16), S("ACK"), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
    story = play(*HANDSHAKE, *lines)
    story.turn.request_head = story.hello_initiator = b""
    for port, code in ((5432, "ok"), (6432, "ok"), (8443, "tcp.closed_before_response")):
        story.responder.port = port
        again = replace(story)
        assert judge(again, around(again)).code == code
        some = replace(story, turn=replace(story.turn, request_head=b"\0\0"))
        assert judge(some, around(some)).code == code
    story.responder.port = 5432
    read = play(*HANDSHAKE, *lines)
    read.responder.port = 5432
    assert judge(read, around(read)).code == "tcp.closed_before_response"


@pytest.mark.parametrize(("port", "code"), [(22, "ok"), (8443, "tcp.closed_before_response")])
@pytest.mark.parametrize("talks", [0, 3])
def test_ssh_of_which_the_capture_lacks_the_beginning(port: int, code: str, talks: int) -> None:
    used = (C("PSH,ACK", b"\x91" * 44), S("PSH,ACK", b"\x92" * 44)) * talks
    left = (C("PSH,ACK", b"\x93" * 96), S("ACK"), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
    story = play(*HANDSHAKE, *used, *left, midstream=True)
    story.responder.port = port
    assert judge(story, around(story, turns=9)).code == code


STARTUP_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
MYSQL_HELLO = b"\x4a\0\0\0\x0a10.11\0"


@pytest.mark.parametrize("mysql", [False, True])
@pytest.mark.parametrize(
    ("version", "length", "wanted"),
    [(13, 22, False), (13, 31, True), (12, 29, False), (12, 38, True)],
)
def test_a_databases_quit_inside_tls_has_one_length(
    mysql: bool, version: int, length: int, wanted: bool
) -> None:
    facts = TlsFacts(client_hello=ClientHello(4, 0, 0x0303), client_data=2)
    facts.client_finished = facts.server_finished = True
    facts.server_hello = ServerHello(5, 0, 0x0304 if version == 13 else 0x0303, 0x1301)
    first = C("PSH,ACK", b"\x20\0\0\x01login" if mysql else STARTUP_TLS)
    greeted = (S("PSH,ACK", MYSQL_HELLO), C("ACK")) if mysql else ()
    lines = (*greeted, first, S("PSH,ACK", DATA), C("PSH,ACK", DATA), S("PSH,ACK", DATA))
    last = C("PSH,ACK", record(0x17, length), after=3000)
    story = play(*HANDSHAKE, *lines, last, application=Application(tls=facts))
    assert facts.is_tls13 is (version == 13)
    assert asks_for_answer(story) is wanted
