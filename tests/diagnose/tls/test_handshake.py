"""Handshakes broken off without an alert: reset, closed, never answered."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge, refine
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.tls.breakoff import break_off
from pcapdiag.diagnose.tls.commands import s_client
from pcapdiag.diagnose.tls_state import tls_facts
from pcapdiag.model.application import Protocol
from pcapdiag.model.context import TlsServerFacts
from pcapdiag.model.report import Attribution
from pcapdiag.model.tls import Message
from tests.diagnose.playbook import START, C, Line, S, again, around, sides
from tests.diagnose.tls.scenes import (
    ACKED,
    CCS,
    DONE,
    FINISHED_12,
    FLIGHT_12,
    FLIGHT_13,
    HANDSHAKE_TYPE,
    HELLO,
    HUNG_UP,
    KEYS_12,
    LEFT,
    SECURED,
    TICKETS,
    TLS13,
    alert,
    answer,
    given,
    hello,
    record,
    records,
    scene,
    told,
)

pytestmark = pytest.mark.once

RESET = S("RST,ACK", win=500, after=2)
FLIGHT_OF_CLIENT = C("PSH,ACK", record(CCS, 1) + records(69))


def test_a_reset_in_answer_to_the_hello() -> None:
    verdict = told(HELLO, ACKED, RESET)
    assert verdict.code == "tls.handshake_reset"
    assert verdict.phase == "tls_handshake"
    assert verdict.reset is not None
    assert verdict.candidates == ()
    assert "tls.sni_rejected" in [other.code for other in verdict.alternatives]


def test_a_reset_by_the_client_after_the_servers_flight() -> None:
    verdict = told(HELLO, FLIGHT_12, C("RST,ACK", win=500), **given())
    assert verdict.code == "tls.handshake_reset"
    assert sides(verdict)["initiator"] > 0.9
    assert verdict.alternatives[0].code == "tls.certificate_rejected"


def test_a_forged_reset_in_the_handshake() -> None:
    story = scene(HELLO, ACKED, RESET)
    context = around(story)
    path = Attribution(side="path", party="middlebox", confidence=0.95)
    assert refine(judge(story, context), path, story, context).code == "tcp.injected_reset"


def test_a_fin_before_the_hello_answers_none() -> None:
    verdict = told(S("FIN,ACK", after=0.3), HELLO, S("RST", after=0.1))
    assert verdict.code == "tcp.closed_before_request"
    assert verdict.facts["since_start"] == "0.3 ms"


def test_a_fin_in_answer_to_the_hello() -> None:
    verdict = told(HELLO, ACKED, *HUNG_UP)
    assert verdict.code == "tls.handshake_closed"
    assert verdict.ended_by == "responder"
    assert {o.code for o in verdict.alternatives} == {
        "tls.sni_rejected",
        "protocol.tls_to_plaintext",
    }


def test_a_client_that_leaves_without_a_word() -> None:
    verdict = told(HELLO, FLIGHT_12, *LEFT, **given("other.example"))
    assert verdict.code == "tls.handshake_closed"
    assert sides(verdict)["initiator"] > 0.9
    assert verdict.alternatives[0].code == "tls.certificate_name_mismatch"
    assert verdict.fix_at[0] == "initiator"


def test_the_clients_late_goodbye_does_not_make_it_the_one_who_ended() -> None:
    late = C("PSH,ACK", record(21, 2, bytes((1, 0))), after=1)
    verdict = told(HELLO, ACKED, S("FIN,ACK"), late, C("FIN,ACK"))
    assert verdict.code == "tls.handshake_closed"
    assert verdict.ended_by == "responder"


def test_tickets_end_the_handshake() -> None:
    verdict = told(HELLO, FLIGHT_13, FLIGHT_OF_CLIENT, TICKETS, *HUNG_UP, tickets=2, **SECURED)
    assert verdict.code == "tcp.closed_before_request"
    assert verdict.phase == "before_request"


def test_a_fin_right_behind_the_handshake_is_none_to_the_request_that_came_after_it() -> None:
    keys, request = C("PSH,ACK", KEYS_12), C("PSH,ACK", records(800), after=700)
    closed = (HELLO, FLIGHT_12, keys, FINISHED_12, S("FIN,ACK"), request, S("RST", after=20))
    verdict = told(*closed, client_data=1, **DONE, **given())
    assert verdict.code == "tcp.closed_before_request"
    assert verdict.facts["since_start"] == "1.2 ms"
    read = (HELLO, FLIGHT_12, keys, FINISHED_12, request, S("FIN,ACK"), C("FIN,ACK"))
    verdict = told(*read, client_data=1, **DONE, **given())
    assert verdict.code == "tcp.closed_before_response"


def test_a_server_that_closes_an_unused_connection_after_long() -> None:
    later = (S("FIN,ACK", after=60_000), C("FIN,ACK"), S("ACK"))
    assert told(HELLO, FLIGHT_13, FLIGHT_OF_CLIENT, *later, **SECURED).code == "ok"


def test_a_client_that_closes_an_unused_connection() -> None:
    lines = (HELLO, FLIGHT_13, FLIGHT_OF_CLIENT, TICKETS, C("PSH,ACK", records(19)), *LEFT)
    assert told(*lines, tickets=2, **SECURED).code == "ok"


def test_another_protocol_in_answer_is_no_broken_handshake() -> None:
    other = "bytes of the server are no TLS record"
    story = scene(HELLO, S("PSH,ACK", b"SSH-2.0-OpenSSH_9.2\r\n"), *HUNG_UP, problem=other)
    assert story.application is not None
    above = replace(story.application, responder_speaks="other")
    story = replace(story, application=above)
    assert break_off(story) is None
    assert not judge(story, around(story)).code.startswith("tls.")


def test_without_facts_the_plain_codes_speak() -> None:
    story = replace(scene(HELLO, ACKED, RESET), application=None)
    assert judge(story, around(story)).code == "tcp.reset_before_response"


def test_an_acknowledged_hello_that_nobody_answered() -> None:
    verdict = told(HELLO, ACKED, C("FIN,ACK", after=5000))
    assert verdict.code == "tls.handshake_timeout"
    assert sides(verdict)["responder"] > 0.9
    assert verdict.ended_by == "initiator"


def test_a_client_that_leaves_soon_had_no_time_to_lose_patience() -> None:
    verdict = told(HELLO, ACKED, C("FIN,ACK", after=37))
    assert verdict.code == "tls.handshake_closed"
    assert verdict.alternatives[0].code == "tcp.initiator_abort"


@pytest.mark.parametrize(
    "left", [C("FIN,ACK", after=320), C("RST,ACK", win=500, after=320)], ids=["FIN", "RST"]
)
def test_a_client_that_left_unheard_after_more_than_an_answer_takes_is_not_blamed(
    left: Line,
) -> None:
    at = replace(hello(), time=scene(HELLO, ACKED, left).turn.request_time)
    verdict = told(HELLO, ACKED, left, client_hello=at)
    assert verdict.code.startswith("tls.handshake_")
    assert max(sides(verdict).values()) == 0.5
    soon = told(HELLO, ACKED, replace(left, after=37), client_hello=at)
    assert sides(soon)["initiator"] > 0.9


def test_a_client_that_leaves_before_an_answer_can_come_had_none_to_refuse() -> None:
    """One of several connections that it no longer needs, or a program that was stopped."""
    left = C("FIN,ACK", after=0.05)
    late = (left, ACKED, FLIGHT_12, S("FIN,ACK"), C("RST"))
    story = scene(HELLO, *late)
    at = replace(hello(), time=story.turn.request_time)
    verdict = told(HELLO, *late, client_hello=at)
    assert verdict.alternatives[0].code == "tcp.initiator_abort"
    assert sides(verdict)["initiator"] > 0.9
    assert "left before an answer could have come" in verdict.fixes[0]
    waited = told(HELLO, replace(left, after=9), *late[1:], client_hello=at)
    assert (waited.code, waited.fixes) == (verdict.code, ())


def test_an_answer_after_the_client_had_left_is_none() -> None:
    lines = (HELLO, ACKED, C("FIN,ACK", after=2000), replace(FLIGHT_12, after=500), C("RST"))
    verdict = told(*lines, **given())
    assert verdict.code == "tls.handshake_timeout"


def test_a_goodbye_at_the_timeout_is_not_what_it_waited_for() -> None:
    goodbye = C("PSH,ACK", record(21, 2, bytes((1, 0))), after=5000)
    verdict = told(HELLO, ACKED, goodbye, C("FIN,ACK"))
    assert verdict.code == "tls.handshake_timeout"


def test_a_client_that_never_goes_on() -> None:
    later = (C("ACK"), S("FIN,ACK", after=30_000), C("FIN,ACK"))
    verdict = told(HELLO, FLIGHT_12, *later, **given())
    assert verdict.code == "tls.handshake_timeout"
    assert sides(verdict)["initiator"] > 0.8
    assert verdict.fix_at[0] == "initiator"


LOST = replace(HELLO, lost=True)


def test_a_hello_that_never_got_there() -> None:
    tries = again(LOST, 200, 400, 800, 1600)
    verdict = told(LOST, *tries, C("FIN,ACK", after=2000, lost=True))
    assert verdict.code == "tls.handshake_timeout"
    assert max(sides(verdict), key=lambda side: sides(verdict)[side]) == "path"


def test_four_repeats_are_enough_where_the_file_ends() -> None:
    tries = again(LOST, 200, 400, 800, 1600)
    assert told(LOST, *tries, left=0.1).code == "tls.handshake_timeout"
    assert told(LOST, *tries[:2], left=0.1).code == "capture.partial"


def test_a_big_hello_may_have_met_a_path_mtu_hole() -> None:
    big = C("PSH,ACK", record(22, 1400, b"\x01"), after=1, lost=True)
    verdict = told(big, *again(big, 200, 400, 800), C("FIN,ACK", after=5000, lost=True))
    assert verdict.code == "tls.handshake_timeout"
    assert verdict.alternatives[0].code == "mtu.black_hole"


def test_a_handshake_under_way_when_the_file_ends() -> None:
    assert told(HELLO, ACKED, left=0.1).code == "capture.partial"
    assert told(HELLO, FLIGHT_12, left=0.1, **given()).code == "ok"


def test_frames_of_the_handshake_are_named() -> None:
    verdict = told(HELLO, ACKED, RESET)
    assert verdict.frames == (4, 6)


def test_a_flight_that_the_capture_lost_may_have_ended_the_handshake() -> None:
    whole = scene(HELLO, FLIGHT_13, C("ACK"), *HUNG_UP, server_hello=answer(TLS13))
    assert judge(whole, around(whole)).code == "tls.handshake_closed"
    lost = replace(whole, responder=replace(whole.responder, acked_unseen=1))
    assert not judge(lost, around(lost)).failed


def test_a_hello_that_vanishes_for_one_name_only_points_to_a_filter() -> None:
    server = TlsServerFacts(names_accepted={"www.example": 1})
    lines = (LOST, *again(LOST, 200, 400, 800, 1600), C("FIN,ACK", after=2000, lost=True))
    verdict = told(*lines, server=server)
    assert verdict.code == "tls.handshake_timeout"
    assert "www.example works" in verdict.candidates[0].why
    assert sides(verdict)["path"] > sides(told(*lines))["path"]


def test_a_hello_without_an_answer_for_seconds_is_the_servers_doing() -> None:
    verdict = told(HELLO, ACKED, C("FIN,ACK", after=3110), S("FIN,ACK"), C("ACK"))
    assert verdict.code == "tls.handshake_timeout"
    assert sides(verdict)["responder"] > 0.9
    soon = told(HELLO, ACKED, C("FIN,ACK", after=310), S("FIN,ACK"), C("ACK"))
    assert soon.code == "tls.handshake_closed"


@pytest.mark.parametrize(("alpn", "code"), [((), "tcp.closed_before_response"), (("h2",), "ok")])
def test_a_short_request_in_tls_where_it_is_no_http2(alpn: tuple[str, ...], code: str) -> None:
    used = (C("PSH,ACK", records(90)), S("PSH,ACK", records(90)), C("PSH,ACK", records(32)))
    lines = (HELLO, FLIGHT_13, FLIGHT_OF_CLIENT, TICKETS, *used, *HUNG_UP)
    offer = hello(alpn=alpn)
    verdict = told(*lines, client_hello=offer, client_data=2, server_data=1, **SECURED)
    assert verdict.code == code


def test_a_second_flight_that_snaplen_cut_may_have_held_the_finished() -> None:
    cut = (HELLO, FLIGHT_13, C("PSH,ACK", record(CCS, 1)), *LEFT)
    assert told(*cut, server_hello=answer(TLS13)).code == "tls.handshake_closed"
    assert not told(*cut, server_hello=answer(TLS13), incomplete=True).failed
    assert told(HELLO, ACKED, *LEFT, incomplete=True).code == "tls.handshake_closed"


def test_what_the_server_said_too_late_is_not_the_last_message() -> None:
    late = S("PSH,ACK", FLIGHT_13.data, after=3)
    story = scene(HELLO, ACKED, C("FIN,ACK", after=3110), late, stopped_at="Finished by the server")
    verdict = judge(story, around(story))
    assert verdict.facts["step"] == "ClientHello by the client"
    rest = (S("PSH,ACK", record(HANDSHAKE_TYPE, 90)), C("FIN,ACK", after=2), late)
    story = scene(HELLO, ACKED, *rest, stopped_at="ServerHelloDone by the server")
    assert judge(story, around(story)).facts["step"] == "the beginning of the server's flight"


@pytest.mark.parametrize(
    ("greeting", "asked", "protocol"),
    [
        (b"", bytes.fromhex("0000000804d2162f"), "-starttls postgres "),
        (b"\x64\x00\x00\x00\x0a10.11", b"\x20\x00\x00\x01", "-starttls mysql "),
        (b"220 mail\r\n", b"EHLO a\r\n", "-starttls smtp "),
        (b"220 files\r\n", b"AUTH TLS\r\n", "-starttls ftp "),
        (b"* OK ready\r\n", b"a STARTTLS\r\n", "-starttls imap "),
        (b"", b"0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037", "-starttls ldap "),
        (b"", HELLO.data, ""),
    ],
)
def test_the_command_begins_tls_as_the_client_did(
    greeting: bytes, asked: bytes, protocol: str
) -> None:
    story = replace(scene(HELLO), hello_initiator=asked, hello_responder=greeting)
    command = s_client(story, tls_facts(story))
    assert (protocol or "openssl") in command
    assert ("-starttls" in command) is bool(protocol)
    other = s_client(story, tls_facts(story), "other.example")
    assert "-servername other.example" in other
    assert (protocol or "openssl") in other


def test_a_handshake_within_another_protocol_is_broken_off_as_well() -> None:
    """Behind STARTTLS, or behind a greeting in the clear as NATS gives it."""
    story = scene(HELLO, FLIGHT_13, *LEFT, server_hello=answer(TLS13))
    above = story.application
    assert above is not None
    pairs: list[tuple[Protocol, Protocol]] = [("other", "other"), ("tls", "other"), ("tls", "tls")]
    for mine, other in pairs:
        above.initiator_speaks, above.responder_speaks = mine, other
        verdict = judge(replace(story), around(story, 10.0))
        assert verdict.code == "tls.handshake_closed"
        assert sides(verdict)["initiator"] > 0.9
    above.tls = replace(above.tls, records=above.tls.records[:1]) if above.tls else None
    above.initiator_speaks, above.responder_speaks = "tls", "other"
    assert judge(replace(story), around(story, 10.0)).code != "tls.handshake_closed"


def test_nothing_came_back_to_a_client_hello_that_snaplen_cut() -> None:
    def verdict(cut: int, after: float) -> Judgement:
        story = scene(HELLO, ACKED, C("FIN,ACK", after=after), records=())
        story.initiator.truncated = cut
        return judge(story, around(story))

    waited = verdict(1, 4000)
    assert waited.code == "tls.handshake_timeout"
    assert sides(waited)["responder"] > 0.9
    # Half a hello that was sent so needs no answer.
    assert verdict(0, 4000).code == "tls.handshake_closed"
    assert verdict(1, 3).code == "tls.handshake_closed"


def test_a_client_that_had_the_certificate_is_asked_why_it_left() -> None:
    left = told(HELLO, FLIGHT_13, *LEFT)
    assert left.code == "tls.handshake_closed"
    assert "had the server's certificate" in left.fixes[0]
    assert not told(HELLO, ACKED, *HUNG_UP).fixes


def test_a_flight_that_met_a_fin_is_no_request_on_a_stale_connection() -> None:
    """The server gave up waiting; the client's flight came later, and met no connection."""
    late = (S("FIN,ACK", after=1650), C("ACK"), C("PSH,ACK", KEYS_12, after=1100), S("RST"))
    verdict = told(HELLO, FLIGHT_12, *late, **given())
    assert verdict.code == "tls.handshake_timeout"
    assert sides(verdict)["initiator"] > 0.8


def test_a_server_that_stops_within_its_flight_waits_for_nobody() -> None:
    hello_12 = Message(frame=6, time=START, from_initiator=False, type=2, length=90)
    part = S("PSH,ACK", record(HANDSHAKE_TYPE, 90, b"\x02"), after=1)
    closed = (C("ACK"), S("FIN,ACK", after=9000), C("FIN,ACK"))
    verdict = told(HELLO, part, *closed, messages=(hello_12,), server_hello=answer())
    assert verdict.code == "tls.handshake_closed"
    assert sides(verdict)["responder"] > 0.8
    part = S("PSH,ACK", record(HANDSHAKE_TYPE, 122, b"\x02") + records(23), after=1)
    verdict = told(HELLO, part, *closed, messages=(hello_12,), server_hello=answer(TLS13))
    assert verdict.code == "tls.handshake_closed"
    whole = replace(hello_12, type=14)
    verdict = told(HELLO, FLIGHT_12, *closed, messages=(hello_12, whole), **given())
    assert verdict.code == "tls.handshake_timeout"


def test_a_servers_goodbyes_at_its_timeout_are_not_what_it_waited_for() -> None:
    """OpenJDK says user_canceled and close_notify, both padded."""
    bye = (C("ACK"), S("PSH,ACK", records(35), after=3010), S("PSH,ACK", records(35)))
    verdict = told(HELLO, FLIGHT_13, *bye, S("FIN,ACK"), C("FIN,ACK"), server_hello=answer(TLS13))
    assert verdict.code == "tls.handshake_timeout"
    assert sides(verdict)["initiator"] > 0.8


def test_a_client_that_says_user_canceled_at_its_timeout_waited_for_the_server() -> None:
    bye = (alert(C, 90, level=1), alert(C, 0, level=1), C("FIN,ACK"), S("ACK"))
    verdict = told(HELLO, ACKED, S("ACK", after=3000), *bye)
    assert verdict.code == "tls.handshake_timeout"
    assert sides(verdict)["responder"] > 0.9


def test_who_closes_its_direction_before_its_finished_has_left() -> None:
    """The server's flight came behind the client's FIN, whose kernel still acknowledged it."""
    lines = (HELLO, ACKED, C("FIN,ACK", after=5), FLIGHT_13, C("ACK"), S("FIN,ACK", after=40))
    verdict = told(*lines, C("ACK"), server_hello=answer(TLS13))
    assert verdict.code == "tls.handshake_closed"
    assert verdict.ended_by == "initiator"
    assert sides(verdict)["initiator"] > 0.9
