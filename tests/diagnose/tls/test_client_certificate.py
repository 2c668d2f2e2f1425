"""Client certificates: wanted and missing, or refused; in clear, and hidden by TLS 1.3."""

from __future__ import annotations

from typing import Unpack

import pytest

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.tls import ServerHello
from tests.diagnose.playbook import START, C, Line, S, sides
from tests.diagnose.tls.fields import Facts, Secured
from tests.diagnose.tls.scenes import (
    CCS,
    DAY,
    FLIGHT_12,
    FLIGHT_13,
    HELLO,
    HUNG_UP,
    KEYS_12,
    LEFT,
    NO_CERTIFICATE,
    SECURED,
    TICKETS,
    TLS13,
    alert,
    answer,
    certificate,
    given,
    record,
    records,
    told,
)

pytestmark = pytest.mark.once

CLIENTS_CCS = record(CCS, 1)
REFUSAL = S("PSH,ACK", records(19), after=1)
UNFINISHED: Secured = {**SECURED, "client_finished": False}


@pytest.mark.parametrize("code", [40, 42, 50, 116])
def test_an_alert_after_an_empty_certificate(code: int) -> None:
    verdict = told(
        *(HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), alert(S, code), *HUNG_UP),
        certificate_request=6,
        client_certificates=NO_CERTIFICATE,
        **given(),
    )
    assert verdict.code == "tls.client_certificate_required"
    assert verdict.envoy == ("UF", "remote connection failure")
    assert sides(verdict)["responder"] > 0.9


def test_alert_116_read_with_keys() -> None:
    lines = (HELLO, FLIGHT_13, C("PSH,ACK", CLIENTS_CCS + records(25, 53)), alert(S, 116))
    verdict = told(*lines, *HUNG_UP, key_state="decrypted", **SECURED)
    assert verdict.code == "tls.client_certificate_required"
    assert verdict.envoy == ("UC", "connection termination")


SHA256, SHA384 = answer(TLS13), answer(TLS13, cipher=0x1302)


def hidden(flight: bytes, *after: Line, **facts: Unpack[Facts]) -> Judgement:
    lines = (HELLO, FLIGHT_13, C("PSH,ACK", flight))
    known: Facts = {**SECURED, **facts}
    return told(*lines, *(after or (REFUSAL, *HUNG_UP)), **known)


EMPTY = [
    (SHA256, (25, 53)),
    (SHA256, (61,)),
    (SHA256, (41, 69)),
    (SHA256, (77,)),
    (SHA384, (25, 69)),
    (SHA384, (77,)),
    (SHA384, (41, 85)),
]


@pytest.mark.parametrize(("chosen", "sizes"), EMPTY)
def test_a_flight_longer_by_an_empty_certificate(
    chosen: ServerHello, sizes: tuple[int, ...]
) -> None:
    verdict = hidden(CLIENTS_CCS + records(*sizes), server_hello=chosen)
    assert verdict.code == "tls.client_certificate_required"
    assert verdict.confidence < 0.9
    assert verdict.envoy == ("UC", "connection termination")
    assert verdict.notes


def test_the_request_may_have_been_sent_already() -> None:
    verdict = hidden(CLIENTS_CCS + records(25, 53, 90), client_data=1)
    assert verdict.code == "tls.client_certificate_required"


def test_a_flight_with_a_real_certificate() -> None:
    verdict = hidden(CLIENTS_CCS + records(820, 96, 53))
    assert verdict.code == "tls.certificate_rejected"
    assert verdict.fix_at == ("initiator", "responder")
    assert "tcp.closed_before_response" in [other.code for other in verdict.alternatives]


def test_a_bare_finished_may_have_met_a_dead_backend() -> None:
    verdict = hidden(CLIENTS_CCS + records(53))
    assert verdict.code == "tls.handshake_closed"
    assert verdict.confidence < 0.85
    assert "backend" in verdict.facts["hint"]


def test_a_bare_finished_and_a_request() -> None:
    verdict = hidden(CLIENTS_CCS + records(53, 90), client_data=1)
    assert verdict.code == "tcp.closed_before_response"


def test_tickets_show_that_the_flight_was_taken() -> None:
    lines = (TICKETS, C("PSH,ACK", records(92)), S("PSH,ACK", records(406, 19)), *HUNG_UP)
    flight = CLIENTS_CCS + records(25, 53)
    assert hidden(flight, *lines, tickets=2, client_data=1, server_data=1).code == "ok"


def test_a_refusal_comes_at_once() -> None:
    late = S("PSH,ACK", records(19), after=3000)
    verdict = hidden(CLIENTS_CCS + records(820, 96, 53), late, *HUNG_UP)
    assert verdict.code != "tls.certificate_rejected"


@pytest.mark.parametrize("size", [19, 35])
def test_the_client_refuses_instead_of_its_finished(size: int) -> None:
    refusal = C("PSH,ACK", CLIENTS_CCS + records(size))
    verdict = told(HELLO, FLIGHT_13, refusal, *LEFT, **UNFINISHED)
    assert verdict.code == "tls.certificate_rejected"
    assert sides(verdict)["initiator"] > 0.9
    assert verdict.confidence == pytest.approx(0.8)


def test_the_server_may_close_first_after_the_clients_refusal() -> None:
    refusal = C("PSH,ACK", CLIENTS_CCS + records(19))
    verdict = told(HELLO, FLIGHT_13, refusal, *HUNG_UP, **UNFINISHED)
    assert verdict.code == "tls.certificate_rejected"
    assert verdict.ended_by == "initiator"


def test_an_encrypted_alert_behind_the_servers_fin_is_an_effect() -> None:
    lines = (S("FIN,ACK", after=1), C("PSH,ACK", CLIENTS_CCS + records(19)), C("FIN,ACK"))
    verdict = told(HELLO, FLIGHT_13, *lines, **UNFINISHED)
    assert verdict.code == "tls.handshake_closed"
    assert verdict.ended_by == "responder"


def test_a_resumed_session_shows_no_certificate() -> None:
    verdict = hidden(CLIENTS_CCS + records(820, 96, 53), resumed=True)
    assert verdict.code != "tls.certificate_rejected"


def test_a_server_that_closes_at_the_empty_certificate_without_an_alert() -> None:
    lines = (HELLO, FLIGHT_13, C("PSH,ACK", CLIENTS_CCS + records(41)), *HUNG_UP)
    verdict = told(*lines, server_hello=SHA384)
    assert verdict.code == "tls.client_certificate_required"
    assert verdict.confidence < 0.8
    assert verdict.alternatives[0].code == "tls.handshake_closed"


def test_a_close_that_crossed_the_flight_did_not_refuse_it() -> None:
    lost = C("PSH,ACK", CLIENTS_CCS + records(25, 53), lost=True)
    verdict = told(HELLO, FLIGHT_13, lost, *HUNG_UP, **SECURED)
    assert verdict.code != "tls.client_certificate_required"


def test_the_client_may_answer_the_refusal_with_its_fin() -> None:
    verdict = hidden(CLIENTS_CCS + records(25, 53), REFUSAL, *LEFT)
    assert verdict.code == "tls.client_certificate_required"
    assert verdict.ended_by == "responder"


def test_a_farewell_that_answers_the_clients_is_no_refusal() -> None:
    flight = CLIENTS_CCS + records(25, 53)
    goodbye = C("PSH,ACK", records(19), after=0.1)
    assert hidden(flight, goodbye, REFUSAL, *LEFT).code == "ok"


@pytest.mark.parametrize("end", [S("FIN,ACK", after=2), S("RST,ACK", win=500, after=2)])
def test_a_close_behind_a_real_certificate_may_be_a_refusal(end: Line) -> None:
    flight = CLIENTS_CCS + records(820, 96, 53, 90)
    verdict = hidden(flight, S("ACK"), end, C("FIN,ACK"), client_data=1)
    assert verdict.code in ("tcp.closed_before_response", "tcp.reset_before_response")
    assert verdict.alternatives[0].code == "tls.certificate_rejected"


def test_a_close_long_after_a_certificate_is_not() -> None:
    flight, late = CLIENTS_CCS + records(820, 96, 53, 90), S("FIN,ACK", after=900)
    verdict = hidden(flight, S("ACK"), late, C("FIN,ACK"), client_data=1)
    assert verdict.code == "tcp.closed_before_response"
    assert verdict.alternatives == ()


KEYS = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), *HUNG_UP)


def test_a_close_on_a_readable_empty_certificate() -> None:
    verdict = told(*KEYS, certificate_request=6, client_certificates=NO_CERTIFICATE, **given())
    assert verdict.code == "tls.client_certificate_required"
    assert verdict.alternatives[0].code == "tls.handshake_closed"


@pytest.mark.parametrize(
    ("ends", "code"),
    [(START + DAY, "tls.certificate_rejected"), (START - DAY, "tls.certificate_expired")],
)
def test_a_close_on_a_readable_client_certificate(ends: int, code: str) -> None:
    own = certificate(not_after=ends, purposes=("clientAuth",))
    verdict = told(*KEYS, certificate_request=6, client_certificates=own, **given())
    assert verdict.code == "tls.handshake_closed"
    assert verdict.confidence < 0.6
    assert verdict.alternatives[0].code == code


def test_an_alert_about_something_else_after_an_empty_certificate() -> None:
    verdict = told(
        *(HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), alert(S, 51), *HUNG_UP),
        certificate_request=6,
        client_certificates=NO_CERTIFICATE,
        **given(),
    )
    assert verdict.code == "tls.alert"


def test_where_records_were_left_out_sizes_tell_nothing() -> None:
    flight = CLIENTS_CCS + records(25, 53)
    whole = hidden(flight, server_hello=SHA256)
    assert whole.code == "tls.client_certificate_required"
    partly = hidden(flight, server_hello=SHA256, records_left_out=3)
    assert partly.code != "tls.client_certificate_required"
