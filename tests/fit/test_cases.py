"""Who sent a RST, as far as the lab's truth tells."""

from __future__ import annotations

from typing import Any

import pytest

from failurelab.truth import Accepted, Born, Sighting, TrueCapture, TrueConnection, Truth
from ratiofit import cases
from ratiofit.cases import observe_capture
from ratiofit.records import Case, Verdict, only_side

CLIENT, SERVER = "10.0.0.1:4000", "10.0.1.1:80"
SIGNAL = {"signal": "ttl_same", "says": "responder", "weight": 0.6, "frames": [9]}
PRIOR = {"signal": "prior", "says": "responder", "weight": 0.8, "frames": []}


def truth(code: str, *sides: str, **at: Accepted) -> Truth:
    connection = TrueConnection(CLIENT, SERVER, [code], list(sides), ["unknown"], at=at)
    connection.seen = {"client": [Sighting(CLIENT, SERVER)]}
    capture = TrueCapture("client", "client eth0", ["client.pcap"], "pcap")
    return Truth("tcp.x-y", "title", "how", "fit", ["tcp"], [], {}, [capture], [connection])


def attribution(side: str, *evidence: dict[str, Any]) -> dict[str, Any]:
    return {"side": side, "confidence": 0.9, "evidence": [PRIOR, *evidence], "candidates": []}


def report(code: str, *frames: int, side: str = "responder") -> dict[str, Any]:
    """One connection with a RST in each of the frames; the verdict rests on the first."""
    ends = [{"ip": end.split(":")[0], "port": int(end.split(":")[1])} for end in (CLIENT, SERVER)]
    evidence = {frame: SIGNAL | {"frames": [frame]} for frame in frames}
    verdict = {
        "code": code, "failed": code != "ok", "phase": "idle", "frames": list(frames[:1]),
        "confidence": 0.9,
        "attribution": attribution(side, *(evidence[frame] for frame in frames[:1])),
    }  # fmt: skip
    resets = [
        {"frame": f, "from": "responder", "attribution": attribution(side, evidence[f])}
        for f in frames
    ]
    connection = {
        "initiator": ends[0], "responder": ends[1], "start": "1.0", "stream": 0, "same_as": None,
        "verdict": verdict, "resets": resets,
    }  # fmt: skip
    return {"connections": [connection], "findings": []}


def found(one: Truth, made: dict[str, Any]) -> list[Case]:
    return observe_capture(one, one.captures[0], made).cases


def test_where_no_device_is_accused_every_reset_is_its_senders() -> None:
    made = found(truth("tcp.reset_before_response", "responder"),
                 report("tcp.reset_before_response", 9, 12))  # fmt: skip
    assert [(case.frame, case.truth) for case in made] == [(9, "responder"), (12, "responder")]
    assert made[0].fired == {"ttl_same": "responder"}


def test_resets_of_what_worked_are_their_senders_too() -> None:
    assert [case.truth for case in found(truth("ok", "unknown"), report("ok", 9))] == ["responder"]


def test_of_a_devices_resets_only_the_decisive_one_is_known() -> None:
    one = truth("tcp.injected_reset", "path", "unknown")
    made = found(one, report("tcp.injected_reset", 9, 12))
    assert [(case.frame, case.truth) for case in made] == [(9, "path")]


def test_a_wrong_code_may_rest_on_another_reset() -> None:
    one = truth("tcp.injected_reset", "path", "unknown")
    assert found(one, report("tcp.reset_in_response", 9)) == []


def test_a_host_may_answer_for_a_device_that_forgot() -> None:
    one = truth("tcp.stale_connection", "path", "unknown")
    assert found(one, report("tcp.stale_connection", 9)) == []


@pytest.mark.parametrize("maker", ["path", "responder"])
def test_where_a_reset_was_born_settles_it(maker: str) -> None:
    one = truth("tcp.stale_connection", "path", "unknown")
    one.connections[0].born = [Born("responder", [maker]), Born("initiator", ["initiator"])]
    assert [case.truth for case in found(one, report("tcp.stale_connection", 9))] == [maker]


def test_a_hosts_own_rule_answers_in_the_other_ends_name() -> None:
    one = truth("tcp.reset_before_request", "initiator", "unknown")
    one.connections[0].born = [Born("responder", ["initiator"])]
    made = found(one, report("tcp.reset_before_request", 9))
    assert [case.truth for case in made] == ["initiator"]


def test_a_scenario_that_accuses_a_device_elsewhere_says_nothing_of_other_resets() -> None:
    one = truth("ok", "unknown", upstream=Accepted(sides=["path"]))
    assert found(one, report("ok", 9)) == []


def test_a_failure_without_a_reset() -> None:
    made = found(truth("tcp.connection_timeout", "path", "unknown"),
                 report("tcp.connection_timeout", side="unknown"))  # fmt: skip
    assert [(case.frame, case.ground, case.truth) for case in made] == [
        (0, "analyze tcp.connection_timeout", "path")
    ]


@pytest.mark.parametrize(
    ("sides", "only"),
    [(["path", "unknown"], "path"), (["path", "responder"], None), (["unknown"], None)],
)
def test_unknown_is_only_an_accepted_answer(sides: list[str], only: str | None) -> None:
    assert only_side(sides) == only


def test_without_a_name_the_likeliest_candidate_is_judged() -> None:
    def verdict(side: str, best: str, code: str = "tcp.idle_reset") -> Verdict:
        return Verdict("a", "fit", "client", "", code, code, side, best, 0.6, ["path", "unknown"],
                       True)  # fmt: skip

    assert verdict("unknown", "path").hits
    assert not verdict("unknown", "responder").hits
    assert verdict("unknown", "responder").right
    assert not verdict("responder", "responder").hits
    assert not verdict("unknown", "unknown", "ok").answers


def test_all_variants_of_a_code_are_in_one_fold() -> None:
    assert cases.fold("tcp.idle_reset-one") == cases.fold("tcp.idle_reset-two")
    folds = {cases.fold(f"{code}-x") for code in ("tcp.idle_reset", "tls.alert", "grpc.error")}
    assert folds <= set(range(cases.FOLDS))
