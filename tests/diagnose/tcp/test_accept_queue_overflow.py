from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.model.context import Context, HostFacts
from tests.diagnose.playbook import (
    EXCHANGE,
    GET,
    HANDSHAKE,
    OK,
    SECOND,
    C,
    S,
    again,
    around,
    judged,
    play,
    sides,
)

REQUEST = C("PSH,ACK", GET, lost=True)
REPEATED = S("SYN,ACK", seq=4_294_967_200, after=1000)
IGNORED = (REQUEST, *again(REQUEST, 200, 400), REPEATED, C("ACK"), *again(REQUEST, 200), REPEATED)


def test_syn_ack_repeated_although_the_data_was_sent() -> None:
    verdict = judged(*HANDSHAKE, *IGNORED, C("FIN,ACK", after=500))
    assert verdict.code == "tcp.accept_queue_overflow"
    assert [other.code for other in verdict.alternatives] == ["tcp.handshake_stalled"]
    assert sides(verdict)["responder"] < 0.8


def test_several_connections_to_the_listener_name_it() -> None:
    """SYNs still get there, so what they stall for is no way that is cut."""
    story = play(*HANDSHAKE, *IGNORED)
    for later, named in ((SECOND, True), (0, False)):
        context = around(story, unanswered=3)
        endpoint = context.endpoint(story.responder.address, story.responder.port)
        endpoint.last_established = story.established_time + later
        assert (sides(judge(story, context))["responder"] >= 0.8) is named


def test_a_bare_reset_at_the_final_ack() -> None:
    verdict = judged(*HANDSHAKE, S("RST", after=0.3))
    assert verdict.code == "tcp.accept_queue_overflow"
    assert verdict.reset is not None
    assert verdict.confidence < 0.8


def test_a_reset_before_the_syn_ack_answers_something_else() -> None:
    late = (C("SYN"), S("RST", seq=77), *HANDSHAKE[1:], S("ACK", after=3_000), C("ACK"))
    assert judged(*late).code != "tcp.accept_queue_overflow"


def test_who_does_not_hold_the_connection_resets_the_data_behind_the_ack_too() -> None:
    resets = (C("ACK", GET), S("RST", after=0.1), S("RST", after=0.2))
    assert judged(*HANDSHAKE, *resets).code == "tcp.accept_queue_overflow"
    verdict = judged(*HANDSHAKE, *resets[:2])
    assert verdict.code == "tcp.reset_before_response"
    assert "tcp.accept_queue_overflow" in [other.code for other in verdict.alternatives]


def test_who_answered_the_syn_from_elsewhere_has_no_queue_of_the_hosts() -> None:
    story = play(*HANDSHAKE, S("RST", after=0.3))
    host = HostFacts(story.responder.address, ttls={64: 1, 58: 9})
    assert judge(story, Context(hosts={host.address: host}, last_time=story.end)).code == (
        "tcp.reset_before_request"
    )


def test_a_reset_from_elsewhere_than_the_syn_ack_is_no_listeners() -> None:
    for ttl, code in ((62, "tcp.accept_queue_overflow"), (60, "tcp.reset_before_request")):
        assert judged(*HANDSHAKE, S("RST", after=0.3, ttl=ttl)).code == code
    story = play(*HANDSHAKE, S("RST", after=0.3))
    *before, reset = story.packets
    sent = replace(reset, direction=4)
    moved = replace(story, packets=(*before, sent), resets=(sent,))
    assert judge(moved, around(moved)).code == "tcp.reset_before_request"


def test_a_listener_that_waits_for_data_repeats_its_syn_ack_and_serves() -> None:
    served = (REPEATED, C("ACK"), *EXCHANGE, C("FIN,ACK"), S("FIN,ACK"))
    verdict = judged(*HANDSHAKE, *served)
    assert verdict.code == "ok"
    assert "TCP_DEFER_ACCEPT" in " ".join(verdict.notes)


def test_data_that_was_acknowledged_was_taken() -> None:
    lines = (C("PSH,ACK", GET), S("ACK"), S("PSH,ACK", OK, after=9), C("ACK"), S("RST,ACK", win=5))
    assert judged(*HANDSHAKE, *lines).code == "ok"


def test_a_file_that_ends_right_behind_the_data_is_open() -> None:
    assert judged(*HANDSHAKE, REPEATED, C("ACK"), REQUEST, left=0.1).code == "capture.partial"


def test_a_client_that_says_nothing_tells_of_no_full_queue() -> None:
    """A listener with TCP_DEFER_ACCEPT repeats its SYN-ACK to it, too; a greeting would be due."""
    silent = (REPEATED, C("ACK"))
    verdict = judged(*HANDSHAKE, *silent, left=60)
    assert verdict.code == "ok"
    assert "said nothing" in " ".join(verdict.notes)
    assert judged(*HANDSHAKE, *silent, left=60, speaks_first=3).code == "tcp.accept_queue_overflow"


def test_data_that_came_long_after_the_last_syn_ack_and_met_a_reset() -> None:
    late = (REPEATED, C("ACK"), C("PSH,ACK", GET, after=40_000), S("RST", after=20))
    verdict = judged(*HANDSHAKE, *late, left=60)
    assert verdict.failed
    assert verdict.code != "tcp.accept_queue_overflow"


def test_a_reset_long_after_the_final_ack_is_not_the_kernels_refusal() -> None:
    assert judged(*HANDSHAKE, S("RST", after=700)).code != "tcp.accept_queue_overflow"
