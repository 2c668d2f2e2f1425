"""Multipath TCP: what a subflow lacks may have gone over another one."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.multipath import is_multipath
from pcapdiag.diagnose.work import Work, work
from tests.diagnose.playbook import GET, HANDSHAKE, SHORT, C, Line, S, judged, play

JOINED = (C("SYN", options=12), S("SYN,ACK", options=20), C("ACK", options=20))


def subflow(data: int, ack: int, *rest: Line) -> tuple[Line, ...]:
    """Return an exchange whose options have these sizes; the playbook has no timestamps."""
    asks = C("PSH,ACK", GET, options=data)
    return (*JOINED, asks, S("ACK", options=ack), S("PSH,ACK", SHORT, options=data), *rest)


LEFT = (C("ACK", options=8), C("FIN,ACK", after=700, options=12), S("FIN,ACK"), C("ACK"))


def test_an_answer_with_a_hole_is_no_failure_of_a_subflow() -> None:
    verdict = judged(*subflow(20, 8, *LEFT))
    assert not verdict.failed
    assert "Multipath TCP" in " ".join(verdict.notes)


def test_without_its_options_it_is_one() -> None:
    assert judged(*HANDSHAKE, C("PSH,ACK", GET), S("PSH,ACK", SHORT), *LEFT[1:]).failed


@pytest.mark.parametrize(
    ("data", "ack", "found"), [(20, 8, True), (28, 12, True), (20, 20, False), (12, 12, False)]
)
def test_it_is_known_by_sizes_that_differ_between_data_and_acks(
    data: int, ack: int, found: bool
) -> None:
    """TCP-MD5 and TCP-AO have 20 bytes on both, timestamps 12."""
    assert is_multipath(play(*subflow(data, ack))) is found


def test_a_reset_before_any_answer_still_counts() -> None:
    lines = (C("PSH,ACK", GET, options=20), S("ACK", options=8), S("RST,ACK", win=500))
    assert judged(*JOINED, *lines).code == "tcp.reset_before_response"
    closed = (C("PSH,ACK", GET, options=20), S("ACK", options=8), S("FIN,ACK", after=90))
    assert work(play(*JOINED, *closed)) is Work.UNKNOWN
