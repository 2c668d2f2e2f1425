"""Where a RST was born, with two captures."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.points import judge_points
from pcapdiag.diagnose.tcp import injected_reset
from pcapdiag.model.packet import ACKED_UNSEEN
from pcapdiag.model.points import Span
from pcapdiag.model.report import Attribution
from tests.correlate.road import MS, START, Road
from tests.diagnose.points.scene import evidence, opinions, outcome, texts_of

pytestmark = pytest.mark.once


def in_use(**changes: object) -> Road:
    """A first exchange, then a request."""
    road = Road(**changes)  # type: ignore[arg-type]
    road.handshake()
    road.c(40, "PA", 1, 1, 100)
    road.s(50, "PA", 1, 101, 200)
    road.c(60, "A", 101, 201)
    road.c(100, "PA", 101, 201, 100)
    return road


def test_a_reset_that_its_end_sent() -> None:
    road = in_use()
    reset = road.s(110, "RA", 201, 201)
    found = outcome(road)
    assert found.judgement.code == "tcp.reset_before_response"
    assert found.attribution.side == "responder"
    assert found.attribution.address == "10.0.0.2"
    assert found.attribution.confidence > 0.98
    one = evidence(found, "left_end")
    assert (one.point, one.frames, one.says) == ("proxy", [reset[1]], "responder")
    assert found.resets[0, reset[0] or 0].side == "responder"


def test_a_reset_that_its_end_never_sent() -> None:
    road = in_use()
    reset = road.s(110, "RA", 201, 201, seen=(0,))
    road.s(300, "A", 201, 201)
    found = outcome(road)
    assert found.judgement.code == "tcp.injected_reset"
    assert found.judgement.ended_by == "path"
    assert found.attribution.side == "path"
    assert found.attribution.confidence > 0.98
    one = evidence(found, "born_between")
    assert one.detail == f"RST,ACK bears 10.0.0.2's address, reached client (frame {reset[0]}), " \
        "never left proxy"  # fmt: skip
    assert (one.point, one.frames) == ("client", [reset[0]])
    assert found.resets[0, reset[0] or 0].side == "path"
    assert [found.decisive] == [(len(road.rows[0]) - 2,)]


def test_where_the_capture_may_have_been_stopped_nobody_is_named_for_sure() -> None:
    road = in_use()
    road.s(110, "RA", 201, 201, seen=(0,))
    spans = [Span(START, START + 9000 * MS), Span(START, START + 106 * MS)]
    found = outcome(road, spans)
    assert found.attribution.side in ("path", "unknown")
    assert found.attribution.confidence <= 0.89
    assert "if proxy was still capturing" in evidence(found, "born_between_quiet").detail


def test_where_it_was_not_running_its_silence_says_nothing() -> None:
    road = in_use()
    road.s(110, "RA", 201, 201, seen=(0,))
    stopped = Span(START, START + 106 * MS, outlived_by=(9,))
    found = outcome(road, [Span(START, START + 9000 * MS), stopped])
    assert found.attribution.side != "path"
    assert not {"born_between", "born_between_quiet"} & {
        e.signal for e in found.attribution.evidence
    }


def test_one_that_a_device_renumbered_is_weaker_evidence() -> None:
    road = in_use()
    road.s(110, "RA", 201, 201, seen=(0,))
    road.s(110, "RA", 1, 201, seen=(1,))
    road.s(300, "A", 201, 201)
    assert evidence(outcome(road), "born_between").weight == pytest.approx(2.3, abs=0.01)


def test_the_forged_reset_that_came_first_counts_not_its_effect() -> None:
    """Only the responder is cut off; the initiator's next request meets the RST of its kernel."""
    road = in_use()
    road.s(130, "PA", 201, 201, 50)
    road.c(140, "A", 201, 251)
    forged = road.c(3000, "R", 201, seen=(1,))
    road.c(5000, "PA", 201, 251, 100)
    road.s(5005, "R", 251)
    found = outcome(road)
    assert found.attribution.side == "path"
    assert found.point == 1
    assert evidence(found, "born_between").frames == [forged[1]]


def test_both_ends_reset_and_neither_did_it() -> None:
    road = in_use()
    road.s(110, "RA", 201, 201, seen=(0,))
    road.c(104, "RA", 201, 201, seen=(1,))
    road.s(400, "R", 201)
    found = outcome(road)
    assert found.attribution.side == "path"
    assert [e.signal for e in found.attribution.evidence].count("born_between") == 2


def test_a_refusal_by_a_device_stays_a_refusal() -> None:
    road = Road(reach=("seen", "port"), known_order=(0, 1))
    road.c(0, "S", 0, seen=(0,))
    road.s(1, "RA", -9000, 1, seen=(0,))
    found = outcome(road)
    assert found.judgement.code == "tcp.connection_refused"
    assert (found.attribution.side, found.attribution.confidence > 0.95) == ("path", True)


@pytest.mark.parametrize("hops", [0, 1])
def test_three_points_say_between_which_two(hops: int) -> None:
    road = in_use(points=3, hops=hops)
    reset = road.s(110, "RA", 201, 201, seen=(0, 1))
    road.s(300, "A", 201, 201)
    one = evidence(outcome(road), "born_between")
    assert f"reached proxy (frame {reset[1]}), never left upstream" in one.detail


def test_a_disagreement_with_one_capture_is_told() -> None:
    road = in_use()
    road.s(110, "RA", 201, 201, seen=(0,))
    road.s(300, "A", 201, 201, seen=(1,))
    notes = outcome(road).judgement.notes
    assert any("by client's capture alone it looked like the responder's doing" in n for n in notes)


@pytest.mark.parametrize("arrives", [True, False])
def test_a_fin_that_never_arrived_makes_the_path_guilty_of_the_reset_behind_it(
    arrives: bool,
) -> None:
    road = in_use()
    road.s(130, "PA", 201, 201, 50)
    road.c(140, "A", 201, 251)
    for at in (60_000, 60_400, 61_200):
        road.s(at, "FA", 251, 201, seen=(0, 1) if arrives else (1,))
    road.c(90_000, "PA", 201, 251, 100)
    road.s(90_005, "R", 251)
    found = outcome(road)
    assert found.judgement.code == "tcp.stale_connection"
    assert found.attribution.side == ("responder" if arrives else "path")


def test_a_capture_that_missed_packets_does_not_overrule_one_that_has_all() -> None:
    road = in_use()
    road.s(110, "PA", 201, 201, 50, seen=(1,))
    road.c(120, "A", 201, 251)
    road.c(130, "FA", 201, 251)
    road.s(140, "FA", 251, 202)
    road.c(150, "A", 202, 252)
    found = judge_points(road.journey(), opinions(road), ("client", "proxy"))
    assert found is None


def test_a_capture_that_may_have_been_stopped_does_not_overrule_a_sure_one() -> None:
    road = in_use()
    for at in range(120, 1000, 100):
        road.s(at, "PA", 201 + at, 201, 100)
        road.c(at + 10, "A", 201, 301 + at)
    road.s(1100, "RA", 1221, 201, seen=(0,))
    spans = [Span(START, START + 9000 * MS), Span(START, START + 1050 * MS)]
    given = opinions(road)
    alone = given[0]
    assert alone is not None
    assert alone.attribution.side == "responder"
    sure = replace(alone, attribution=replace(alone.attribution, confidence=0.99))
    found = judge_points(road.journey(spans), [sure, given[1]], ("client", "proxy"))
    assert found is not None
    assert found.attribution.side == "unknown"


def test_a_forged_acknowledgment_does_not_make_the_capture_one_that_missed_packets() -> None:
    road = in_use()
    road.s(110, "RA", 201, 999_999, seen=(0,))
    road.s(300, "A", 201, 201)
    assert outcome(road).attribution.side == "path"


def test_what_one_capture_took_for_forged_was_sent_by_its_end() -> None:
    road = in_use()
    road.s(110, "RA", 201, 201)
    given = opinions(road)
    alone = given[0]
    assert alone is not None
    forged = injected_reset.refined(
        alone.judgement, Attribution(side="path", confidence=0.95), alone.story
    )
    assert forged is not None
    doubted = replace(
        alone, judgement=forged, attribution=Attribution(side="path", confidence=0.95)
    )
    found = judge_points(road.journey(), [doubted, given[1]], ("client", "proxy"))
    assert found is not None
    assert found.judgement.code == "tcp.reset_before_response"
    assert (found.judgement.ended_by, found.attribution.side) == ("responder", "responder")
    assert texts_of(found, given).title


def test_a_forged_fin_to_the_other_end_is_no_gap_of_this_capture() -> None:
    """A balancer gives up: RST to the client, FIN to the server, which acknowledges that."""
    road = Road()
    road.handshake()
    road.c(40, "PA", 1, 1, 100)
    road.s(50, "PA", 1, 101, 200)
    road.c(60, "A", 101, 201)
    road.s(3000, "R", 201, 0, seen=(0,))
    road.c(3000.2, "FA", 101, 201, seen=(1,))
    road.s(3050, "FA", 201, 102)
    client, server = opinions(road)
    assert client is not None
    assert server is not None
    packets = client.story.packets
    unseen = replace(packets[-1], marks=ACKED_UNSEEN)
    story = replace(client.story, packets=(*packets[:-1], unseen))
    fine = replace(server, judgement=Judgement("ok", False, None, 0.95))
    given = (replace(client, story=story), fine)
    found = judge_points(road.journey(), given, road.labels[:2])
    assert found is not None
    assert (found.point, found.judgement.code) == (0, "tcp.idle_reset")
    assert found.attribution.side == "path"


def test_a_reset_that_never_came_through_is_no_missing_answer() -> None:
    """The initiator waits, and its FIN comes when the responder's tracker has long forgotten it."""
    road = in_use()
    road.s(110, "A", 201, 201)
    road.s(150, "RA", 201, 201, seen=(1,))
    for at in (6000, 6200, 6600):
        road.c(at, "FA", 201, 201, seen=(0,))
    given = opinions(road)
    assert given[0] is not None
    assert given[0].judgement.code in ("tcp.response_timeout", "tcp.initiator_abort")
    found = outcome(road)
    assert (found.judgement.code, found.point) == ("tcp.reset_before_response", 1)
    assert (found.attribution.side, found.attribution.address) == ("responder", "10.0.0.2")
    assert "never reached client" in evidence(found, "left_end").detail


def test_who_did_it_has_the_address_that_it_has_at_home() -> None:
    road = in_use()
    road.s(110, "RA", 201, 201)
    given = opinions(road)
    journey = road.journey()
    ends = list(journey.ends)
    ends[1] = (("192.0.2.9", 2000), ("10.9.9.9", 8443))
    found = judge_points(replace(journey, ends=tuple(ends)), given, road.labels[:2])
    assert found is not None
    assert (found.point, found.attribution.address) == (0, "10.9.9.9")


def test_behind_a_syn_proxy_the_responder_refused() -> None:
    road = Road()
    road.c(0, "S", 0)
    road.s(1, "SA", 0, 1, seen=(0,))
    road.c(7, "A", 1, 1, seen=(0,))
    road.c(8, "PA", 1, 1, 100, seen=(0,))
    refusal = road.s(12, "RA", 0, 1, seen=(1,))
    road.s(13, "RA", 1, 101, seen=(0,))
    found = outcome(road)
    assert (found.judgement.code, found.point) == ("tcp.connection_refused", 1)
    assert found.attribution.side == "responder"
    assert found.attribution.evidence[0].frames == [refusal[1]]
    assert "born_between" not in {one.signal for one in found.attribution.evidence}
    assert any("SYN proxy" in note for note in found.judgement.notes)


def test_fins_that_the_other_capture_may_have_missed_do_not_count() -> None:
    road = in_use()
    road.s(110, "PA", 201, 201, 50)
    road.c(120, "A", 201, 251)
    for at in (2000, 4000, 4400):
        road.s(at, "FA", 251, 201, seen=(1,))
    road.c(8000, "PA", 201, 251, 50)
    road.s(8010, "R", 251)
    began = Span(START + 3000 * MS, 1 << 62)
    found = judge_points(road.journey([began, Span(0, 1 << 62)]), opinions(road), road.labels[:2])
    assert found is not None
    assert found.attribution.side == "path"
    assert evidence(found, "lost_between").detail.startswith("2 FINs of 10.0.0.2")


@pytest.mark.parametrize(("arrives", "side"), [(False, "path"), (True, "responder")])
def test_a_host_whose_answers_never_come_through_may_have_been_made_to_forget(
    arrives: bool, side: str
) -> None:
    road = in_use()
    for at in (310, 710, 1510):
        road.s(at, "R", 201, seen=(0, 1) if arrives and at > 1000 else (1,))
        road.c(at + 100, "PA", 101, 201, 100)
    client, server = opinions(road)
    assert server is not None
    reset = next(p for p in server.story.packets if p.is_rst)
    forgot = Judgement(
        "tcp.state_lost", True, "before_response", 0.85, frames=(reset.frame,), reset=reset
    )
    found = judge_points(road.journey(), (None, replace(server, judgement=forgot)), ("a", "b"))
    assert client is not None
    assert found is not None
    assert found.attribution.side == side
    names = {one.signal for one in found.attribution.evidence}
    assert ({"left_side", "lost_between"} <= names) is not arrives


def test_a_nat_that_took_another_port_for_the_rest_is_to_blame() -> None:
    road = in_use()
    road.s(110, "R", 201, seen=(0,))
    client, _ = opinions(road)
    behind = Road()
    behind.c(100, "PA", 101, 201, 100)
    behind.s(106, "R", 201)
    server = opinions(behind)[1]
    assert client is not None
    assert server is not None
    server.story.stream = 9
    server.story.initiator.port = 7
    journey = road.journey()
    match = replace(journey.match, twins=((), (9,)), continued=((), (9,)))
    found = judge_points(replace(journey, match=match), (client, server), ("client", "proxy"))
    assert found is not None
    assert found.attribution.side == "path"
    assert found.judgement.code != "tcp.injected_reset"
    one = evidence(found, "untranslated")
    assert one.detail.startswith("it went on from 10.0.0.1:7 at proxy (frame 1), in place of")


def test_a_refusal_that_got_lost_says_nothing_of_who_refuses() -> None:
    road = Road()
    road.c(0, "S", 0, 0)
    road.s(6, "RA", 0, 1, seen=(1,))
    road.c(1030, "S", 0, 0)
    road.s(1036, "RA", 0, 1)
    found = outcome(road)
    assert found.judgement.code == "tcp.connection_refused"
    assert found.attribution.side == "responder"
    assert not [one for one in found.attribution.evidence if one.signal == "lost_between"]


def test_a_refusal_that_the_path_delivered_twice() -> None:
    road = Road(ids=False)
    road.c(0, "S", 0, 0)
    road.s(6, "RA", 0, 1, seen=(0,))
    road.s(9, "RA", 0, 1)
    found = outcome(road)
    assert found.judgement.code == "tcp.connection_refused"
    assert found.attribution.side == "responder"


def test_a_fin_that_was_repeated_was_only_late() -> None:
    road = in_use()
    road.s(110, "FA", 201, 201, seen=(1,))
    road.s(320, "FA", 201, 201, seen=(1,))
    road.s(750, "FA", 201, 201)
    road.c(760, "A", 201, 202)
    found = outcome(road)
    assert found.judgement.code == "tcp.closed_before_response"
    assert found.attribution.side == "responder"
    assert found.attribution.address == "10.0.0.2"
