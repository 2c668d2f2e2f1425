"""Messages that nobody answers: who leaves behind one did not wait."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.judge import judge
from tests.diagnose.playbook import HANDSHAKE, C, S, around, judged, play

MQTT = (b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", b"\x20\x02\x00\x00")
AMQP = (b"AMQP\x00\x00\x09\x01", b"\x01\0\0\0\0\0\x04\0\x0a\0\x0a\xce")
STOMP = (b"CONNECT\naccept-version:1.2\n\n\0", b"CONNECTED\nversion:1.2\n\n\0")
NATS = (b'CONNECT {"verbose":false}\r\nPING\r\n', b"PONG\r\n")
INFO = b'INFO {"server_id":"A"}\r\n'
AMQP_PUBLISH = b"\x01\0\x01\0\0\0\x04\0\x3c\0\x28\xce\x02\0\x01\0\0\0\x02ab\xce"
AMQP_GET = b"\x01\0\x01\0\0\0\x04\0\x3c\0\x46\xce"
MQTT_PUBLISH = b"\x30\x07\x00\x03a/bhi"


def left(opening: tuple[bytes, bytes], message: bytes, greeting: bytes = b"") -> str:
    """The verdict on a client that closes 2.65 s after its message."""
    hello, answer = opening
    greeted = (S("PSH,ACK", greeting), C("ACK")) if greeting else ()
    talk = (C("PSH,ACK", hello), S("PSH,ACK", answer), C("ACK"), C("PSH,ACK", message), S("ACK"))
    return judged(*HANDSHAKE, *greeted, *talk, C("FIN,ACK", after=2650), S("FIN,ACK"), turns=9).code


@pytest.mark.parametrize(
    ("opening", "message"),
    [
        (MQTT, MQTT_PUBLISH),
        (MQTT, MQTT_PUBLISH * 2 + b"\x40\x02\x00\x01"),
        (MQTT, b"\x30\x80\x01" + b"x" * 128),
        (AMQP, AMQP_PUBLISH),
        (AMQP, b"\x08\0\0\0\0\0\0\xce" + AMQP_PUBLISH),
        (STOMP, b"SEND\ndestination:/q\n\nhi\0"),
    ],
)
def test_a_publisher_waited_for_nothing(opening: tuple[bytes, bytes], message: bytes) -> None:
    assert left(opening, message) == "ok"


@pytest.mark.parametrize(
    ("opening", "message"),
    [
        (MQTT, b"\x32\x09\x00\x03a/b\x00\x01hi"),
        (MQTT, MQTT_PUBLISH + b"\xc0\x00"),
        (AMQP, AMQP_GET),
        (AMQP, AMQP_PUBLISH + AMQP_GET),
        (STOMP, b"SEND\ndestination:/q\nreceipt:1\n\nhi\0"),
        ((b"\x10\x0c", b"\x20"), MQTT_PUBLISH),
    ],
)
def test_what_asks_for_an_answer_is_waited_for(
    opening: tuple[bytes, bytes], message: bytes
) -> None:
    assert left(opening, message) != "ok"


def test_nats_answers_only_pings_unless_it_is_verbose() -> None:
    publish = b"PUB a.b 5\r\nhello\r\n"
    assert left(NATS, publish, INFO) == "ok"
    assert left(NATS, publish + b"PING\r\n", INFO) != "ok"
    verbose = (b'CONNECT {"verbose": true}\r\nPING\r\n', b"+OK\r\nPONG\r\n")
    assert left(verbose, publish, INFO) != "ok"


def test_a_websockets_message_is_no_request() -> None:
    get = b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"
    switched = (get, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
    assert left(switched, b"\x81\x82abcd\0\0") == "ok"
    assert left((get, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), get) != "ok"


def test_a_broker_that_closes_upon_a_message_did_not_take_it() -> None:
    hello, answer = MQTT
    talk = (C("PSH,ACK", hello), S("PSH,ACK", answer), C("ACK"), C("PSH,ACK", MQTT_PUBLISH))
    closed = (S("ACK"), S("FIN,ACK", after=1), C("FIN,ACK"), S("ACK"))
    assert judged(*HANDSHAKE, *talk, *closed).code == "tcp.closed_before_response"


@pytest.mark.parametrize("middle", [b"", MQTT_PUBLISH, b"\x30\x80\x10" + b"x" * 2048])
def test_a_publisher_that_says_goodbye_later(middle: bytes) -> None:
    """Both messages are one turn, for nobody answers the first."""
    hello, answer = MQTT
    talk = (C("PSH,ACK", hello), S("PSH,ACK", answer), C("PSH,ACK", MQTT_PUBLISH), S("ACK"))
    more = (C("PSH,ACK", middle), S("ACK")) if middle else ()

    def ended_by(last: bytes) -> str:
        bye = (C("PSH,ACK", last, after=1000), S("ACK"), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
        return judged(*HANDSHAKE, *talk, *more, *bye, turns=9).code

    assert ended_by(b"\xe0\x00") == "ok"
    assert ended_by(b"\x32\x09\x00\x03a/b\x00\x01hi") == "tcp.closed_before_response"
    assert ended_by(MQTT_PUBLISH) == "tcp.closed_before_response"


ASK = (b"get a\r\n", b"END\r\n")
REPORT = b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$3\r\n224\r\n"


@pytest.mark.parametrize(
    ("message", "fine"),
    [
        (REPORT, True),
        (b"*2\r\n$4\r\nLPOP\r\n$1\r\nq\r\n", False),
        (b"set a 0 0 2 noreply\r\nhi\r\ndelete b noreply\r\n", True),
        (b"set a 0 0 2000 noreply\r\n" + b"x" * 990, True),
        (b"set a 0 0 2 noreply\r\nhi\r\nget b\r\n", False),
        (b"set a 0 0 2\r\nhi\r\n", False),
        (b"gets noreply\r\n", False),
        (b"\0REQ\0\0\0\x01\0\0\0\x01f\0REQ\0\0\0\x04\0\0\0\0", True),
        (b"\0REQ\0\0\0\x01\0\0\0\x01f\0REQ\0\0\0\x09\0\0\0\0", False),
        (b"<13>Nov 30 03:00:00 host app: one line\n", True),
        (b"58 <165>1 2026-11-30T03:00:00Z host app - - - one line\n", True),
        (b"<html>\n", False),
        (b"d\0\0\0\x26r" + bytes(33), True),
        (b"d\0\0\0\x1dh" + bytes(24), True),
        (b"d\0\0\0\x27r" + bytes(34), False),
        (b"shop.cart.size 12.5 1764471600\n", True),
        (b"shop.cart:3|c\n", True),
        (b"shop.cart size\n", False),
        (b"get a:3\r\n", False),
    ],
)
def test_reports_and_stores_without_a_reply(message: bytes, fine: bool) -> None:
    assert (left(ASK, message) == "ok") is fine


@pytest.mark.parametrize(
    "message",
    [REPORT, b"PUB a.b 5\r\nhello\r\n", b"PUB a inbox.1 2\r\nhi\r\n", b"SUB a.> workers 1\r\n"],
)
def test_what_tells_by_itself_where_the_capture_began_late(message: bytes) -> None:
    talk = (C("PSH,ACK", b"x" * 40), S("PSH,ACK", b"y" * 40), C("ACK"), C("PSH,ACK", message))
    lines = (*talk, S("ACK"), C("FIN,ACK", after=2650), S("FIN,ACK"))
    story = play(*HANDSHAKE, *lines, midstream=True)
    assert judge(story, around(story, turns=9)).code == "ok"
    asked = (*talk[:3], C("PSH,ACK", message + b"PING\r\n"), *lines[4:])
    story = play(*HANDSHAKE, *asked, midstream=True)
    assert message is REPORT or judge(story, around(story, turns=9)).code != "ok"


@pytest.mark.parametrize(
    ("port", "message", "fine"),
    [
        (1883, MQTT_PUBLISH * 2, True),
        (1883, MQTT_PUBLISH + b"\xc0\x00", False),
        (1883, MQTT_PUBLISH[:-1], False),
        (389, MQTT_PUBLISH, False),
        (5672, AMQP_PUBLISH, True),
        (9000, AMQP_PUBLISH, True),
        (5672, AMQP_PUBLISH + AMQP_GET, False),
        (5672, AMQP_PUBLISH[:-1] + b"\xcf", False),
    ],
)
def test_a_publisher_whose_connect_was_before_the_capture(
    port: int, message: bytes, fine: bool
) -> None:
    talk = (C("PSH,ACK", b"x" * 40), S("PSH,ACK", b"y" * 40), C("ACK"), C("PSH,ACK", message))
    lines = (*HANDSHAKE, *talk, S("ACK"), C("FIN,ACK", after=2650), S("FIN,ACK"))
    story = play(*lines, midstream=True)
    story.responder.port = port
    assert (judge(story, around(story, turns=9)).code == "ok") is fine


@pytest.mark.parametrize(("kind", "fine"), [(5, True), (4, True), (3, False)])
def test_a_viewers_pointer(kind: int, fine: bool) -> None:
    version = b"RFB 003.008\n"
    assert (left((version, b"\x01\x01"), bytes([kind, 0, 0, 1, 0, 1]), version) == "ok") is fine
