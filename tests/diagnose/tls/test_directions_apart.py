"""TLS where one direction was captured some milliseconds late, as a mirror port's queues do it."""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.model.packet import MASK32
from tests.diagnose.playbook import C, S
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
    answer,
    given,
    record,
    records,
    told,
)


def test_a_client_that_had_got_what_was_captured_behind_its_close() -> None:
    """A mirror port brought the server's packets late: their numbers were acknowledged before."""
    keys, after = C("PSH,ACK", KEYS_12), S("FIN,ACK")
    left = told(HELLO, FLIGHT_12, keys, C("FIN,ACK"), after, **given())
    assert left.code == "tls.handshake_closed"
    got = (4_294_967_201 + len(FLIGHT_12.data)) & MASK32
    early = (replace(keys, ack=got), C("FIN,ACK", ack=got))
    assert not told(HELLO, *early, FLIGHT_12, after, **given()).failed


def test_where_the_directions_came_apart_no_place_tells_a_record() -> None:
    answered = replace(FLIGHT_13, ack=1_000_001 + len(HELLO.data))
    flight = C("PSH,ACK", record(CCS, 1) + records(25, 53))
    verdict = told(answered, HELLO, flight, S("PSH,ACK", records(19), after=1), *HUNG_UP, **SECURED)
    assert verdict.code != "tls.client_certificate_required"


def test_an_answer_that_the_fin_acknowledges_was_heard_though_captured_behind_it() -> None:
    """The server's packets were captured late."""
    answered = S("PSH,ACK", records(400), after=1)
    sent = len(FLIGHT_12.data) + len(FINISHED_12.data)
    asked = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), FINISHED_12, C("PSH,ACK", records(90)))
    for got, failed in ((sent + len(answered.data), False), (sent, True)):
        leaves = C("FIN,ACK", after=1000, ack=(4_294_967_201 + got) & MASK32)
        lines = (*asked, S("ACK"), leaves, answered, S("FIN,ACK"))
        known = told(*lines, server_hello=answer(), client_data=1, server_data=1, **DONE)
        assert known.failed is failed
