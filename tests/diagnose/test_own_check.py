"""Which command asks a service itself, where curl would be of no use."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.own_check import own_check
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import fill
from tests.diagnose.playbook import GET, HANDSHAKE, C, Line, S, around, play
from tests.diagnose.test_postgres import QUERY, READY, STARTUP
from tests.diagnose.test_statements import GREETING, OK, PING

CUT = (S("ACK"), S("FIN,ACK", after=900), C("FIN,ACK"), S("ACK"))
MQTT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
LOGIN = (C("PSH,ACK", b"\x20\0\0\x01login"), S("PSH,ACK", OK))
PG = (C("PSH,ACK", STARTUP), S("PSH,ACK", READY), C("PSH,ACK", QUERY))
MY = (S("PSH,ACK", GREETING), *LOGIN, C("PSH,ACK", b"\x01\0\0\0\x0e"))


def commands(*lines: Line) -> tuple[str, ...]:
    """The commands for a connection that its responder closed upon these lines."""
    story = play(*HANDSHAKE, *lines, *CUT)
    verdict = judge(story, around(story))
    assert verdict.code == "tcp.closed_before_response"
    return fill(kind_of(verdict.code), verdict, story).commands


@pytest.mark.parametrize(
    ("lines", "first"),
    [
        (PG, "psql -h 10.0.2.7 -p 8443 -c 'select pid, state, wait_event, query from "),
        (MY, "mysql -h 10.0.2.7 -P 8443 -e 'show full processlist'  # from 10.0.1.5, "),
        ((C("PSH,ACK", PING),), "redis-cli -h 10.0.2.7 -p 8443 slowlog get 10  # from 10.0.1.5"),
        ((C("PSH,ACK", b"get a\r\n"),), "printf 'stats\\r\\nquit\\r\\n' | nc 10.0.2.7 8443"),
        ((C("PSH,ACK", MQTT),), "mosquitto_sub -h 10.0.2.7 -p 8443 -t '$SYS/#' -C 5 -W 5 -v"),
        ((C("PSH,ACK", b"\x99" * 20),), "journalctl -e; dmesg"),
        ((C("PSH,ACK", GET),), "curl -v --max-time 10 'http://10.0.2.7:8443/'"),
    ],
)
def test_the_services_own_client_comes_first(lines: tuple[Line, ...], first: str) -> None:
    found = commands(*lines)
    assert found[0].startswith(first)
    assert sum(one.startswith("curl ") for one in found) == first.startswith("curl ")
    assert found[-1].startswith("journalctl")


def test_tls_begins_there_in_its_own_way() -> None:
    request = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
    lines = (C("PSH,ACK", request), S("PSH,ACK", b"N"), C("FIN,ACK"), S("FIN,ACK"), C("ACK"))
    story = play(*HANDSHAKE, *lines)
    verdict = judge(story, around(story))
    assert verdict.code == "protocol.tls_to_plaintext"
    found = fill(kind_of(verdict.code), verdict, story).commands
    assert "openssl s_client -starttls postgres -connect 10.0.2.7:8443" in found[1]
    assert not any(one.startswith("curl ") for one in found)


def test_a_greeting_alone_is_no_mysql() -> None:
    assert not own_check(play(*HANDSHAKE, S("PSH,ACK", b"220 mx\r\n"), C("ACK")))
