"""Bytes after RFC 1928 (sections 3 to 6), RFC 1929 (section 2) and the texts of SOCKS4 and 4A."""

from __future__ import annotations

import pytest

from pcapdiag.model.story import Story
from pcapdiag.protocols.socks import Refusal, refusal, speaks_socks
from tests.diagnose.playbook import HANDSHAKE, C, S, play

pytestmark = pytest.mark.once

CLOSED = (S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
TARGET = "01 0a000307 1f90"
NAME = "03 0c 73686f702e6578616d706c65 01bb"
LOGIN = "01 02 6d65 03 736563"


def talk(*said: str, greeting: str = "") -> Story:
    """Play hexadecimal words, the client's and the proxy's by turns."""
    lines = [S("PSH,ACK", bytes.fromhex(greeting))] if greeting else []
    for number, word in enumerate(said):
        lines.append((S if number % 2 else C)("PSH,ACK", bytes.fromhex(word)))
    return play(*HANDSHAKE, *lines, *CLOSED)


def told(*said: str) -> tuple[int, str, int, str] | None:
    found = refusal(talk(*said))
    if found is None:
        return None
    return found.version, found.step, found.code, f"{found.command} {found.target}"


@pytest.mark.parametrize("code", range(1, 9))
def test_a_request_is_refused(code: int) -> None:
    answer = f"05 {code:02x} 00 01 00000000 0000"
    asked = ("05 01 00", "05 00", f"05 01 00 {TARGET}", answer)
    assert told(*asked) == (5, "request", code, "CONNECT 10.0.3.7:8080")


def test_names_and_ipv6() -> None:
    refused = "05 04 00 01 00000000 0000"
    named = told("05 02 00 02", "05 00", f"05 01 00 {NAME}", refused)
    assert named == (5, "request", 4, "CONNECT shop.example:443")
    six = "04 fd00000000000000000000000000 0007 0050"
    bound = told("05 01 00", "05 00", f"05 02 00 {six}", refused)
    assert bound == (5, "request", 4, "BIND [fd00::7]:80")


def test_no_method_is_acceptable() -> None:
    found = refusal(talk("05 02 00 01", "05 ff"))
    assert found is not None
    assert (found.step, found.code, found.methods) == ("methods", 0xFF, (0, 1))


def test_a_login_fails_and_nothing_of_it_is_kept() -> None:
    found = refusal(talk("05 03 00 01 02", "05 02", LOGIN, "01 01"))
    assert found is not None
    assert found == Refusal(5, "login", 1)


def test_a_request_behind_a_login() -> None:
    asked = ("05 01 02", "05 02", LOGIN, "01 00", f"05 01 00 {TARGET}", "05 02 00 01 00000000 0000")
    assert told(*asked) == (5, "request", 2, "CONNECT 10.0.3.7:8080")


@pytest.mark.parametrize(
    ("asked", "answer", "step"),
    [
        (f"05 01 00 05 01 00 {TARGET}", "05 00 05 05 00 01 00000000 0000", "request"),
        (f"05 01 02 {LOGIN}", "05 02 01 01", "login"),
        (f"05 01 02 {LOGIN} 05 01 00 {NAME}", "05 02 01 00 05 03 00 01 00000000 0000", "request"),
    ],
)
def test_a_client_that_does_not_wait(asked: str, answer: str, step: str) -> None:
    found = refusal(talk(asked, answer))
    assert found is not None
    assert found.step == step


@pytest.mark.parametrize("code", [0x5B, 0x5C, 0x5D])
def test_version_4(code: int) -> None:
    answer = f"00 {code:02x} 0000 00000000"
    asked = told("04 01 1f90 0a000307 6d65 00", answer)
    assert asked == (4, "request", code, "CONNECT 10.0.3.7:8080")
    named = told("04 01 1f90 00000001 00 73686f702e6578616d706c65 00", answer)
    assert named == (4, "request", code, "CONNECT shop.example:8080")


@pytest.mark.parametrize(
    "said",
    [
        ("05 01 00", "05 00", f"05 01 00 {TARGET}", "05 00 00 01 00000000 0000"),
        ("05 01 00", "05 00"),
        ("05 01 02", "05 02", LOGIN, "01 00"),
        ("04 01 1f90 0a000307 00", "00 5a 0000 00000000"),
    ],
)
def test_a_yes_is_socks_and_no_refusal(said: tuple[str, ...]) -> None:
    story = talk(*said)
    assert speaks_socks(story)
    assert refusal(story) is None


@pytest.mark.parametrize(
    "said",
    [
        # Cassandra, DCE/RPC: other protocols whose first byte is 4 or 5.
        ("04 00 0000 05 00000000", "84 00 0000 06 00000000"),
        ("05 00 0b 03 10000000 4800 0000", "05 00 0d 03 10000000 4800 0000"),
        ("05 01 00", "05 02"),  # A method that was not offered.
        ("05 03 00", "05 ff"),  # Fewer methods than said.
        ("04 01 1f90 0a000307 6d65", "00 5b 0000 00000000"),  # A user that does not end.
        ("04 01 1f90 0a000307 00", "00 5b 0000 00000000 00"),
        ("05 01 00", "05 ff 00"),
    ],
)
def test_what_only_begins_alike(said: tuple[str, ...]) -> None:
    assert refusal(talk(*said)) is None


def test_what_lies_in_the_tunnel_is_not_read_as_its_proxys() -> None:
    through = ("05 01 00", "05 00", f"05 01 00 {TARGET}", "05 00 00 01 00000000 0000")
    inner = (f"05 01 00 {TARGET}", "05 05 00 01 00000000 0000")
    assert refusal(talk(*through, *inner)) is None


def test_a_server_that_speaks_first_is_none() -> None:
    assert not speaks_socks(talk("05 01 00", "05 ff", greeting="05 ff"))
