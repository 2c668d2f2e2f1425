from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.model.application import Protocol
from tests.diagnose.http.spoken import ASKED, exchange, short, verdict
from tests.diagnose.playbook import HANDSHAKE, C, S, play

GREETED = (*ASKED, S("PSH,ACK", b"-ERR unknown command\r\n"), C("ACK"))
GAVE_UP = (C("FIN,ACK", after=0.3), S("FIN,ACK"), C("ACK"))
STRANGE = exchange(malformed="no status line", malformed_by="responder")
NO_STATUS = replace(STRANGE, status=None, complete=False)


def test_bytes_without_a_status_line() -> None:
    judgement = verdict(play(*GREETED, *GAVE_UP), NO_STATUS)
    assert judgement.code == "http.malformed_response"
    assert judgement.phase == "before_response"


def test_a_bad_chunk_wins_over_the_close_that_follows() -> None:
    bad = short(malformed="a chunk size that is no number", malformed_by="responder")
    judgement = verdict(play(*GREETED, *GAVE_UP), bad)
    assert judgement.code == "http.malformed_response"
    assert judgement.phase == "in_response"


def test_a_request_that_is_not_http_is_the_initiator_s() -> None:
    strange = exchange(status=400, malformed="a header without a colon", malformed_by="initiator")
    assert verdict(play(*GREETED, *GAVE_UP), strange).code != "http.malformed_response"


@pytest.mark.parametrize("protocol", ["tls", "http2"])
def test_protocols_that_are_known_have_their_own_codes(protocol: Protocol) -> None:
    story = play(*GREETED, *GAVE_UP)
    assert verdict(story, NO_STATUS, responder_speaks=protocol).code != "http.malformed_response"


def test_the_first_bytes_alone_may_tell_the_protocol() -> None:
    goaway = bytes.fromhex("000008070000000000 0000000000000002")
    judgement = verdict(play(*GREETED, *GAVE_UP), NO_STATUS, responder_head=goaway)
    assert judgement.code != "http.malformed_response"


def test_a_fault_that_was_read_over_is_no_failure() -> None:
    story = play(*GREETED, *GAVE_UP)
    assert verdict(story, STRANGE).code == "ok"
    assert verdict(story, NO_STATUS, exchange(1)).code != "http.malformed_response"


def test_an_unreadable_status_line_is_no_answer_to_who_leaves_at_once() -> None:
    whole = replace(short(), status=None, complete=True)
    whole = replace(whole, malformed="the status line cannot be read", malformed_by="responder")
    assert verdict(play(*GREETED, *GAVE_UP), whole).code == "http.malformed_response"
    later = (C("FIN,ACK", after=300), *GAVE_UP[1:])
    assert verdict(play(*GREETED, *later), whole).code != "http.malformed_response"


def test_where_the_first_packet_of_the_answer_is_missing_nothing_has_a_status_line() -> None:
    lost = (*ASKED, S("PSH,ACK", b"more of the body", seq=4_294_967_900), C("ACK"))
    assert verdict(play(*lost, *GAVE_UP), NO_STATUS).code != "http.malformed_response"
    before = (*ASKED, S("PSH,ACK", b"the last one's tail", seq=4_294_967_100), C("ACK"))
    assert verdict(play(*before, *GAVE_UP), NO_STATUS).code != "http.malformed_response"


def test_the_middle_of_an_answer_has_no_status_line() -> None:
    story = play(*GREETED, *GAVE_UP, midstream=True)
    assert verdict(story, NO_STATUS).code != "http.malformed_response"


def test_the_http2_preface_met_by_text() -> None:
    preface = C("PSH,ACK", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    error = S("PSH,ACK", b"-ERR unknown command 'PRI'\r\n")
    story = play(*HANDSHAKE, preface, error, C("ACK"), *GAVE_UP)
    judgement = verdict(story, replace(exchange(version="2"), status=None, complete=False))
    assert judgement.code == "http.malformed_response"
    assert "-ERR unknown command" in judgement.facts["problem"]
