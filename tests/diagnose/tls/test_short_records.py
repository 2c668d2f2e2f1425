"""Records of a client inside TLS that are too short to be a request of HTTP/1."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.model.story import Story
from tests.diagnose.playbook import C, S, around
from tests.diagnose.tls.scenes import (
    ACKED,
    DONE,
    FINISHED_12,
    FLIGHT_12,
    HELLO,
    KEYS_12,
    TLS12,
    answer,
    hello,
    records,
    scene,
)

NAME = "a-service-with-a-long-name.example"


def used(
    last: int,
    alpn: tuple[str, ...] = ("http/1.1",),
    port: int = 443,
    after: float = 9_160,
    *,
    cut: bool = False,
) -> Story:
    """One request and its answer, then a record of ``last`` bytes; 9 s later it leaves."""
    shaken = (HELLO, ACKED, FLIGHT_12, C("PSH,ACK", KEYS_12), FINISHED_12)
    asked = (C("PSH,ACK", records(400), after=1), S("PSH,ACK", records(300), after=100))
    said = (C("PSH,ACK", records(last), after=2), S("ACK"))
    closed = (C("FIN,ACK", after=after), S("FIN,ACK"), C("ACK"))
    story = scene(
        *(*shaken, *asked, *said, *closed),
        client_hello=hello(sni=NAME, alpn=alpn, versions=(TLS12,)),
        server_hello=answer(),
        client_data=2,
        server_data=1,
        incomplete=cut,
        **DONE,
    )
    return replace(story, responder=replace(story.responder, port=port))


def failed(story: Story) -> bool:
    return judge(story, around(story, turns=4)).failed


@pytest.mark.parametrize(("last", "wanted"), [(54, False), (76, False), (77, True), (200, True)])
def test_a_record_without_room_for_the_host_asks_for_nothing(last: int, wanted: bool) -> None:
    """GET / with this host has 60 bytes, and 17 more in a record: it is a WebSocket's message."""
    assert failed(used(last)) == wanted


def test_what_may_be_http2_or_no_http_need_name_no_host() -> None:
    assert failed(used(54, ("h2", "http/1.1")))
    assert failed(used(54, (), 6_379))
    assert not failed(used(54, ()))


def test_http2_may_have_been_offered_where_snaplen_cut_the_hello() -> None:
    """Two WINDOW_UPDATEs behind the last of a download ask for nothing."""
    assert failed(used(43, (), 6_379))
    assert not failed(used(43, (), 6_379, cut=True))


def test_who_left_at_a_timers_value_had_waited() -> None:
    assert failed(used(54, after=10_000))
