"""A responder that says goodbye inside TLS, and whose FIN comes after the initiator's."""

from __future__ import annotations

from tests.diagnose.playbook import C, Line, S
from tests.diagnose.tls.scenes import (
    FINISHED_13,
    FLIGHT_13,
    HELLO,
    LEFT,
    SECURED,
    TICKETS,
    records,
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
    assert ended(REQUEST, S("ACK"), leaves, GOODBYE, *LEFT)[2] != "responder"


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
