"""A kind's texts for one connection."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.curl import as_it_speaks
from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.tcp.closed_before_response import KIND
from pcapdiag.diagnose.text import Words, fill
from pcapdiag.model.story import Story
from tests.diagnose.playbook import GET, HANDSHAKE, C, S, around, play
from tests.diagnose.tls.scenes import HELLO, hello, scene

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


CLOSED = (S("FIN,ACK"), C("FIN,ACK"), S("ACK"))


def test_curl_asks_as_the_connection_did() -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    plain = play(*HANDSHAKE, C("PSH,ACK", GET), *CLOSED)
    assert curl(plain) == "curl -v --max-time 10 'http://10.0.2.7:8443/'  # from 10.0.1.5"
    http2 = play(*HANDSHAKE, C("PSH,ACK", preface), *CLOSED)
    assert curl(http2).startswith("curl --http2-prior-knowledge -v --max-time 10 'http://")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("app.internal", "--connect-to '::10.0.2.7:8443' 'https://app.internal:8443/'"),
        (None, "'https://10.0.2.7:8443/'"),
        ("$(id)", "'https://10.0.2.7:8443/'"),
    ],
)
def test_curl_asks_over_tls_by_the_name_that_was_asked_for(name: str | None, said: str) -> None:
    story = scene(HELLO, *CLOSED, client_hello=hello(sni=name))
    asked = as_it_speaks("curl -v 'http://10.0.2.7:8443/'  # from 10.0.1.5", story)
    assert asked == f"curl -k -v {said}  # from 10.0.1.5"


def curl(story: Story) -> str:
    """The command for a connection."""
    return fill(KIND, judge(story, around(story)), story).commands[0]
