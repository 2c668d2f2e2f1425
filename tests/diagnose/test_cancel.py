"""HTTP/2 requests that their initiator cancelled."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.cancel import cancelled
from tests.diagnose.playbook import HANDSHAKE, MS, START, C, Line, S, judged, play


def frame(kind: int, stream: int, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, 4 if kind == 1 else 0))
    return head + stream.to_bytes(4, "big") + payload


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0)
SETTINGS = frame(4, 0, b"\0\3\0\0\0\x64")
ASK = frame(1, 1, b"\x82\x86\x84")
GO = frame(3, 1, b"\0\0\0\x08")
OPEN = (*HANDSHAKE, C("PSH,ACK", PREFACE), S("ACK"), S("PSH,ACK", SETTINGS), C("ACK"))


def call(waited: float, *more: Line, go: bytes = GO) -> tuple[Line, ...]:
    return (*OPEN, C("PSH,ACK", ASK), S("ACK"), C("PSH,ACK", go, after=waited), *more)


def test_when_it_was_asked_and_when_cancelled() -> None:
    story = play(*call(1500))
    found = cancelled(story)
    assert found is not None
    assert found.time - found.asked == 1500 * MS + story.packets[-2].time - story.packets[-3].time
    assert (found.frame, found.asked > START) == (10, True)


def test_cancelled_at_a_deadline_is_a_timeout_although_the_close_follows_at_once() -> None:
    verdict = judged(*call(2000, C("FIN,ACK", after=4)))
    assert verdict.code == "tcp.response_timeout"
    assert verdict.ended_by == "initiator"
    assert verdict.facts["flags"] == "RST_STREAM"


def test_cancelled_on_a_connection_that_stays_open() -> None:
    verdict = judged(*call(5000), left=0.01)
    assert verdict.code == "tcp.response_timeout"
    assert verdict.ended_by is None


def test_envoy_gives_up_by_internal_error() -> None:
    lines = call(1002, go=frame(3, 1, b"\0\0\0\x02"))
    assert judged(*lines, left=0.01).code == "tcp.response_timeout"


def test_cancelled_soon_is_an_abort() -> None:
    assert judged(*call(37)).code == "tcp.initiator_abort"


@pytest.mark.parametrize(
    "go",
    [
        frame(3, 1, b"\0\0\0\x05"),
        frame(3, 3, b"\0\0\0\x08"),
        GO + frame(6, 0, bytes(8)),
        GO[:-1],
    ],
    ids=["another code", "another stream", "more after it", "cut"],
)
def test_what_is_no_cancelling_of_all(go: bytes) -> None:
    assert cancelled(play(*call(1500, go=go))) is None


def test_a_request_with_its_cancel_in_one_packet_has_no_wait() -> None:
    assert cancelled(play(*OPEN, C("PSH,ACK", ASK + GO))) is None


def test_an_answered_request_is_not_looked_at() -> None:
    answered = (S("PSH,ACK", frame(1, 1, b"\x88")), C("ACK"))
    assert cancelled(play(*call(100, *answered))) is None
