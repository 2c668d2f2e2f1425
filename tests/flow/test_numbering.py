"""Which connection a packet belongs to, as Wireshark numbers tcp.stream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flow.wire import Link, Wire, tell
from tests.test_tshark import by_tshark


def late_syn(link: Link) -> None:
    """The SYN was captured behind the final ACK, as a mirror port may do it."""
    link.s(0, "SA", 0, 1)
    link.c(0.1, "A", 1, 1)
    link.c(0.2, "S", 0)
    link.c(1, "PA", 1, 1, b"hello")


def ports_used_again_behind_an_ack(link: Link) -> None:
    """The capture starts with the old connection's ACK; its number is not the SYN's."""
    link.s(0, "A", 77, 55)
    link.c(1, "S", 0)
    link.s(2, "SA", 0, 1)
    link.c(3, "A", 1, 1)


def same_syn_again(link: Link) -> None:
    """A refused SYN is sent again and accepted."""
    link.c(0, "S", 0)
    link.s(1, "RA", 0, 1)
    link.c(1000, "S", 0)
    link.s(1001, "SA", 0, 1)
    link.c(1002, "A", 1, 1)


@pytest.mark.parametrize(
    ("scene", "streams"),
    [(late_syn, 1), (ports_used_again_behind_an_ack, 2), (same_syn_again, 1)],
)
def test_connections_on_the_same_ports(scene: Callable[[Link], None], streams: int) -> None:
    wire = Wire()
    scene(Link(wire))
    assert sorted(story.stream for story in tell(wire).stories) == list(range(streams))


@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("scene", [late_syn, ports_used_again_behind_an_ack, same_syn_again])
def test_tshark_numbers_them_alike(scene: Callable[[Link], None], tmp_path: Path) -> None:
    wire = Wire()
    scene(Link(wire))
    theirs = by_tshark(wire.save(tmp_path / "ports.pcap"))
    assert sorted(theirs) == sorted(story.stream for story in tell(wire).stories)
