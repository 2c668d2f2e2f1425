"""Bent and cut packets: nothing is raised, as many bytes come out, nothing original passes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag.sanitize.packet import PacketSanitizer
from pcapdiag.sanitize.renamer import Renamer
from tests.decode.test_hostile import LINK_TYPES
from tests.sanitize.going_through import KEY, Blanking
from tests.sanitize.test_packets import PACKETS

pytestmark = pytest.mark.once

WRAPPED = [(link, bytes(packet)) for link, packet in PACKETS.values()]
RENAMER = Renamer(KEY)
"""Shared: it remembers thousands of addresses, as one of a long capture does."""


def check(data: bytes, link: int, more: int) -> bytes:
    sanitizer = PacketSanitizer(RENAMER, Blanking())
    sanitizer.take(data, link, len(data) + more)
    result = sanitizer.sanitize(data, link, len(data) + more)
    assert len(result) == len(data)
    return result


@pytest.mark.parametrize(("link", "packet"), PACKETS.values(), ids=PACKETS)
def test_cut_at_every_byte(link: int, packet: bytes) -> None:
    raw = bytes(packet)
    for size in range(len(raw) + 1):
        result = check(raw[:size], link, len(raw) - size)
        assert b"private"[: max(size - 28, 3)] not in result or size < 31


@pytest.mark.parametrize("link", LINK_TYPES)
@given(data=st.binary(max_size=200), more=st.sampled_from((0, 1, 1500)))
@settings(max_examples=40)
def test_random_bytes(link: int, data: bytes, more: int) -> None:
    check(data, link, more)


@pytest.mark.parametrize("protocol", [1, 58])
def test_icmp_behind_options_that_were_not_captured(protocol: int) -> None:
    check(bytes((0x4F, 0, 0, 80, *bytes(5), protocol)).ljust(30, b"\0"), 101, 50)


@given(
    wrapped=st.sampled_from(WRAPPED),
    cut=st.integers(0, 200),
    patches=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=4),
    more=st.sampled_from((0, 1, 1500, (1 << 32) - 1 - 262144)),
)
@settings(max_examples=400)
def test_bent_and_cut_packets(
    wrapped: tuple[int, bytes], cut: int, patches: list[tuple[int, int]], more: int
) -> None:
    link, data = wrapped
    bent = bytearray(data)
    for at, value in patches:
        bent[at % len(bent)] = value
    check(bytes(bent[: max(len(bent) - cut, 0)]), link, more)
