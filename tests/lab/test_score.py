"""The score, with reports made up for it."""

from __future__ import annotations

from typing import Any

import pytest

from failurelab.score import judge
from failurelab.score_text import as_text
from failurelab.tally import reliability, tally
from failurelab.truth import (
    Accepted,
    Sighting,
    TrueCapture,
    TrueConnection,
    TrueFindings,
    Truth,
)

CLIENT, PROXY, UPSTREAM = "10.0.0.1:4000", "10.0.1.1:80", "10.0.2.1:90"


def true(initiator: str, responder: str, code: str, side: str, party: str) -> TrueConnection:
    seen = {"client": [Sighting(initiator, responder)]}
    return TrueConnection(initiator, responder, [code], [side], [party], seen=seen)


def truth(*connections: TrueConnection, can_tell: bool = True, others: str = "ok") -> Truth:
    capture = TrueCapture(
        "client", "client eth0", ["client.pcap"], "pcap", "analyze", can_tell, others
    )
    return Truth("tcp.x-y", "a title", "how it was made", "fit", ["tcp"], [], {}, [capture],
                 list(connections))  # fmt: skip


def said(initiator: str, responder: str, code: str, **more: object) -> dict[str, Any]:
    ends = []
    for end in (initiator, responder):
        ip, port = end.rsplit(":", 1)
        ends.append({"ip": ip.strip("[]"), "port": int(port), "role": "unknown"})
    attribution = {
        "side": more.get("side", "responder"),
        "party": more.get("party", "upstream"),
        "confidence": more.get("sure", 0.9),
    }
    verdict = {
        "code": code, "failed": code not in ("ok", "capture.partial"), "attribution": attribution,
        "confidence": 0.9, "ended_by": more.get("ended_by"),
    }  # fmt: skip
    return {
        "initiator": ends[0], "responder": ends[1], "verdict": verdict,
        "stream": more.get("stream", 0), "start": more.get("start", "1.0"),
        "caused_by": more.get("caused_by"), "same_as": more.get("same_as"),
    }  # fmt: skip


def report(*connections: dict[str, Any], findings: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"connections": list(connections), "findings": [{"code": code} for code in findings]}


def test_right_verdict() -> None:
    one = truth(true(CLIENT, PROXY, "tcp.connection_refused", "responder", "upstream"))
    judged = judge(one, one.captures[0], report(said(CLIENT, PROXY, "tcp.connection_refused")))
    outcome = judged.outcomes[0]
    assert (outcome.code_right, outcome.side_right, outcome.party_right) == (True, True, True)
    assert judged.false_alarms == []


def test_missing_connection_is_wrong() -> None:
    one = truth(true(CLIENT, PROXY, "tcp.connection_refused", "responder", "upstream"))
    outcome = judge(one, one.captures[0], report()).outcomes[0]
    assert (outcome.code, outcome.code_right, outcome.side_right) == ("none", False, False)


def test_unlisted_failure_is_a_false_alarm_unless_others_are_not_judged() -> None:
    alarm = report(said(CLIENT, UPSTREAM, "tcp.reset_in_response"))
    strict, lenient = truth(), truth(others="any")
    assert judge(strict, strict.captures[0], alarm).false_alarms == [
        f"tcp.reset_in_response on {CLIENT} -> {UPSTREAM}"
    ]
    assert judge(lenient, lenient.captures[0], alarm).false_alarms == []


def test_healthy_connection_reported_as_failed_is_a_miss() -> None:
    one = truth(true(CLIENT, PROXY, "ok", "unknown", "unknown"))
    outcome = judge(one, one.captures[0], report(said(CLIENT, PROXY, "tcp.idle_reset"))).outcomes[0]
    assert (outcome.code_right, outcome.side_right) == (False, False)


def test_side_of_a_healthy_connection_is_not_judged() -> None:
    one = truth(true(CLIENT, PROXY, "ok", "unknown", "unknown"))
    outcome = judge(one, one.captures[0], report(said(CLIENT, PROXY, "ok"))).outcomes[0]
    assert (outcome.code_right, outcome.side_right) == (True, None)


@pytest.mark.parametrize(("side", "sure", "right"), [("path", 0.9, False), ("path", 0.6, None),
                                                     ("unknown", 0.7, None)])  # fmt: skip
def test_where_it_cannot_be_told_only_a_wrong_name_counts(
    side: str, sure: float, right: bool | None
) -> None:
    one = truth(true(CLIENT, PROXY, "tcp.idle_reset", "responder", "upstream"), can_tell=False)
    there = report(said(CLIENT, PROXY, "capture.partial", side=side, sure=sure))
    outcome = judge(one, one.captures[0], there).outcomes[0]
    assert (outcome.code_right, outcome.side_right) == (None, right)


def test_occurrences_of_the_same_ports() -> None:
    second = true(CLIENT, PROXY, "tcp.idle_reset", "responder", "upstream")
    second.seen["client"] = [Sighting(CLIENT, PROXY, 1)]
    one = truth(second)
    there = report(said(CLIENT, PROXY, "tcp.idle_reset", start="20.0", stream=1),
                   said(CLIENT, PROXY, "ok", start="3.0"))  # fmt: skip
    assert judge(one, one.captures[0], there).outcomes[0].code_right


def test_cause_on_the_other_leg() -> None:
    front = true(CLIENT, PROXY, "http.local_reply", "responder", "proxy")
    front.caused_by = 1
    one = truth(front, true(PROXY, UPSTREAM, "tcp.connection_refused", "responder", "upstream"))
    back = said(PROXY, UPSTREAM, "tcp.connection_refused", stream=7)
    for stream, right in ((7, True), (None, False)):
        answer = said(CLIENT, PROXY, "http.local_reply", party="proxy", caused_by=stream)
        outcome = judge(one, one.captures[0], report(answer, back)).outcomes[0]
        assert outcome.cause_right is right


def test_what_differs_at_one_capture() -> None:
    one = truth(true(CLIENT, PROXY, "tcp.connection_refused", "path", "middlebox"))
    one.connections[0].at["client"] = Accepted(sides=["unknown"], parties=["unknown"])
    there = report(said(CLIENT, PROXY, "tcp.connection_refused", side="unknown", party="unknown"))
    outcome = judge(one, one.captures[0], there).outcomes[0]
    assert (outcome.code_right, outcome.side_right, outcome.party_right) == (True, True, True)


def test_findings() -> None:
    one = truth()
    one.findings = TrueFindings(["path.mtu", "path.loss"], ["capture.dropped"])
    judged = judge(one, one.captures[0], report(findings=("path.mtu", "capture.dropped")))
    assert judged.missing_findings == ["path.loss"]
    assert judged.wrong_findings == ["capture.dropped"]


def test_nat_twins_count_once() -> None:
    both = true(CLIENT, PROXY, "tcp.idle_reset", "responder", "upstream")
    both.seen["client"].append(Sighting(UPSTREAM, PROXY))
    one = truth(both)
    there = report(said(CLIENT, PROXY, "tcp.idle_reset"),
                   said(UPSTREAM, PROXY, "tcp.idle_reset", same_as=0, stream=1))  # fmt: skip
    judged = judge(one, one.captures[0], there)
    assert len(judged.outcomes) == 1
    assert judged.false_alarms == []


def test_reliability_and_brier() -> None:
    table = reliability([(0.9, True), (0.9, False), (0.55, True)])
    assert [row["count"] for row in table["bins"]] == [1, 2]
    assert table["bins"][1]["right"] == 0.5
    assert table["brier"] == pytest.approx((0.01 + 0.81 + 0.2025) / 3, abs=1e-4)
    assert reliability([]) == {"bins": [], "brier": None}


def test_tally_and_text() -> None:
    one = truth(true(CLIENT, PROXY, "tcp.connection_refused", "responder", "upstream"))
    wrong = judge(one, one.captures[0], report(said(CLIENT, PROXY, "tcp.idle_reset", side="path")))
    result = tally([wrong])
    assert result["all"]["code"] == {"right": 0, "judged": 1, "share": 0.0}
    assert result["fit"]["named_wrongly"] == 1
    assert result["kept_apart"]["captures"] == 0
    assert "expected tcp.connection_refused, got tcp.idle_reset" in as_text(result)
