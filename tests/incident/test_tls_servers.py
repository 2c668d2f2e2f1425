"""What is learned of TLS servers over the connections of a capture."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.tls.certificates import readable
from pcapdiag.incident.tls_servers import MAX_NAMES, MAX_SERVERS, TlsServers
from tests.diagnose.playbook import SERVER, S, play
from tests.diagnose.tls.scenes import (
    ACKED,
    DONE,
    FINISHED_13,
    FLIGHT_13,
    HELLO,
    HUNG_UP,
    TLS13,
    alert,
    answer,
    certificate,
    hello,
    scene,
)

pytestmark = pytest.mark.once


def test_what_worked_is_known_by_name_and_list() -> None:
    servers = TlsServers()
    chosen = answer(TLS13, group=29, alpn="h2", time=77)
    servers.note(scene(HELLO, FLIGHT_13, FINISHED_13, server_hello=chosen, client_data=1, **DONE))
    known = servers.get(*SERVER)
    assert known is not None
    assert (known.accepted, known.names_used, known.last_accepted) == (1, {"shop.example": 1}, 77)
    assert (known.versions, known.groups, known.alpn) == ({TLS13: 1}, {29: 1}, {"h2": 1})


def test_certificates_that_were_used_are_known_by_name() -> None:
    servers = TlsServers()
    for number, name in enumerate(("a.example", "a.example", "b.example")):
        flight = certificate(name)
        servers.note(
            scene(
                HELLO, FLIGHT_13, FINISHED_13, server_hello=answer(TLS13),
                client_data=number > 0, server_certificates=flight, **DONE,
            )
        )  # fmt: skip
    known = servers.get(*SERVER)
    assert known is not None
    assert [one.names for one in readable(known.leaves_used["shop.example"])] == [
        ("a.example",), ("b.example",),
    ]  # fmt: skip


def test_what_was_refused_is_known_by_name_and_time() -> None:
    servers = TlsServers()
    for time in (50, 40):
        other = hello(sni="old.example", time=time)
        servers.note(scene(HELLO, alert(S, 112), *HUNG_UP, client_hello=other))
    servers.note(scene(HELLO, ACKED, *HUNG_UP, client_hello=hello(sni=None, time=60)))
    known = servers.get(*SERVER)
    assert known is not None
    assert known.names_refused == {"old.example": 2, "": 1}
    assert known.first_refused == {"old.example": 40, "": 60}
    assert known.accepted == 0


def test_a_hello_still_unanswered_was_not_refused() -> None:
    servers = TlsServers()
    servers.note(scene(HELLO, ACKED))
    known = servers.get(*SERVER)
    assert known is not None
    assert known.names_refused == {}


def test_other_protocols_are_no_tls_servers() -> None:
    servers = TlsServers()
    servers.note(play(S("ACK")))
    assert servers.get(*SERVER) is None


def test_the_tables_are_bounded_and_count_what_found_no_room() -> None:
    servers = TlsServers()
    for number in range(MAX_NAMES + 3):
        name = hello(sni=f"{number}.example")
        servers.note(scene(HELLO, FLIGHT_13, client_hello=name, server_hello=answer(TLS13)))
    assert servers.left_out == 3
    story = scene(HELLO, FLIGHT_13)
    for port in range(MAX_SERVERS + 2):
        story.responder.port = port
        servers.note(story)
    assert servers.left_out > 3
