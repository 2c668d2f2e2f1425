"""A responder that says goodbye inside TLS, and whose FIN comes after the initiator's."""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from tests.diagnose.playbook import C, Line, S, around
from tests.diagnose.tls.scenes import (
    CCS,
    DONE,
    FINISHED_12,
    FINISHED_13,
    FLIGHT_12,
    FLIGHT_13,
    HANDSHAKE_TYPE,
    HELLO,
    KEYS_12,
    LEFT,
    SECURED,
    TICKETS,
    alert,
    answer,
    hello,
    record,
    records,
    scene,
    told,
)

REQUEST = C("PSH,ACK", records(90), after=20)
GOODBYE = S("PSH,ACK", records(19), after=50)
READY = (HELLO, FLIGHT_13, FINISHED_13, TICKETS)


def ended(*lines: Line) -> tuple[str, str | None, str]:
    verdict = told(*READY, *lines, client_data=1, tickets=2, **SECURED)
    most = (
        max(verdict.candidates, key=lambda hint: hint.probability) if verdict.candidates else None
    )
    return verdict.code, verdict.ended_by, most.side if most else ""


def test_it_closed_instead_of_answering() -> None:
    said = ended(REQUEST, S("ACK"), GOODBYE, *LEFT)
    assert said == ("tcp.closed_before_response", "responder", "responder")


def test_also_where_its_own_fin_is_not_seen() -> None:
    assert ended(REQUEST, S("ACK"), GOODBYE, C("FIN,ACK"))[0] == "tcp.closed_before_response"


def test_an_initiator_that_says_goodbye_first_has_left() -> None:
    leaves = C("PSH,ACK", records(19), after=700)
    assert ended(REQUEST, S("ACK"), leaves, GOODBYE, *LEFT)[0] == "tcp.response_timeout"


def test_after_an_answer_it_is_the_usual_end() -> None:
    answered = S("PSH,ACK", records(900), after=30)
    verdict = told(
        *READY,
        REQUEST,
        answered,
        GOODBYE,
        *LEFT,
        client_data=1,
        server_data=1,
        tickets=2,
        **SECURED,
    )
    assert not verdict.failed


def test_a_client_that_says_goodbye_itself_after_a_wait_gave_up() -> None:
    leaves = C("PSH,ACK", records(19), after=1000)
    verdict = told(*READY, REQUEST, S("ACK"), leaves, *LEFT, client_data=1, tickets=2, **SECURED)
    assert verdict.code == "tcp.response_timeout"
    assert "a request of 90 bytes (frame 8)" in verdict.facts["asked"]
    assert verdict.facts["waited"] == "1 s"


def test_an_answer_that_comes_behind_its_goodbye_reached_nobody() -> None:
    leaves = C("PSH,ACK", records(19), after=1000)
    late = (C("FIN,ACK"), S("PSH,ACK", records(400), after=0.5), C("RST"))
    lines = (*READY, REQUEST, S("ACK"), leaves, *late)
    verdict = told(*lines, client_data=1, server_data=1, tickets=2, **SECURED)
    assert verdict.code == "tcp.response_timeout"


def test_an_answer_that_was_captured_before_its_request_is_no_missing_one() -> None:
    """A mirror port with a queue for each direction."""
    leaves = C("PSH,ACK", records(19), after=200)
    early = S("PSH,ACK", records(250, 250), after=0.5, ack=1_000_693)
    lines = (HELLO, FLIGHT_13, FINISHED_13, early, REQUEST, S("ACK"), leaves, *LEFT)
    assert not told(*lines, client_data=1, tickets=2, **SECURED).failed


def test_a_goodbye_right_behind_the_request_waits_for_nothing() -> None:
    leaves = C("PSH,ACK", records(19), after=2)
    verdict = told(*READY, REQUEST, S("ACK"), leaves, *LEFT, client_data=1, tickets=2, **SECURED)
    assert not verdict.failed


def test_tickets_are_no_answer_though_the_client_says_goodbye_after_them() -> None:
    at_once = C("PSH,ACK", records(90), after=0.1)
    end = (S("FIN,ACK", after=2), C("PSH,ACK", records(19), after=0.1), S("RST"))
    lines = (HELLO, FLIGHT_13, FINISHED_13, at_once, TICKETS, *end)
    verdict = told(*lines, client_data=1, tickets=2, **SECURED)
    assert verdict.code == "tcp.closed_before_response"
    assert verdict.frames == (7, 9)
    assert (verdict.facts["request_frame"], verdict.facts["turn"]) == ("7", "1")


def test_an_answer_and_a_goodbye_in_one_segment() -> None:
    at_once = C("PSH,ACK", records(90), after=0.1)
    answered = S("PSH,ACK", records(55, 19), after=0.5)
    end = (C("PSH,ACK", records(19), after=0.1), *LEFT)
    lines = (HELLO, FLIGHT_13, FINISHED_13, at_once, TICKETS, answered, *end)
    assert not told(*lines, client_data=1, server_data=1, tickets=2, **SECURED).failed


def test_nobody_answers_a_log_shipper() -> None:
    """No ALPN, and no port of HTTPS: its messages need not be requests."""
    leaves = C("PSH,ACK", records(19), after=1000)
    silent = replace(hello(), alpn=())
    facts = scene(*READY, REQUEST, S("ACK"), leaves, *LEFT, client_data=1, tickets=2, **SECURED)
    assert facts.application is not None
    assert facts.application.tls is not None
    facts.application.tls.client_hello = silent
    facts.responder.port = 6514
    assert not judge(facts, around(facts, 10.0)).failed


def test_on_http1_a_later_request_counts_too() -> None:
    answered = (S("PSH,ACK", records(900), after=30), C("ACK"))
    leaves = C("PSH,ACK", records(19), after=2000)
    lines = (*READY, REQUEST, *answered, REQUEST, S("ACK"), leaves, *LEFT)
    for alpn, code in ((("http/1.1",), "tcp.response_timeout"), (("h2", "http/1.1"), "ok")):
        seen = told(
            *lines,
            client_hello=hello(alpn=alpn),
            client_data=2,
            server_data=1,
            tickets=2,
            **SECURED,
        )
        assert seen.code == code


def test_a_websocket_need_not_be_answered() -> None:
    """It offers http/1.1 alone by ALPN, too; its client says Close, or had sent on unanswered."""
    answered = (S("PSH,ACK", records(300), after=30), C("ACK"))
    message, goodbye = C("PSH,ACK", records(90), after=2000), C("PSH,ACK", records(19), after=2000)
    close = C("PSH,ACK", records(25), after=1990)
    lives = {"client_hello": hello(alpn=("http/1.1",)), "tickets": 2}
    for number, more in ((3, (message, S("ACK"), close)), (3, (message, message, S("ACK")))):
        lines = (*READY, REQUEST, *answered, *more, goodbye, *LEFT)
        facts = scene(*lines, client_data=number, server_data=1, **SECURED)
        assert facts.application is not None
        assert facts.application.tls is not None
        facts.application.tls = replace(facts.application.tls, **lives)
        assert not judge(facts, around(facts)).failed


def test_a_request_behind_a_rest_met_the_fin_of_before() -> None:
    """SETTINGS with ACK, the client's last bytes before it rests, belong to the same turn."""
    answered = (S("PSH,ACK", records(900), after=30), C("PSH,ACK", records(26), after=1))
    stale = C("PSH,ACK", records(90), after=3000, lost=True)
    lines = (*READY, REQUEST, *answered, S("ACK"), S("FIN,ACK", after=2000), C("ACK"), stale)
    verdict = told(*lines, S("RST"), client_data=3, server_data=1, tickets=2, **SECURED)
    assert verdict.code == "tcp.stale_connection"
    assert verdict.facts["rested"] == " after 5 s of quiet"
    assert "long before the request" in verdict.facts["how"]


def test_a_request_long_after_the_servers_goodbye_came_too_late() -> None:
    """asyncio says close_notify when a connection has rested, and waits with its FIN."""
    answered = (S("PSH,ACK", records(900), after=30), C("ACK"))
    goodbye = (S("PSH,ACK", records(19), after=2000), C("ACK"))
    end = (S("FIN,ACK", after=3), C("FIN,ACK"), S("ACK"))
    for pause, code in ((1500, "tcp.stale_connection"), (20, "tcp.closed_before_response")):
        late = C("PSH,ACK", records(60), after=pause)
        lines = (*READY, REQUEST, *answered, *goodbye, late, *end)
        verdict = told(*lines, client_data=2, server_data=1, tickets=2, **SECURED)
        assert verdict.code == code
        if pause > 1000:
            assert "said goodbye inside TLS (frame 11) 1.5 s before" in verdict.facts["how"]
            assert verdict.frames == (11, 13, 14)


def test_a_client_that_leaves_by_fin_alone_does_not_half_close() -> None:
    """Java's HttpClient; its kernel acknowledges the answer that the server made of the FIN."""
    leaves = (C("FIN,ACK", after=2000), S("PSH,ACK", records(92), after=0.4))
    end = (S("PSH,ACK", records(19)), S("FIN,ACK"), C("ACK"))
    asked = (*READY, REQUEST, S("ACK"))
    gone = told(*asked, *leaves, *end, client_data=1, server_data=1, tickets=2, **SECURED)
    assert (gone.code, gone.facts["waited"]) == ("tcp.response_timeout", "2 s")
    at_once = (C("FIN,ACK", after=1), *leaves[1:])
    half = told(*asked, *at_once, *end, client_data=1, server_data=1, tickets=2, **SECURED)
    assert half.code == "ok"


def test_java_pads_its_records() -> None:
    """RST_STREAM of 13 bytes in a record of 46: no request."""
    padded = C("PSH,ACK", record(CCS, 1) + records(69), after=1)
    asked, cancelled = C("PSH,ACK", records(170), after=1), C("PSH,ACK", records(46), after=900)
    answered = S("PSH,ACK", records(62), after=1)
    lines = (HELLO, FLIGHT_13, padded, TICKETS, asked, answered, cancelled, S("ACK"))
    left = (C("FIN,ACK", after=400), S("FIN,ACK"), C("ACK"))
    assert not told(*lines, *left, client_data=2, server_data=1, tickets=2, **SECURED).failed
    plain = (HELLO, FLIGHT_13, C("PSH,ACK", record(CCS, 1) + records(53), after=1), *lines[3:])
    assert told(*plain, *left, client_data=2, server_data=1, tickets=2, **SECURED).failed


def test_an_initiator_that_never_encrypts_a_record_is_judged_all_the_same() -> None:
    """What it sends behind the goodbye is a handshake record, which TLS 1.3 has not in clear."""
    plain = C("PSH,ACK", record(HANDSHAKE_TYPE, 90), after=3000)
    refusal = alert(S, 0, level=1)
    end = (S("FIN,ACK"), C("ACK"))
    verdict = told(HELLO, FLIGHT_13, refusal, *end, plain, S("RST"), client_data=0, **SECURED)
    assert verdict.failed


def test_a_finished_is_no_answer_to_who_asked_before_it() -> None:
    """False Start (RFC 7918): the request goes out with the client's Finished."""
    asked = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), C("PSH,ACK", records(800), after=40))
    data, leaves = S("PSH,ACK", records(500), after=1), C("FIN,ACK", after=50)
    for rest, code in (
        ((FINISHED_12, C("ACK"), leaves, data, C("RST", options=0, win=0)), "tcp.initiator_abort"),
        ((FINISHED_12, data, C("ACK"), leaves), "ok"),
    ):
        verdict = told(*asked, *rest, server_hello=answer(), client_data=1, server_data=1, **DONE)
        assert verdict.code == code
        assert verdict.facts.get("got", "no byte back") == "no byte back"


def test_last_words_long_after_a_message_that_need_not_be_answered() -> None:
    """A push channel in TLS 1.2: a message, a minute of quiet, and a farewell of its own."""
    ready = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), FINISHED_12)
    used = (C("PSH,ACK", records(300)), S("PSH,ACK", records(120)), C("ACK"))
    message = (C("PSH,ACK", records(297), after=20_000), S("ACK", after=200))
    words = (C("PSH,ACK", records(32), after=80_000), *LEFT)
    for alpn, failed in (((), False), (("h2",), True)):
        known = hello(alpn=alpn, versions=(0x0303,))
        verdict = told(
            *ready,
            *used,
            *message,
            *words,
            client_hello=known,
            server_hello=answer(),
            client_data=3,
            server_data=1,
            **DONE,
        )
        assert verdict.failed is failed


def test_a_padded_goodbye_behind_the_servers_is_no_request() -> None:
    """OpenJDK's client answers close_notify, or a bare FIN, by one that is padded to 35 bytes."""
    finished = C("PSH,ACK", record(CCS, 1) + records(85), after=1)
    answered = S("PSH,ACK", records(4442), after=4)
    asked = (HELLO, FLIGHT_13, finished, TICKETS, REQUEST, answered)
    padded = C("PSH,ACK", records(35), after=217)
    for ended in (
        (S("PSH,ACK", records(19)), padded, S("FIN,ACK", after=13), C("FIN,ACK"), S("ACK")),
        (S("FIN,ACK"), C("ACK"), padded, S("RST")),
    ):
        verdict = told(*asked, *ended, client_data=1, server_data=1, tickets=2, **SECURED)
        assert not verdict.failed
    last = (C("PSH,ACK", records(90), after=217), S("FIN,ACK", after=13), C("FIN,ACK"))
    verdict = told(*asked, *last, client_data=2, server_data=1, tickets=2, **SECURED)
    assert verdict.code == "tcp.closed_before_response"
