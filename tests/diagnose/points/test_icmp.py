"""Where an ICMP error in the responder's name was born."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.points import icmp
from pcapdiag.diagnose.points.way import Way
from pcapdiag.model.story import IcmpFact
from tests.correlate.road import ISN, Road

pytestmark = pytest.mark.once


def error(source: str, frame: int = 2) -> IcmpFact:
    """Port unreachable to the initiator's SYN."""
    return IcmpFact(frame, 0, source, 4, 3, 3, 0, True, ISN[True], 0, 60)


def way(seen: tuple[int, ...], *at: tuple[IcmpFact, ...]) -> Way:
    """A SYN that came so far, and who saw the error."""
    road = Road(reach=("seen", "port"), known_order=(0, 1))
    road.c(0, "S", 0, seen=seen)
    return Way(replace(road.journey(), icmp=at), ("client", "upstream"))


def test_the_syn_never_reached_the_host_that_is_said_to_reject_it() -> None:
    (found,) = icmp.weigh(way((0,), (error("10.0.0.2"),), ()))
    assert (found.signal.name, found.signal.says, found.point) == ("lost_between", "path", 0)
    assert "is said to reject" in found.signal.detail


def test_the_error_was_seen_leaving_the_host() -> None:
    (found,) = icmp.weigh(way((0, 1), (error("10.0.0.2"),), (error("10.0.0.2", 9),)))
    assert (found.signal.says, found.point, found.signal.frames) == ("responder", 1, (9,))


def test_a_routers_own_error_needs_no_second_capture() -> None:
    assert icmp.weigh(way((0,), (error("192.0.2.1"),), ())) == []


def test_where_the_error_still_bears_its_routers_address_a_nat_had_put_the_other_in() -> None:
    (found,) = icmp.weigh(way((0, 1), (error("10.0.0.2"),), (error("192.0.2.1", 9),)))
    assert (found.signal.name, found.signal.says) == ("icmp_from_path", "path")
    assert "a NAT put 10.0.0.2 in its place" in found.signal.detail
