from __future__ import annotations

import pytest

from pcapdiag.diagnose.grpc.error import MEANINGS
from pcapdiag.model.http import GrpcFacts
from pcapdiag.protocols.http.grpc import FAILURES
from tests.diagnose.http.spoken import ENVOY_REFUSED, RESPONSE, after_answer, call, verdict
from tests.diagnose.http2.scenes import CLIENT_CLOSES, answered, http2, judged
from tests.diagnose.playbook import C, S, sides
from tests.diagnose.protocol.scenes import PREFACE


@pytest.mark.parametrize("status", [2, 4, 8, 12, 13, 14, 15])
def test_statuses_that_mean_a_failure(status: int) -> None:
    judgement = verdict(after_answer(), call(status, "away"))
    assert judgement.code == "grpc.error"
    assert sides(judgement)["responder"] > 0.9
    assert judgement.frames[-1] == RESPONSE
    assert '"away"' in judgement.facts["ended"]
    assert judgement.facts["outcome"] == f"grpc-status {status}"


@pytest.mark.parametrize(
    ("http", "kind", "name"),
    [(200, "text/html", "UNKNOWN"), (404, "", "UNIMPLEMENTED"), (503, "text/plain", "UNAVAILABLE")],
)
def test_an_answer_that_is_none_of_grpc(http: int, kind: str, name: str) -> None:
    """grpc/doc/http-grpc-status-mapping.md."""
    judgement = verdict(after_answer(), call(None, stream_id=1, status=http, content_type=kind))
    assert (judgement.code, judgement.phase) == ("grpc.error", "before_response")
    assert judgement.confidence == 0.9
    assert judgement.facts["outcome"] == f"HTTP {http} without grpc-status"
    assert f"clients make {name}" in judgement.facts["ended"]


def test_a_status_that_is_none() -> None:
    """NGINX with proxy_pass in front of a server of gRPC (measured)."""
    judgement = verdict(after_answer(), call(None, stream_id=1, status=0))
    assert judgement.code == "grpc.error"
    assert "no status line" in judgement.facts["ended"]
    assert "grpc_pass" in judgement.facts["advice"]


def test_not_where_a_status_may_be() -> None:
    """Of gRPC, without a word on what it is, cut, on HTTP/1, or one that is no failure."""
    for answer in (
        call(None, stream_id=1, status=200, content_type="application/grpc+proto"),
        call(None, stream_id=1, status=200, content_type=""),
        call(None, stream_id=1, status=404, complete=False, end_unknown=True),
        call(None, stream_id=None, status=404, content_type="text/html"),
        call(None, stream_id=1, status=403, content_type="text/html"),
    ):
        assert verdict(after_answer(), answer).code != "grpc.error"


@pytest.mark.parametrize("status", [None, 0, 1, 3, 5, 6, 7, 9, 10, 11, 16, 17, 400])
def test_an_application_s_answers_are_ok(status: int | None) -> None:
    assert verdict(after_answer(), call(status)).code == "ok"


def test_a_tool_that_looks_for_reflection_goes_on_without_it() -> None:
    asked = GrpcFacts("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo", 12)
    assert verdict(after_answer(), call(12, grpc=asked)).code == "ok"


def test_a_proxy_s_own_text_is_a_local_reply() -> None:
    assert verdict(after_answer(), call(14, local_reply=ENVOY_REFUSED)).code == "http.local_reply"


def test_a_stranger_s_words_are_made_harmless() -> None:
    judgement = verdict(after_answer(), call(13, "\x1b[2Jgone\n{status}", target="/a.B/\x1b[31m"))
    texts = "".join(judgement.facts.values())
    assert "\x1b" not in texts
    assert "\n" not in texts


def test_logs_count_the_same_statuses_as_failures() -> None:
    assert MEANINGS.keys() == FAILURES


@pytest.mark.parametrize(
    ("kind", "incomplete", "code"),
    [
        ("application/grpc", False, "grpc.error"),
        ("application/grpc+proto", False, "grpc.error"),
        ("application/grpc-web+proto", False, "ok"),
        ("application/grpc", True, "ok"),
    ],
)
def test_an_answer_without_trailers_has_lost_its_status(
    kind: str, incomplete: bool, code: str
) -> None:
    call_ = answered(1, content_type=kind, grpc=GrpcFacts("lab.T", "Un", messages=1))
    judgement = judged(http2(call_, incomplete=incomplete), *CLIENT_CLOSES)
    assert judgement.code == code
    if code != "ok":
        assert judgement.facts["ended"].startswith("ended without trailers")
        assert "grpc_pass" in judgement.facts["advice"]


def test_trailers_that_were_captured_before_the_call_were_not_left_out() -> None:
    call_ = answered(1, content_type="application/grpc", grpc=GrpcFacts("lab.T", "Un", messages=1))
    early = S("PSH,ACK", b"trailers", ack=1_000_001 + len(PREFACE) + 9)
    lines = (early, C("PSH,ACK", b"\0" * 9), *CLIENT_CLOSES)
    assert judged(http2(call_), *lines).code == "ok"
