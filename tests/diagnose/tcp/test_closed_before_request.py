from __future__ import annotations

import pytest

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.tcp.closed_before_request import KIND
from pcapdiag.diagnose.text import fill
from tests.diagnose.playbook import GET, HANDSHAKE, C, Known, S, around, judged, play

MYSQL_FULL = b"\x17\0\0\0\xff\x10\x04Too many connections"
HUNG_UP = (S("FIN,ACK", after=3), C("FIN,ACK"), S("ACK"))


def test_hung_up_before_a_byte_was_sent() -> None:
    verdict = judged(*HANDSHAKE, *HUNG_UP)
    assert verdict.code == "tcp.closed_before_request"
    assert verdict.ended_by == "responder"
    assert verdict.frames == (4,)


def test_a_first_request_that_crossed_the_fin() -> None:
    lines = (C("PSH,ACK", GET, lost=True), S("FIN,ACK"), S("RST", after=0.3))
    assert judged(*HANDSHAKE, *lines).code == "tcp.closed_before_request"


def test_an_unused_connection_closed_after_long_is_a_timeout_that_hurt_nobody() -> None:
    assert judged(*HANDSHAKE, S("FIN,ACK", after=60_000), C("FIN,ACK"), S("ACK")).code == "ok"


@pytest.mark.parametrize(
    ("after", "others", "code"),
    [
        (4_000, 2, "ok"),
        (4_000, 1, "tcp.closed_before_request"),
        (900, 2, "tcp.closed_before_request"),
    ],
)
def test_a_pools_spare_connection_where_others_ask_at_once(
    after: float, others: int, code: str
) -> None:
    closed = (S("FIN,ACK", after=after), C("FIN,ACK"), S("ACK"))
    asked = {b"GET ": others}
    verdict = judged(*HANDSHAKE, *closed, first_bytes=asked, first_accepted=asked)
    assert verdict.code == code


def test_a_greeting_counts_as_before_the_request() -> None:
    full = (S("PSH,ACK", b"-ERR max number of clients reached\r\n"), C("ACK"), *HUNG_UP)
    verdict = judged(*HANDSHAKE, *full, established=1)
    assert verdict.code == "tcp.closed_before_request"
    assert verdict.alternatives[0].code == "ok"


def test_a_port_where_nobody_ever_asks_is_there_for_its_word() -> None:
    clock = (S("PSH,ACK", b"12:00:01\r\n"), C("ACK"), *HUNG_UP)
    assert judged(*HANDSHAKE, *clock, established=5).code == "ok"
    assert judged(*HANDSHAKE, *clock, established=1).code == "ok"


def test_a_word_and_a_close_where_others_go_on_to_ask() -> None:
    clock = (S("PSH,ACK", b"ready\r\n"), C("ACK"), *HUNG_UP)
    verdict = judged(*HANDSHAKE, *clock, established=5, first_bytes={b"USER": 4})
    assert verdict.code == "tcp.closed_before_request"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"421 4.3.2 too many connections\r\n", "tcp.closed_before_request"),
        (b"* BYE server is going down\r\n", "tcp.closed_before_request"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "tcp.closed_before_request"),
        (MYSQL_FULL, "tcp.closed_before_request"),
        (b"HTTP/1.1 408 Request Time-out\r\nConnection: close\r\n\r\n", "ok"),
        (b"up 75% maxconn 100, not busy\n", "ok"),
        (b"-rw-r--r-- 1 0 0 12 Nov 29 07:00 file.txt\r\n", "ok"),
    ],
)
def test_several_that_were_told_the_same(said: bytes, code: str) -> None:
    greeted = (S("PSH,ACK", said), C("ACK"), *HUNG_UP)
    assert judged(*HANDSHAKE, *greeted, established=3).code == code


def test_the_only_one_and_an_excuse() -> None:
    greeted = (S("PSH,ACK", b"Exceeded MaxStartups\r\n"), C("ACK"), *HUNG_UP)
    assert judged(*HANDSHAKE, *greeted, established=1).code == "tcp.closed_before_request"


@pytest.mark.parametrize("end", ["FIN,ACK", "RST,ACK"])
def test_an_initiator_that_closes_its_direction_first_and_reads_on(end: str) -> None:
    greeted = (C("FIN,ACK"), S("PSH,ACK", b"421 too many\r\n", after=50), C("ACK"), S(end))
    assert judged(*HANDSHAKE, *greeted, established=1).code == "ok"


def test_an_initiator_that_closes_because_it_was_refused() -> None:
    told = (S("PSH,ACK", MYSQL_FULL), C("ACK"), C("FIN,ACK"), S("FIN,ACK"), C("ACK"))
    assert judged(*HANDSHAKE, *told, established=3).code == "tcp.closed_before_request"
    fine = (S("PSH,ACK", b"220 mx\r\n"), C("ACK"), C("FIN,ACK"), S("FIN,ACK"), C("ACK"))
    assert judged(*HANDSHAKE, *fine, established=3).code == "ok"


@pytest.mark.parametrize(
    ("last", "code"), [(b"QUIT\r\n", "tcp.closed_before_request"), (b"EHLO a\r\n", "ok")]
)
def test_a_quit_in_answer_to_a_late_refusal(last: bytes, code: str) -> None:
    """As mailers do; with a request it is a stale connection."""
    told = (S("PSH,ACK", b"421 4.3.0 local error\r\n", after=2000), C("ACK"), S("FIN,ACK"))
    found = judged(*HANDSHAKE, *told, C("PSH,ACK", last), S("RST", win=0), established=3).code
    assert found == code if last.startswith(b"QUIT") else found != "tcp.closed_before_request"


REDIS_PING = b"*1\r\n$4\r\nPING\r\n"
PROTECTED = b"-DENIED Redis is running in protected mode" + b" because" * 150 + b"\r\n"
VERSION = b"SSH-2.0-OpenSSH_9.2\r\n"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (REDIS_PING, b"-ERR max number of clients reached\r\n"),
        (REDIS_PING, PROTECTED),
        (b"get a\r\n", b"ERROR Too many open connections\r\n"),
        (VERSION, b"Exceeded MaxStartups\r\n"),
        (VERSION, b"Not allowed at this time\r\n"),
    ],
)
@pytest.mark.parametrize("asked_first", [True, False])
def test_who_is_refused_at_the_door_may_have_asked_by_then(
    asked: bytes, said: bytes, asked_first: bool
) -> None:
    ask, refuse = C("PSH,ACK", asked), S("PSH,ACK", said)
    met = (ask, refuse) if asked_first else (refuse,)
    known: Known = {"established": 3, "first_bytes": {asked[:4]: 2}}
    closed = play(*HANDSHAKE, *met, C("ACK"), *HUNG_UP)
    verdict = judge(closed, around(closed, **known))
    assert verdict.code == "tcp.closed_before_request"
    assert said[:20].decode() in fill(KIND, verdict, closed).explanation
    assert judged(*HANDSHAKE, *met, S("RST,ACK", win=500), **known).code == (
        "tcp.reset_before_request"
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (REDIS_PING, b"-ERR unknown command\r\n"),
        (VERSION, b"a line before\r\n" + VERSION),
        (VERSION, VERSION),
        (b"get a\r\n", b"ERROR\r\n"),
    ],
)
def test_an_answer_is_no_refusal_of_the_connection(asked: bytes, said: bytes) -> None:
    lines = (C("PSH,ACK", asked), S("PSH,ACK", said), C("ACK"), *HUNG_UP)
    assert judged(*HANDSHAKE, *lines, established=3).code == "ok"


def test_a_final_ack_that_the_capture_lost() -> None:
    lines = (*HANDSHAKE[:2], S("FIN,ACK", after=1000), C("FIN,ACK"), S("ACK"))
    verdict = judged(*lines)
    assert (verdict.code, verdict.facts["since_start"]) == ("tcp.closed_before_request", "1 s")


def test_who_asked_did_not_come_for_the_word_alone() -> None:
    greeted = (S("PSH,ACK", b"hello\r\n"), C("ACK"), S("FIN,ACK"), C("PSH,ACK", b"x" * 20))
    lines = (*HANDSHAKE, *greeted, S("RST", win=0))
    assert judged(*lines, established=1).code == "tcp.closed_before_request"


def test_a_port_check_by_the_initiator_is_fine() -> None:
    assert judged(*HANDSHAKE, C("FIN,ACK"), S("FIN,ACK"), C("ACK")).code == "ok"


def test_a_file_sent_without_a_request_is_no_greeting() -> None:
    listing = (S("PSH,ACK", b"x" * 1400), C("ACK"), *HUNG_UP)
    assert judged(*HANDSHAKE, *listing, established=1).code == "ok"


def test_a_request_that_the_capture_lost() -> None:
    story = play(*HANDSHAKE, S("FIN,ACK", ack=1_000_200), C("FIN,ACK", seq=1_000_200), S("ACK"))
    story.responder.acked_unseen = 1
    assert judge(story, around(story)).code == "capture.partial"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (MYSQL_FULL, 'a greeting of 27 bytes, "Too many connections", before'),
        (b"-ERR max number of clients reached\r\n", '"-ERR max number of clients reached"'),
        (b"\x1b[31mred\r\n", "a greeting of 10 bytes, before"),
        (b"\xff\x00\x01", "a greeting of 3 bytes, before"),
        (b"{initiator}\r\n", '"{initiator}"'),
    ],
)
def test_the_servers_own_words_are_told(said: bytes, told: str) -> None:
    story = play(*HANDSHAKE, S("PSH,ACK", said), C("ACK"), *HUNG_UP)
    verdict = judge(story, around(story, first_bytes={b"AUTH": 3}))
    assert told in fill(KIND, verdict, story).explanation


@pytest.mark.parametrize(("after", "sure", "others"), [(5_003, 0.6, 1), (7_300, 0.85, 0)])
def test_a_silent_client_that_is_closed_on_at_a_timers_value(
    after: int, sure: float, others: int
) -> None:
    verdict = judged(*HANDSHAKE, S("FIN,ACK", after=after), C("FIN,ACK"), S("ACK"))
    assert verdict.code == "tcp.closed_before_request"
    assert (verdict.confidence, len(verdict.notes)) == (sure, others)
    assert [other.code for other in verdict.alternatives] == ["ok"] * others
