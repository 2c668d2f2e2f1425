"""Which step of a handshake got lost, or was not answered."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.points import handshake
from pcapdiag.diagnose.points.judge import held_back
from pcapdiag.diagnose.points.way import Way
from pcapdiag.model.points import Reach
from pcapdiag.model.report import Evidence
from tests.correlate.road import Road
from tests.diagnose.points.scene import evidence, opinions, outcome

pytestmark = pytest.mark.once

TRIES = (0, 1000, 2000, 3000, 4000)


def syns(road: Road, seen: tuple[int, ...]) -> Road:
    for at in TRIES:
        road.c(at, "S", 0, seen=seen)
    return road


@pytest.mark.parametrize(("reach", "weight"), [("port", 3.0), ("host", 2.3)])
def test_syns_that_never_reached_the_next_point(reach: Reach, weight: float) -> None:
    road = syns(Road(reach=("seen", reach), known_order=(0, 1)), (0,))
    found = outcome(road)
    assert found.judgement.code == "tcp.connection_timeout"
    assert found.attribution.side == "path"
    one = evidence(found, "lost_between")
    assert one.weight == pytest.approx(weight, abs=0.01)
    assert one.detail == (
        "5 SYNs of 10.0.0.1 passed client (frames 1, 2, 3, 4, 5) and never reached proxy"
    )


def test_a_point_of_which_nothing_is_known_proves_nothing() -> None:
    found = outcome(syns(Road(reach=("seen", "none"), known_order=(0, 1)), (0,)))
    assert found.attribution.side == "unknown"


def test_syns_that_reached_the_responder_and_got_no_answer() -> None:
    road = syns(Road(labels=("client", "upstream")), (0, 1))
    found = outcome(road)
    assert found.attribution.side == "responder"
    assert "nstat" in evidence(found, "arrived_unanswered_near").detail


def test_syns_that_passed_all_points_may_have_been_lost_behind_them() -> None:
    found = outcome(syns(Road(labels=("outside", "inside")), (0, 1)))
    assert found.attribution.side == "unknown"
    assert evidence(found, "arrived_unanswered_far").point == "inside"


def test_syn_acks_that_got_lost() -> None:
    road = syns(Road(), (0, 1))
    for at in TRIES:
        road.s(at + 5, "SA", 0, 1, seen=(1,))
    found = outcome(road)
    assert found.attribution.side == "path"
    assert evidence(found, "lost_between").detail.startswith("5 SYN-ACKs of 10.0.0.2 passed proxy")


def test_syn_acks_that_the_initiators_host_did_not_take() -> None:
    road = syns(Road(), (0, 1))
    for at in TRIES:
        road.s(at + 5, "SA", 0, 1)
    found = outcome(road)
    assert (found.judgement.code, found.attribution.side) == (
        "tcp.handshake_stalled", "initiator",
    )  # fmt: skip
    assert evidence(found, "arrived_unanswered").point == "client"


@pytest.mark.parametrize("arrives", [True, False])
def test_a_lost_final_ack_and_a_full_accept_queue_are_told_apart(arrives: bool) -> None:
    road = Road()
    seen = (0, 1) if arrives else (0,)
    road.c(0, "S", 0)
    road.s(5, "SA", 0, 1)
    road.c(10, "A", 1, 1, seen=seen)
    for at in (20, 230, 650, 1500, 3200, 6600):
        road.c(at, "PA", 1, 1, 100, seen=seen)
    for at in (1005, 3005, 7005):
        road.s(at, "SA", 0, 1)
        road.c(at + 5, "A", 1, 1, seen=seen)
    found = outcome(road)
    expected = ("tcp.accept_queue_overflow", "responder")
    assert (found.judgement.code, found.attribution.side) == (
        expected if arrives else ("tcp.handshake_stalled", "path")
    )


def test_syns_that_came_to_a_device_that_did_not_pass_them_on() -> None:
    road = syns(Road(labels=("client", "node")), (0, 1))
    way = Way(road.journey(), road.labels)
    way.held_back.add(1)
    (found,) = handshake.weigh(way)
    assert (found.signal.name, found.signal.says, found.point) == ("not_passed_on", "path", 1)
    way.held_back = {0}
    (found,) = handshake.weigh(way)
    assert found.signal.says == "responder"


def test_a_nodes_capture_says_of_itself_that_it_did_not_pass_them_on() -> None:
    given = opinions(syns(Road(labels=("client", "node")), (0, 1)))
    told = given[1]
    assert told is not None
    assert held_back(given) == set()
    told.attribution.evidence.append(Evidence("not_passed_on", "path", 1.3, "seen once", [1]))
    assert held_back(given) == {1}
