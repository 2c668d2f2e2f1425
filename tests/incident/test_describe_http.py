"""A connection's requests in the report, and in its timeline."""

from __future__ import annotations

from pcapdiag.diagnose.http.reply import BY_ITS_CALL
from pcapdiag.incident.describe_http import MAX_LISTED, describe_http, http_labels
from pcapdiag.incident.labels import labels
from pcapdiag.incident.timeline import timeline
from pcapdiag.model.http import Exchange, GrpcFacts, HttpFacts, LocalReply
from tests.diagnose.http.spoken import ENVOY_REFUSED, after_answer, call, exchange, spoken

HERE = "10.0.2.7"


def facts(*exchanges: Exchange) -> HttpFacts:
    return HttpFacts(requests=len(exchanges), exchanges=list(exchanges))


def test_failed_requests_stand_with_their_neighbours() -> None:
    told = describe_http(facts(*(exchange(n) for n in range(10))), {4}, HERE)
    assert told.requests == 10
    assert [one.index for one in told.exchanges] == [3, 4, 5]


def test_where_none_failed_the_last_one_stands() -> None:
    told = describe_http(facts(exchange(0), exchange(1)), {None}, HERE)
    assert [one.index for one in told.exchanges] == [1]


def test_all_of_them_are_the_first_ones() -> None:
    told = describe_http(facts(*(exchange(n) for n in range(MAX_LISTED + 5))), None, HERE)
    assert [one.index for one in told.exchanges] == list(range(MAX_LISTED))


def test_many_failed_ones_leave_no_room_for_neighbours() -> None:
    odd = set(range(1, 2 * MAX_LISTED, 2))
    told = describe_http(facts(*(exchange(n) for n in range(2 * MAX_LISTED))), odd, HERE)
    assert [one.index for one in told.exchanges] == sorted(odd)


def test_a_reply_is_made_by_the_responder_unless_it_was_handed_on() -> None:
    own = exchange(0, status=503, local_reply=ENVOY_REFUSED)
    passed = exchange(1, status=503, local_reply=LocalReply("envoy", "overflow", handed_on=True))
    told = describe_http(facts(own, passed, exchange(2)), None, HERE)
    assert [one.made_by for one in told.exchanges] == [HERE, None, None]
    assert told.exchanges[0].local_reply
    assert told.exchanges[0].local_reply.reason == "remote connection failure"


def test_a_retry_names_the_failed_request_that_it_repeats() -> None:
    told = describe_http(
        facts(
            exchange(0, request_id="a", status=503),
            exchange(1, request_id="b", status=503),
            exchange(2, request_id="a", status=None),
            exchange(3, request_id="b", target="/cart"),
            exchange(4, request_id="a", status=200),
            exchange(5, request_id="a", status=200),
            exchange(6, status=503),
            exchange(7),
        ),
        None,
        HERE,
    )
    assert [one.retry_of for one in told.exchanges] == [None, None, 0, None, 2, None, None, None]


def test_a_call_has_its_status_by_name_and_its_deadline_in_seconds() -> None:
    grpc = GrpcFacts("shop.Pay", "Charge", 4, "late", timeout=1_500_000_000)
    (told,) = describe_http(facts(call(4, grpc=grpc)), None, HERE).exchanges
    assert told.grpc
    assert (told.grpc.name, told.grpc.timeout) == ("DEADLINE_EXCEEDED", 1.5)
    assert told.stream_id == 1


def test_labels_name_request_answer_and_status() -> None:
    reply = exchange(0, status=503, local_reply=ENVOY_REFUSED)
    assert list(http_labels(facts(reply))) == [
        (4, "GET /pay"),
        (6, "503 (Envoy's own)"),
    ]
    nameless = exchange(0, status=502, local_reply=BY_ITS_CALL)
    assert list(http_labels(facts(nameless)))[-1] == (6, "502 (its own)")
    ended = list(http_labels(facts(call(14, "no\x1b"))))
    assert ended[-1] == (6, 'grpc-status 14 UNAVAILABLE: "no\\x1b"')


def test_labels_of_one_packet_stand_together_and_many_are_counted() -> None:
    story = spoken(after_answer(), *(exchange(n, target=f"/{n}") for n in range(5)))
    assert labels(story)[4] == "GET /0; GET /1; GET /2 and 2 more"


def test_the_timeline_says_what_a_packet_meant() -> None:
    story = spoken(after_answer(), exchange(0, status=503, local_reply=ENVOY_REFUSED))
    lines = {line.frame: line for line in timeline(story, labels=labels(story))}
    assert lines[4].event == "GET /pay"
    assert lines[4].detail.startswith("27 bytes, seq 1")
    assert lines[6].event == "503 (Envoy's own)"
