"""Spare connections that a client closes when another to the same endpoint is enough."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from tests.diagnose.playbook import GET, HANDSHAKE, C, S, around, play
from tests.diagnose.tls.scenes import ACKED, HELLO, scene

pytestmark = pytest.mark.once

BROKEN_OFF = (HELLO, ACKED, C("FIN,ACK", after=5), S("FIN,ACK"), C("ACK"))


def test_a_spare_connection_is_told_of_and_no_failure() -> None:
    story = replace(scene(*BROKEN_OFF), spare_to=7)
    verdict = judge(story, around(story))
    assert verdict.code == "ok"
    assert "stream 7" in " ".join(verdict.notes)


def test_without_another_connection_the_client_broke_it_off() -> None:
    story = scene(*BROKEN_OFF)
    assert judge(story, around(story)).code == "tls.handshake_closed"


def test_a_request_that_was_left_is_no_spare_connection() -> None:
    lines = (*HANDSHAKE, C("PSH,ACK", GET), C("FIN,ACK", after=5), S("FIN,ACK"), C("ACK"))
    story = replace(play(*lines), spare_to=7)
    assert judge(story, around(story)).code == "tcp.initiator_abort"
