"""What has to be the same, and what counts as another verdict."""

from __future__ import annotations

from array import array

import msgspec
import pytest

import pcapdiag
from pcapdiag.bundle.choosing import Chosen, choose
from pcapdiag.bundle.comparing import Comparison, compare
from pcapdiag.bundle.frame_map import FrameMap
from pcapdiag.bundle.parts import Frames
from pcapdiag.model.report import Connection, Report
from tests.bundle.make import PCAPS, REFUSED


@pytest.fixture(scope="module")
def report() -> Report:
    return pcapdiag.analyze(PCAPS / REFUSED)


def all_frames(report: Report) -> Frames:
    numbers = array("q", range(1, report.capture.packets + 1))
    return Frames({"": FrameMap(original=numbers)})


def other(report: Report, place: int, **changed: object) -> Report:
    """The report with another verdict of one connection."""
    connections = [*report.connections]
    one = connections[place]
    who: dict[str, object] = {
        name: changed.pop(name) for name in ("side", "party") if name in changed
    }
    sure = changed.pop("sure", None)
    if sure is not None:
        who["confidence"] = sure
    attribution = msgspec.structs.replace(one.verdict.attribution, **who)
    verdict = msgspec.structs.replace(one.verdict, attribution=attribution, **changed)
    connections[place] = msgspec.structs.replace(one, verdict=verdict)
    return msgspec.structs.replace(report, connections=connections)


def compared(report: Report, bundle: Report, chosen: Chosen | None = None) -> Comparison:
    chosen = chosen or choose(report, None, healthy=False)
    return compare(report, bundle, all_frames(report), chosen)


def test_the_same_is_the_same(report: Report) -> None:
    found = compared(report, report)
    assert found.holds
    assert found.compared == len(found.matches) == report.summary.failed


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("code", "tcp.connection_timeout"),
        ("side", "path"),
        ("party", "middlebox"),
        ("ended_by", "path"),
        ("frames", [1]),
        ("confidence", 0.5),
        ("sure", 0.1),
    ],
)
def test_a_verdict_that_changed_is_named(report: Report, what: str, value: object) -> None:
    found = compared(report, other(report, 0, **{what: value}))
    stream = report.connections[0].stream
    assert [one.stream for one in found.differences] == [stream]
    assert f"stream {stream}: " in found.differences[0].told


def test_a_confidence_may_move_a_little(report: Report) -> None:
    sure = report.connections[0].verdict.confidence
    assert compared(report, other(report, 0, confidence=sure - 0.04)).holds


def without(report: Report, place: int) -> Report:
    left: list[Connection] = [*report.connections]
    del left[place]
    return msgspec.structs.replace(report, connections=left)


def test_a_failure_that_is_gone_and_one_that_is_new(report: Report) -> None:
    gone = compared(report, without(report, 0))
    assert [one.after for one in gone.differences] == ["no failure"]
    chosen = choose(report, None, healthy=False)
    new = compared(without(report, 0), report, chosen)
    assert [one.before for one in new.differences] == ["no failure"]


def test_only_parties_differ(report: Report) -> None:
    assert compared(report, other(report, 0, party="client")).about_parties
    assert not compared(report, other(report, 0, party="client", side="path")).about_parties


def test_a_finding_that_is_lost_is_a_difference() -> None:
    report = pcapdiag.analyze(PCAPS / "dns.failure-envoy" / "proxy.pcap")
    found = compared(report, msgspec.structs.replace(report, findings=[]))
    assert [one.before for one in found.differences] == ["dns.failure"]
    assert [one.code for one in found.not_found] == ["dns.failure"]


def test_a_finding_that_the_chosen_ones_do_not_rest_on_may_be_missing() -> None:
    report = pcapdiag.analyze(PCAPS / "dns.failure-envoy" / "proxy.pcap")
    chosen = choose(report, None, healthy=False)
    chosen.must_find.clear()
    found = compared(report, msgspec.structs.replace(report, findings=[]), chosen)
    assert found.not_found == []
    assert found.not_shown == ["dns.failure"]
