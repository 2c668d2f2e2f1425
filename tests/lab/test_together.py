"""Judging reports of several points, with reports made up for it."""

from __future__ import annotations

from typing import Any

import pytest

from failurelab import together
from failurelab.score import judge
from failurelab.tally import tally
from failurelab.truth import (
    Born,
    Clock,
    Lost,
    Sighting,
    Together,
    TrueCapture,
    TrueConnection,
    TrueFindings,
    Truth,
)

CLIENT, NATTED, UPSTREAM = "10.0.0.1:4000", "10.0.2.1:50", "10.0.2.2:90"
POINTS = {"client": ["client.pcap"], "upstream": ["up-1.pcap", "up-2.pcap"]}


def connection(*born: Born) -> TrueConnection:
    seen = {
        "client": [Sighting(CLIENT, UPSTREAM, 0, 3)],
        "upstream": [Sighting(NATTED, UPSTREAM, 0, 1)],
    }
    seen["correlate"] = [*seen["client"], *seen["upstream"]]
    return TrueConnection(CLIENT, UPSTREAM, ["tcp.injected_reset"], ["path"], ["middlebox"],
                          seen=seen, born=list(born))  # fmt: skip


def compared(
    clocks: dict[str, Clock] | None = None,
    lost: list[Lost] | None = None,
    findings: TrueFindings | None = None,
) -> Together:
    return Together(POINTS, clocks or {}, lost, findings or TrueFindings())


def sighting(point: str, initiator: str, first_frame: int) -> dict[str, Any]:
    return {"point": point, "stream": 0, "first_frame": first_frame, "initiator": initiator,
            "responder": UPSTREAM, "packets": 9}  # fmt: skip


def said(*seen_at: dict[str, Any], **more: object) -> dict[str, Any]:
    ends = [dict(zip(("ip", "port"), end.rsplit(":", 1), strict=True)) for end in
            (CLIENT, UPSTREAM)]  # fmt: skip
    verdict = {"code": "tcp.injected_reset", "failed": True, "confidence": 0.99,
               "ended_by": "path",
               "attribution": {"side": "path", "party": "middlebox", "confidence": 0.99}}  # fmt: skip
    return {"initiator": ends[0], "responder": ends[1], "start": "1", "stream": 0,
            "verdict": verdict, "seen_at": list(seen_at), **more}  # fmt: skip


def passage(frames: list[int | None], covers: list[bool], end: str = "initiator") -> dict[str, Any]:
    return {"from": end, "event": "request", "frames": frames, "covers": covers, "fate": "lost"}


def report(*connections: dict[str, Any], finding: bool = False, **point: object) -> dict[str, Any]:
    findings = [{"code": "path.lost_between"}] if finding else []
    points = [{"label": "client", "clock_offset": 0.0}, {"label": "upstream", **point}]
    return {"connections": list(connections), "findings": findings, "points": points}


BOTH = (sighting("client", CLIENT, 3), sighting("upstream", NATTED, 1))


@pytest.mark.parametrize(
    ("seen_at", "right"),
    [
        (BOTH, True),
        (BOTH[:1], False),
        ((BOTH[0], sighting("upstream", NATTED, 17)), False),
        ((BOTH[0], sighting("upstream", "10.0.2.1:51", 1)), False),
        ((*BOTH, sighting("router", CLIENT, 1)), False),
    ],
)
def test_a_connection_must_be_found_at_the_points_that_saw_it(
    seen_at: tuple[dict[str, Any], ...], right: bool
) -> None:
    assert together.match_is_right(connection(), said(*seen_at), compared()) is right


def test_a_connection_of_one_point_needs_no_list() -> None:
    alone = connection()
    del alone.seen["upstream"]
    assert together.match_is_right(alone, said(), compared())
    assert not together.match_is_right(alone, said(*BOTH), compared())
    assert not together.match_is_right(alone, None, compared())


@pytest.mark.parametrize(
    ("sides", "resets", "right"),
    [
        (["path"], [("responder", "path")], True),
        (["path"], [("responder", "path"), ("initiator", "initiator")], True),
        (["path"], [("responder", "responder")], False),
        (["path"], [("responder", "path"), ("responder", "responder")], False),
        (["path", "responder"], [("responder", "path"), ("responder", "responder")], True),
        (["path"], [("responder", "unknown")], False),
        (["responder", "unknown"], [("responder", "unknown")], True),
        (["path"], [], False),
    ],
)
def test_where_resets_were_born(
    sides: list[str], resets: list[tuple[str, str]], right: bool
) -> None:
    listed = [{"from": end, "attribution": {"side": side}} for end, side in resets]
    true = connection(Born("responder", sides))
    assert together.born_is_right(true, said(*BOTH, resets=listed)) is right


def test_nothing_stated_of_resets_is_not_judged() -> None:
    assert together.born_is_right(connection(), said(resets=[])) is None


@pytest.mark.parametrize(
    ("true", "point", "right"),
    [
        (Clock(-37.251), {"clock_offset": -37.2508, "clock_error": 0.001}, True),
        (Clock(-37.251), {"clock_offset": 37.251, "clock_error": 0.001}, False),
        (Clock(-37.251), {"clock_offset": None, "clock_error": None}, False),
        (Clock(-37.251), {"clock_offset": -37.250, "clock_error": 0.0001}, False),
        (Clock(0.0, 0.03), {"clock_offset": 0.02, "clock_error": 0.021}, True),
        (Clock(0.0, drift=-5e-5), {"clock_offset": 0.0001, "drift": -4.8e-5}, True),
        (Clock(0.0, drift=-5e-5), {"clock_offset": 0.0001, "drift": None}, False),
        (
            Clock(None, step=2.5),
            {"clock_offset": 0.0, "clock_steps": [{"clock_offset": 2.5}]},
            True,
        ),
        (Clock(None, step=2.5), {"clock_offset": 0.0, "clock_steps": []}, False),
    ],
)
def test_clocks(true: Clock, point: dict[str, Any], right: bool) -> None:
    wrong = together.clocks_that_are_wrong(compared(clocks={"upstream": true}), report(**point))
    assert (not wrong["upstream"]) is right


def test_a_clock_that_cannot_be_told_is_not_judged() -> None:
    stated = compared(clocks={"upstream": Clock(None)})
    assert together.clocks_that_are_wrong(stated, report(clock_offset=3.0)) == {}


LOST = [Lost("client", "upstream")]


@pytest.mark.parametrize(
    ("true", "finding", "passages", "right"),
    [
        (LOST, True, [], True),
        (LOST, False, [], False),
        (LOST, False, [passage([7, None], [True, True])], True),
        (LOST, True, [passage([None, 9], [True, True], "responder")], False),
        ([], False, [], True),
        ([], True, [], False),
        ([], False, [passage([7, None], [True, True])], False),
        ([], False, [passage([7, None], [True, False])], True),
        (None, True, [], None),
    ],
)
def test_losses(
    true: list[Lost] | None, finding: bool, passages: list[dict[str, Any]], right: bool | None
) -> None:
    there = report(said(*BOTH, passages=passages), finding=finding)
    wrong = together.loss_that_is_wrong(compared(lost=true), there)
    assert (None if wrong is None else not wrong) is right


def test_the_score_of_a_report_of_several_points() -> None:
    stated = compared(
        clocks={"upstream": Clock(-2.5)}, lost=[], findings=TrueFindings(["capture.clock"], [])
    )
    capture = TrueCapture("correlate", "client+upstream", ["client.pcap"], "", "correlate",
                          together=stated)  # fmt: skip
    true = connection(Born("responder", ["path"]))
    truth = Truth("tcp.x-y", "a title", "how it was made", "fit", ["tcp"], [], {}, [capture],
                  [true], TrueFindings(["path.loss"]))  # fmt: skip
    resets = [{"from": "responder", "attribution": {"side": "responder"}}]
    judged = judge(truth, capture, report(said(*BOTH, resets=resets), clock_offset=1.0))
    total = tally([judged])
    assert total["all"]["matched"]["share"] == 1.0
    assert total["all"]["born"]["share"] == 0.0
    assert total["all"]["clocks"]["share"] == 0.0
    assert total["all"]["lost_between"]["share"] == 1.0
    assert judged.missing_findings == ["capture.clock"]
    assert total["misses"][0]["wrong"] == ["born"]
    assert total["wrong_points"][0]["what"] == "upstream: offset -2.5, said 1.0"


def test_the_cause_is_known_by_its_number_at_any_point() -> None:
    capture = TrueCapture("correlate", "client+upstream", ["client.pcap"], "", "correlate",
                          together=compared())  # fmt: skip
    front, back = connection(), connection()
    back.seen = {"correlate": [Sighting("10.0.2.1:60", UPSTREAM)]}
    front.caused_by = 1
    truth = Truth("tcp.x-y", "a title", "how it was made", "fit", ["tcp"], [], {}, [capture],
                  [front, back])  # fmt: skip
    leg = said(sighting("upstream", "10.0.2.1:60", 1), stream=4)
    leg["initiator"] = {"ip": "10.0.2.1", "port": 60}
    for point, right in (("upstream", True), ("client", False)):
        causes = [{"point": point, "stream": 0, "frame": 1}]
        there = report(said(*BOTH, causes=causes, caused_by=None), leg)
        assert judge(truth, capture, there).outcomes[0].cause_right is right


def test_arguments_of_the_command() -> None:
    assert together.words(compared(), "/x") == [
        "client=/x/client.pcap", "upstream=/x/up-1.pcap", "upstream=/x/up-2.pcap",
    ]  # fmt: skip
