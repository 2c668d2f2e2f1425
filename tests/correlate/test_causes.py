"""Which call of a proxy made it fail its client."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pcapdiag.correlate import legs as module
from pcapdiag.correlate.causes import join_legs
from pcapdiag.correlate.leg_failure import LegFailure
from tests.correlate.legs import (
    BACK,
    FRONT,
    OTHER_CLIENT,
    Fields,
    at,
    causes,
    dropped,
    refused,
    reply,
    reset,
)

pytestmark = pytest.mark.once


def test_a_refused_call_just_before_is_the_cause() -> None:
    assert causes(reply(), refused()) == {0: [1]}


@pytest.mark.parametrize(
    "call",
    [
        refused(asked=4, decided=18),
        refused(decided=26),
        refused(asked=21, decided=22),
        refused(opener="10.0.1.6"),
        refused(same_as=0),
        refused(health_check=True),
        refused(opener="10.0.0.9", answerer=FRONT, answerer_port=80),
    ],
    ids=[
        "asked before the client did",
        "failed after the reply",
        "made after the reply",
        "another proxy's",
        "the same connection behind a NAT",
        "a health check",
        "the client's own next call",
    ],
)
def test_what_is_no_cause(call: LegFailure) -> None:
    assert causes(reply(), call) == {}


def test_a_call_that_failed_long_before_the_reply_is_not_the_cause() -> None:
    assert causes(reply(decided=120), refused()) == {}


def test_two_addresses_of_the_capturing_host_are_one_proxy() -> None:
    call = refused(opener="10.9.9.9")
    assert causes(reply(), call, own=frozenset({FRONT, "10.9.9.9"})) == {0: [1]}
    assert causes(reply(), call) == {}


def test_the_same_request_id_shows_two_addresses_to_be_one_proxy() -> None:
    asked, call = reply(request_id="a-1"), reset(opener="10.9.9.9", request_id="a-1")
    assert causes(reply(request_id="a-1", reason="connection termination"), call) == {0: [1]}
    assert causes(asked, call) == {}


def test_two_calls_with_one_request_id_are_no_causes_of_each_other() -> None:
    first = reset(1, decided=15, request_id="a")
    again = reset(2, asked=16, decided=19, request_id="a", answerer="10.0.2.8")
    client = reply(reason="connection termination", request_id="a")
    assert causes(first, again) == {}
    assert causes(client, first, again) == {0: [1, 2]}


@pytest.mark.parametrize(
    ("asked", "decided"),
    [((10, 12), (20, 20.4)), ((10, 10.2), (20, 20.1)), ((10, 22), (20, 28))],
    ids=["overlapping", "close together", "one after the other"],
)
def test_two_clients_at_once_get_their_own_causes(
    asked: tuple[float, float], decided: tuple[float, float]
) -> None:
    found = causes(
        reply(0, asked=asked[0], decided=decided[0]),
        reply(2, asked=asked[1], decided=decided[1], client=OTHER_CLIENT),
        refused(1, asked=asked[0] + 0.02, decided=decided[0] - 0.03),
        refused(3, asked=asked[1] + 0.02, decided=decided[1] - 0.03),
    )
    assert found == {0: [1], 2: [3]}


def test_of_two_calls_that_fit_equally_none_is_the_cause() -> None:
    both = refused(1), refused(2, asked=12, decided=18.5)
    assert causes(reply(), *both) == {}
    unclear = join_legs((reply(), *both)).unclear
    assert [call.stream for call in unclear[0, 0]] == [1, 2]


def test_what_is_taken_by_one_client_is_not_anothers() -> None:
    found = causes(
        reply(0, asked=10, decided=20),
        reply(2, asked=17, decided=22, client=OTHER_CLIENT),
        refused(1, asked=11, decided=19),
        refused(3, asked=18, decided=21),
    )
    assert found == {0: [1], 2: [3]}


@pytest.mark.parametrize("member", ["request_id", "trace", "target"])
def test_what_can_be_read_tells_requests_apart(member: str) -> None:
    terminated = "connection termination"
    found = causes(
        replace(reply(0, reason=terminated), **{member: "a"}),
        replace(reply(2, client=OTHER_CLIENT, reason=terminated), **{member: "b"}),
        replace(reset(1), **{member: "b"}),
        replace(reset(3), **{member: "a"}),
    )
    assert found == {0: [3], 2: [1]}


def test_a_call_for_another_request_is_not_the_cause() -> None:
    asked = reply(reason="connection termination", method="GET", target="/a", request_id="a")
    assert causes(asked, reset(method="POST", target="/a")) == {}
    assert causes(asked, reset(method="GET", target="/b", request_id="b")) == {}
    assert causes(asked, reset(method="GET", target="/a", request_id="b")) == {0: [1]}
    assert causes(asked, reset(method="GET", target="/rewritten", request_id="a")) == {0: [1]}


@pytest.mark.parametrize(
    ("said", "call", "fits"),
    [
        ({"reason": "connection failure"}, refused(), True),
        ({"reason": "connection failure"}, reset(), False),
        ({"reason": "connection failure"}, reset(code="tls.alert", phase="tls_handshake"), True),
        ({"reason": "connection termination"}, refused(), False),
        ({"reason": "connection termination"}, reset(), True),
        ({"reason": "connection timeout"}, refused(), False),
        ({"reason": "remote reset"}, reset(), False),
        ({"reason": "remote reset"}, reset(code="http2.rst_stream"), True),
        ({"reason": "upstream request timeout", "status": 504}, reset(), False),
        ({"reason": "upstream request timeout", "status": 504}, reset(by="initiator"), True),
        ({"reason": "overflow", "code": "http.overflow"}, refused(), False),
        ({"reason": "no healthy upstream", "code": "http.no_healthy_upstream"}, refused(), False),
        ({"product": "haproxy", "reason": ""}, refused(), True),
        ({"product": "haproxy", "reason": ""}, reset(), False),
        ({"product": "haproxy", "reason": "", "status": 502}, reset(), True),
        ({"product": "haproxy", "reason": "", "status": 504}, reset(), False),
        ({"product": "nginx", "reason": "", "status": 502}, refused(), True),
        ({"product": "nginx", "reason": "", "status": 504}, refused(), False),
        ({"handed_on": True}, refused(), False),
    ],
)
def test_the_reply_says_what_kind_of_failure_it_was(
    said: Fields, call: LegFailure, fits: bool
) -> None:
    assert causes(reply(**said), call) == ({0: [1]} if fits else {})


def test_a_reply_that_was_handed_on_leads_to_the_proxy_that_made_it() -> None:
    outer = reply(handed_on=True, decided=22)
    inner = reply(1, asked=11, decided=21, client=BACK, answerer="10.0.3.3")
    last = refused(2, asked=12, decided=20, opener="10.0.3.3")
    assert causes(outer, inner, last) == {0: [1], 1: [2]}


def test_a_call_that_nothing_answered_is_the_cause_once_it_was_given_up() -> None:
    client = reply(reason="connection timeout", decided=1011)
    assert causes(client, dropped()) == {0: [1]}
    assert causes(client, dropped(asked=900)) == {}
    assert causes(client, dropped(last_try=at(1100))) == {}


def test_a_call_that_ended_before_it_asked_was_made_for_the_connection() -> None:
    client = reply(asked=90, since=at(8), code="tcp.closed_before_request", status=None)
    call = replace(reset(asked=91, code="tcp.closed_before_request"), opened=at(9))
    assert causes(client, call) == {0: [1]}
    assert causes(client, replace(call, opened=at(1))) == {}
    assert causes(client, replace(call, decided=at(92))) == {}


def test_a_proxy_that_goes_on_trying_for_a_client_that_has_left_tried_for_it() -> None:
    left = reply(decided=9000, code="tcp.response_timeout", by="initiator", status=None)
    assert causes(left, dropped(last_try=at(16_000))) == {0: [1]}


def test_all_tries_are_told_and_the_last_one_is_the_cause() -> None:
    found = causes(
        reply(decided=90),
        refused(1, asked=11, decided=12),
        refused(2, asked=35, decided=36, answerer="10.0.2.8"),
        refused(3, asked=88, decided=89),
    )
    assert found == {0: [1, 2, 3]}


def test_of_silent_calls_that_overlap_each_client_gets_its_own() -> None:
    late = "connection timeout"
    clients = [
        reply(n, asked=10 + 1000 * n, decided=5010 + 1000 * n, client=f"10.0.0.{n}", reason=late)
        for n in range(6)
    ]
    calls = [dropped(10 + n, asked=10.3 + 1000 * n) for n in range(6)]
    assert causes(*clients, *calls) == {n: [10 + n] for n in range(6)}


def test_silent_tries_are_told_in_turn() -> None:
    client = reply(product="haproxy", reason="", decided=2015)
    calls = dropped(1, asked=11, last_try=at(11)), dropped(2, asked=1012, last_try=at(1012))
    assert causes(client, *calls) == {0: [1, 2]}


def test_a_try_for_another_client_is_not_told() -> None:
    found = causes(
        reply(0, decided=90),
        reply(4, asked=20, decided=37, client=OTHER_CLIENT),
        refused(2, asked=35, decided=36),
        refused(3, asked=88, decided=89),
    )
    assert found == {0: [3], 4: [2]}


def test_a_broken_answer_may_be_cut_a_second_later() -> None:
    cut = reply(code="http.truncated_response", phase="in_response", decided=1025, product="")
    call = reset(code="tcp.reset_in_response", phase="in_response")
    assert causes(cut, call) == {0: [1]}
    assert causes(cut, reset(code="tcp.idle_reset", phase="idle")) == {}
    assert causes(cut, refused()) == {}


def test_a_proxy_that_ends_both_legs_for_quiet_is_the_cause_of_both() -> None:
    client = reply(product="", code="tcp.idle_reset", phase="idle")
    upstream = reset(by="initiator", code="tcp.idle_reset", phase="idle")
    assert causes(client, upstream) == {}
    assert causes(client, replace(upstream, by="path")) == {0: [1]}


OF_CLIENT: Fields = {"opener": "10.0.0.9", "answerer": FRONT, "answerer_port": 80}


def left(call: LegFailure) -> LegFailure:
    return replace(call, code="tcp.initiator_abort", by="initiator")


def test_a_client_that_left_is_why_the_proxy_left_its_upstream() -> None:
    client = left(reset(0, asked=10, decided=236, **OF_CLIENT))
    upstream = left(reset(1, decided=237))
    assert causes(client, upstream) == {1: [0]}
    assert causes(client, left(reset(1, decided=300))) == {}
    assert causes(client, left(reset(1, decided=200))) == {}
    other = replace(reset(2, asked=10, decided=236.5, **OF_CLIENT), opener=OTHER_CLIENT)
    assert causes(client, left(other), upstream) == {}


def test_a_client_that_reads_slowly_is_why_the_upstream_waits() -> None:
    stall: Fields = {"code": "tcp.zero_window", "side": "initiator"}
    upstream = reset(1, decided=900, **stall)
    client = replace(reset(0, asked=10, decided=950, **OF_CLIENT), **stall)
    assert causes(client, upstream) == {1: [0]}
    assert causes(client, reset(1, code="tcp.zero_window", side="responder")) == {}
    gone = replace(client, decided=upstream.asked - 1)
    assert causes(gone, upstream) == {}


def test_of_too_many_at_one_moment_only_an_id_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_COMPARED", 3)
    client = reply(reason="connection termination", request_id="a")
    calls = [reset(n) for n in range(1, 6)]
    assert causes(client, *calls) == {}
    calls[2] = reset(3, request_id="a")
    assert causes(client, *calls) == {0: [3]}


def test_what_a_path_did_to_the_client_has_no_cause_behind_the_proxy() -> None:
    cut = reply(code="tcp.reset_before_response", by="path", product="")
    assert causes(cut, reset()) == {}
    assert causes(reply(code="tcp.reset_before_response", product=""), reset()) == {0: [1]}


HOSTS = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "127.0.0.1")
CODES = (
    "http.local_reply",
    "tcp.connection_refused",
    "tcp.connection_timeout",
    "tcp.initiator_abort",
    "tcp.response_timeout",
    "tcp.reset_before_response",
    "tcp.zero_window",
)
failures_of_a_capture = st.lists(
    st.builds(
        replace,
        st.just(reply()),
        opener=st.sampled_from(HOSTS),
        answerer=st.sampled_from(HOSTS),
        answerer_port=st.integers(1, 2),
        code=st.sampled_from(CODES),
        since=st.integers(0, 10).map(lambda ms: at(100 + ms)),
        asked=st.integers(10, 20).map(lambda ms: at(100 + ms)),
        decided=st.sampled_from([0, *(at(115 + ms) for ms in range(0, 400, 5))]),
        by=st.sampled_from(["initiator", "responder", "path", None]),
        side=st.sampled_from(["initiator", "responder", None]),
        came_up=st.booleans(),
        status=st.sampled_from([502, 503, 504]),
        product=st.sampled_from(["", "envoy", "nginx", "haproxy"]),
        reason=st.sampled_from(["", "connection failure", "overflow", "remote reset"]),
        request_id=st.sampled_from([None, "a", "b"]),
        suspected=st.booleans(),
        same_as=st.sampled_from([None, 0, 1]),
    ),
    max_size=12,
).map(lambda made: [replace(one, stream=n) for n, one in enumerate(made)])


@given(failures_of_a_capture)
def test_a_cause_is_another_leg_and_nothing_is_its_own(failures: list[LegFailure]) -> None:
    by_key = {failure.key: failure for failure in failures}
    joined = join_legs(failures)
    explained, unclear = joined.explained, joined.unclear
    assert not explained.keys() & unclear.keys()
    for key, why in explained.items():
        effect = by_key[key]
        begun = [cause.asked for cause in why.causes]
        assert begun == sorted(begun)
        for cause in why.causes:
            assert cause.stream != effect.stream
            assert cause.same_as is None
            met = (
                (effect.opener, cause.answerer)
                if why.by_client
                else (effect.answerer, cause.opener)
            )
            loops = {host.startswith("127.") for host in met}
            known = effect.request_id is not None and effect.request_id == cause.request_id
            assert met[0] == met[1] or loops == {True} or known


def test_a_timeout_is_not_explained_by_a_handshake_that_somebody_refused() -> None:
    asked_late = reply(asked=10, decided=1_010, reason="connection timeout")
    expired = refused(
        decided=1_009, code="tls.certificate_expired", phase="tls_handshake", by="initiator",
        came_up=True,
    )  # fmt: skip
    assert causes(asked_late, expired) == {}
    silent = replace(expired, code="tls.handshake_timeout")
    assert causes(asked_late, silent) == {0: [1]}


def test_a_connection_that_had_come_up_is_no_first_of_several_connect_timeouts() -> None:
    late = reply(asked=10, decided=2_010, status=504, reason="upstream request timeout")
    lost = dropped(code="tcp.data_timeout", phase="before_response", came_up=True)
    other = dropped(2, asked=1_010)
    assert causes(late, lost, other) == {0: [1]}
    assert causes(late, replace(lost, came_up=False), other) == {0: [1, 2]}


def test_a_call_before_the_request_is_no_try_for_it() -> None:
    assert causes(reply(), refused(1, asked=9, decided=9.5), refused(2, asked=12)) == {0: [2]}
    assert causes(reply(), refused(1, asked=10.1, decided=10.5), refused(2, asked=12)) == {
        0: [1, 2]
    }


def test_of_clients_that_left_at_once_it_followed_the_one_that_had_just_asked() -> None:
    clients = [
        reply(n, asked=asked, decided=500, code="tcp.initiator_abort", by="initiator")
        for n, asked in enumerate((100, 150, 200))
    ]
    calls = [
        refused(
            n, asked=asked, decided=501, code="tcp.initiator_abort", by="initiator", came_up=True
        )
        for n, asked in ((10, 100.4), (11, 150.4), (12, 200.4))
    ]
    assert causes(*clients, *calls) == {10: [0], 11: [1], 12: [2]}
    near = replace(clients[1], asked=at(101))
    assert causes(clients[0], near, replace(calls[0], asked=at(130))) == {}


def test_a_connection_that_was_not_used_explains_only_the_request_that_it_was_opened_for() -> None:
    nginx = reply(product="nginx", status=502, reason="")
    unused = refused(
        decided=19.5, code="tls.certificate_rejected", phase="before_request", by="initiator",
        came_up=True, suspected=True,
    )  # fmt: skip
    opened = replace(unused, opened=at(10.5))
    assert causes(nginx, opened) == {0: [1]}
    assert causes(nginx, replace(opened, opened=at(7))) == {}, "a health check's"
    assert causes(nginx, replace(opened, decided=at(17))) == {}
    assert causes(nginx, opened, refused(2)) == {0: [2]}, "what surely failed comes first"
    stream = replace(nginx, code="tcp.reset_before_response", status=None)
    assert causes(stream, opened) == {0: [1]}, "a TCP proxy has no answer of its own"
