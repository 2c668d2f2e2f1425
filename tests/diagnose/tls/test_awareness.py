"""What TLS facts change in the plain codes: handshake, tickets and goodbyes are no requests."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tls_state import nothing_answered, request_number
from pcapdiag.diagnose.work import Work, work
from tests.diagnose.playbook import C, S, around
from tests.diagnose.tls.scenes import (
    CCS,
    DONE,
    FINISHED_12,
    FLIGHT_12,
    FLIGHT_13,
    HELLO,
    HUNG_UP,
    KEYS_12,
    SECURED,
    TICKETS,
    TLS13,
    answer,
    record,
    records,
    scene,
    told,
)

pytestmark = pytest.mark.once

FINISHED = C("PSH,ACK", record(CCS, 1) + records(69))
WITH_REQUEST = C("PSH,ACK", record(CCS, 1) + records(69, 120))
REQUEST, ANSWER = C("PSH,ACK", records(120), after=2), S("PSH,ACK", records(800), after=2)
RESET = S("RST,ACK", win=500, after=2)


def test_tickets_behind_the_request_are_no_answer() -> None:
    lines = (HELLO, FLIGHT_13, WITH_REQUEST, TICKETS, RESET)
    verdict = told(*lines, tickets=2, client_data=1, **SECURED)
    assert verdict.code == "tcp.reset_before_response"
    assert verdict.phase == "before_response"
    assert verdict.facts["turn"] == "1"


def test_a_single_record_may_be_a_short_answer() -> None:
    lines = (HELLO, FLIGHT_13, WITH_REQUEST, S("PSH,ACK", records(250), after=1), *HUNG_UP)
    story = scene(*lines, tickets=1, client_data=1, **SECURED)
    assert not nothing_answered(story)
    assert judge(story, around(story)).code == "ok"


def test_records_of_different_size_may_be_an_answer() -> None:
    lines = (HELLO, FLIGHT_13, WITH_REQUEST, S("PSH,ACK", records(250, 407), after=1), *HUNG_UP)
    assert told(*lines, tickets=2, client_data=1, **SECURED).code == "ok"


def test_a_request_after_the_tickets_that_nobody_answered() -> None:
    lines = (HELLO, FLIGHT_13, FINISHED, TICKETS, REQUEST, S("ACK"), C("FIN,ACK", after=15_000))
    verdict = told(*lines, tickets=2, client_data=1, **SECURED)
    assert verdict.code == "tcp.response_timeout"
    assert verdict.phase == "before_response"


def test_a_reset_before_any_request() -> None:
    lines = (HELLO, FLIGHT_13, FINISHED, TICKETS, RESET)
    verdict = told(*lines, tickets=2, **SECURED)
    assert verdict.code == "tcp.reset_before_request"
    assert verdict.phase == "before_request"


def test_requests_are_counted_without_the_handshake() -> None:
    lines = (HELLO, FLIGHT_13, FINISHED, TICKETS, REQUEST, ANSWER, REQUEST, RESET)
    story = scene(*lines, tickets=2, client_data=2, server_data=1, **SECURED)
    assert request_number(story) == 2
    assert judge(story, around(story)).facts["turn"] == "2"


def test_a_request_in_the_handshakes_last_flight_is_the_first() -> None:
    lines = (HELLO, FLIGHT_13, WITH_REQUEST, ANSWER, REQUEST, RESET)
    story = scene(*lines, client_data=2, server_data=1, **SECURED)
    assert request_number(story) == 2


def test_a_fin_that_crossed_the_first_request_is_no_stale_connection() -> None:
    crossing = (HELLO, FLIGHT_13, S("FIN,ACK", lost=True, after=1), WITH_REQUEST, S("RST"))
    verdict = told(*crossing, client_data=1, **SECURED)
    assert verdict.code != "tcp.stale_connection"


def test_a_stale_connection_inside_tls() -> None:
    late = replace(REQUEST, after=9000, lost=True)
    lines = (HELLO, FLIGHT_13, WITH_REQUEST, ANSWER, C("ACK"), late, S("RST"))
    verdict = told(*lines, client_data=2, server_data=1, **SECURED)
    assert verdict.code == "tcp.stale_connection"


def test_the_phase_follows_the_facts() -> None:
    begun = scene(HELLO, FLIGHT_13, FINISHED, server_hello=answer(TLS13))
    assert phase_at(begun, begun.end) == "tls_handshake"
    done = scene(HELLO, FLIGHT_13, FINISHED, **SECURED)
    assert phase_at(done, done.end) == "before_request"
    assert work(done) is Work.NOTHING


def test_a_hole_leaves_it_to_the_bytes() -> None:
    story = scene(HELLO, FLIGHT_13, FINISHED, server_hello=answer(TLS13), incomplete=True)
    assert phase_at(story, story.end) != "tls_handshake"


def test_a_capture_that_began_later_has_no_handshake() -> None:
    story = scene(HELLO, FLIGHT_13, FINISHED, started=False, **SECURED)
    assert work(story) is not Work.NOTHING


def test_a_reset_behind_the_clients_goodbye_is_an_effect() -> None:
    goodbye = C("PSH,ACK", records(19), after=0.1)
    lines = (HELLO, FLIGHT_13, WITH_REQUEST, ANSWER, goodbye, S("PSH,ACK", records(38)), RESET)
    assert told(*lines, client_data=1, server_data=2, **SECURED).code == "ok"
    at_once = told(*lines[:4], RESET, client_data=1, server_data=2, **SECURED)
    assert at_once.code == "tcp.reset_in_response"


def test_turns_of_a_handshake_are_known_where_what_follows_it_was_not_kept() -> None:
    """TLS 1.2 shows where data begins; of a long upload only the beginning is kept."""
    upload = C("PSH,ACK", records(9000), after=1)
    lines = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), FINISHED_12, upload, S("ACK"))
    story = scene(*lines, server_hello=answer(), client_data=1, incomplete=True, **DONE)
    assert request_number(story) == 1
