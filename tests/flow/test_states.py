"""Zeek's conn_state: all thirteen (https://docs.zeek.org, base/protocols/conn/main.zeek)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.flow.wire import Link, Wire, tell


def refused(link: Link) -> None:
    link.c(0, "S", 0)
    link.s(1, "RA", 0, 1)


def established(link: Link) -> None:
    link.handshake()
    link.c(20, "PA", 1, 1, b"data")
    link.s(30, "A", 1, 5)


def then(*packets: tuple[str, str]) -> Callable[[Link], None]:
    """Established, then one packet after the other: ("c" or "s", flags)."""

    def scene(link: Link) -> None:
        established(link)
        for n, (end, flags) in enumerate(packets):
            if end == "c":
                link.c(100 + n, flags, 5, 1)
            else:
                link.s(100 + n, flags, 1, 5)

    return scene


def only(end: str, *flags: str) -> Callable[[Link], None]:
    """Packets of one end: the first with its initial number."""

    def scene(link: Link) -> None:
        for n, letters in enumerate(flags):
            write = link.c if end == "c" else link.s
            write(n, letters, 0 if "S" in letters else 1, 1)

    return scene


def half_open(link: Link) -> None:
    link.c(0, "S", 0)
    link.s(1, "SA", 0, 1)


def refused_then_accepted(link: Link) -> None:
    refused(link)
    link.c(1000, "S", 0)
    link.s(1001, "SA", 0, 1)
    link.c(1002, "A", 1, 1)


SCENES: dict[str, tuple[str, Callable[[Link], None]]] = {
    "syn": ("S0", only("c", "S", "S")),
    "open": ("S1", established),
    "no-final-ack": ("S1", half_open),
    "closed": ("SF", then(("c", "FA"), ("s", "FA"))),
    "closed-then-reset": ("SF", then(("c", "FA"), ("s", "FA"), ("c", "R"))),
    "refused": ("REJ", refused),
    "refused-then-accepted": ("S1", refused_then_accepted),
    "closed-by-initiator": ("S2", then(("c", "FA"))),
    "closed-by-responder": ("S3", then(("s", "FA"))),
    "aborted-by-initiator": ("RSTO", then(("c", "RA"))),
    "fin-then-reset": ("RSTO", then(("c", "FA"), ("c", "RA"))),
    "reset-by-responder": ("RSTR", then(("s", "RA"))),
    "reset-by-both": ("RSTR", then(("s", "RA"), ("c", "R"))),
    "syn-then-reset": ("RSTOS0", only("c", "S", "R")),
    "syn-ack-then-reset": ("RSTRH", only("s", "SA", "RA")),
    "syn-then-fin": ("SH", only("c", "S", "FA")),
    "syn-ack-then-fin": ("SHR", only("s", "SA", "FA")),
    "middle": ("OTH", only("c", "A", "PA")),
    "middle-to-the-end": ("OTH", only("c", "A", "FA")),
    "syn-ack-alone": ("OTH", only("s", "SA")),
}


@pytest.mark.parametrize(("state", "scene"), SCENES.values(), ids=SCENES)
def test_conn_state(state: str, scene: Callable[[Link], None]) -> None:
    wire = Wire()
    scene(Link(wire))
    assert tell(wire).only.state == state


@pytest.mark.once
def test_all_thirteen_are_here() -> None:
    known = "S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH"
    assert {state for state, _ in SCENES.values()} == set(known.split())
