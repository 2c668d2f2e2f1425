"""A kind's texts for one connection."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.tcp.closed_before_response import KIND
from pcapdiag.diagnose.text import Words, fill
from tests.diagnose.playbook import GET, HANDSHAKE, C, S, around, play

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("request_", "curl"), [(GET, True), (b"*1\r\n$4\r\nPING\r\n", False)])
def test_curl_is_told_only_where_the_port_may_speak_http(request_: bytes, curl: bool) -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", request_), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
    commands = fill(KIND, judge(story, around(story)), story).commands
    assert any(command.startswith("curl ") for command in commands) is curl
    assert commands


def test_the_filter_for_what_lies_behind_matches_something() -> None:
    story = play(*HANDSHAKE)
    assert Words(story, {})["behind"] == "host 10.0.2.7 and not host 10.0.1.5"
    story.initiator.address = story.responder.address = "127.0.0.1"
    assert Words(story, {})["behind"] == "tcp and not port 8443"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_loopback_address_is_no_place_to_go_to(address: str) -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", GET), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
    judgement = judge(story, around(story))
    assert any("# on 10.0.2.7" in one for one in fill(KIND, judgement, story).commands)
    story.responder.address = address
    commands = " ".join(fill(KIND, judgement, story).commands)
    assert "# on the captured host" in commands
    assert f"# on {address}" not in commands
    assert "# from 10.0.1.5" in commands
