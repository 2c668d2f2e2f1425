from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from tests.diagnose.playbook import (
    EXCHANGE,
    GET,
    HANDSHAKE,
    OK,
    C,
    Line,
    S,
    again,
    around,
    icmp,
    judged,
    play,
    sides,
)

REQUEST = C("PSH,ACK", GET, lost=True)
TRIES = (REQUEST, *again(REQUEST, 200, 400, 800, 1600))
GIVEN_UP = (C("ACK", ack=4_294_967_201), C("FIN,ACK", ack=4_294_967_201, after=4000))


def far(*lines: Line, ttl: int = 62) -> tuple[Line, ...]:
    """Return a ladder whose responder is not on the link where it was captured."""
    return tuple(replace(line, ttl=ttl) if line.who == "S" else line for line in lines)


def others(*lines: Line, left: float) -> list[str]:
    return [other.code for other in judged(*lines, left=left).alternatives]


def test_repeated_never_acknowledged_then_given_up() -> None:
    verdict = judged(*HANDSHAKE, *EXCHANGE, *TRIES, C("FIN,ACK", after=2000))
    assert verdict.code == "tcp.data_timeout"
    assert verdict.frames == (8, 12, 13)
    assert verdict.ended_by == "initiator"
    assert max(sides(verdict).values()) < 0.8


def test_what_was_under_way_when_the_first_try_left_is_no_sign_of_life() -> None:
    """It came sooner than any answer to the try can."""
    for after, path in ((0.05, False), (0.4, True)):
        late = S("ACK", after=after, ack=1_000_001 + len(GET))
        lines = (*HANDSHAKE, *EXCHANGE, REQUEST, late, *TRIES[1:], C("FIN,ACK", after=2000))
        story = play(*far(*lines), min_rtt_to_responder=300_000)
        verdict = judge(story, around(story))
        assert verdict.code == "tcp.data_timeout"
        assert (sides(verdict).get("path", 0) >= 0.8) is path


def test_silence_after_the_tries() -> None:
    assert judged(*HANDSHAKE, *EXCHANGE, *TRIES, left=30).code == "tcp.data_timeout"


def test_tries_that_break_off_may_have_gone_on_elsewhere() -> None:
    answer = S("PSH,ACK", b"\x91" * 35, lost=True)
    asked = (*HANDSHAKE, *EXCHANGE, C("PSH,ACK", b"\x90" * 163), S("ACK"), answer)
    verdict = judged(*asked, *again(answer, 230, 460), left=600.0)
    assert (verdict.code, verdict.confidence) == ("tcp.data_timeout", 0.7)
    assert verdict.alternatives[-1].code == "capture.partial"
    long = judged(*asked, *again(answer, 230, 460, 920, 1840), left=600.0)
    assert long.confidence > 0.9


def test_still_trying_when_the_file_ends() -> None:
    lines = (REQUEST, *again(REQUEST, 200, 400))
    assert judged(*HANDSHAKE, *EXCHANGE, *lines, left=0.2).code == "capture.partial"


def test_still_trying_for_a_program_that_had_closed() -> None:
    """Its FIN came with the answer: that is no giving up, its kernel goes on."""
    answer = S("FIN,PSH,ACK", b"HTTP/1.1 200 OK\r\n\r\n", lost=True)
    lines = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), answer, *again(answer, 200, 400))
    assert judged(*lines, left=0.2).code == "capture.partial"
    verdict = judged(*lines, left=30)
    assert verdict.code == "tcp.data_timeout"
    assert verdict.facts["then"] == "Then nothing more came."


@pytest.mark.parametrize(
    ("after", "left", "code"),
    [
        (1, 1, "capture.partial"),
        (1, 30, "tcp.data_timeout"),
        (500, 1, "tcp.data_timeout"),
    ],
    ids=["asked and closed at once", "the same and silent for long", "gave up"],
)
def test_an_initiator_that_closes_before_its_kernels_last_tries(
    after: float, left: float, code: str
) -> None:
    request = C("PSH,ACK", GET, lost=True)
    closed = C("FIN,ACK", after=after, lost=True)
    tries = [C("PSH,ACK", GET, pause, seq=1_000_028, lost=True) for pause in (300, 600, 1200)]
    lines = (*HANDSHAKE, *EXCHANGE, request, closed, *tries)
    assert judged(*lines, left=left).code == code


def test_the_answers_data_counts_too() -> None:
    answer = S("PSH,ACK", b"HTTP/1.1 200 OK\r\n\r\n", lost=True)
    lines = (C("PSH,ACK", GET), S("ACK"), answer, *again(answer, 200, 400, 800, 1600))
    assert judged(*HANDSHAKE, *lines, left=30).code == "tcp.data_timeout"


def test_repaired_loss_is_fine() -> None:
    lines = (REQUEST, *again(REQUEST, 200, lost=False), S("ACK"), *EXCHANGE[2:])
    verdict = judged(*HANDSHAKE, *lines, C("FIN,ACK"), S("FIN,ACK"))
    assert verdict.code == "ok"


def test_full_size_segments_alone_name_the_black_hole() -> None:
    big = C("PSH,ACK", b"x" * 1448, lost=True)
    lines = (big, *again(big, 200, 400, 800, 1600), C("FIN,ACK", after=900))
    verdict = judged(*HANDSHAKE, *EXCHANGE, *lines)
    assert verdict.code == "tcp.data_timeout"
    assert verdict.alternatives[0].code == "mtu.black_hole"
    assert verdict.confidence < 0.6


def test_right_after_the_handshake_the_queue_may_be_full() -> None:
    assert "tcp.accept_queue_overflow" in others(*HANDSHAKE, *TRIES, left=30)


@pytest.mark.parametrize(("ttl", "names"), [(62, True), (64, False)])
def test_an_end_that_lives_accuses_the_path_unless_both_are_on_one_link(
    ttl: int, names: bool
) -> None:
    lines = (*HANDSHAKE, *EXCHANGE, *TRIES, S("ACK", after=5), *again(REQUEST, 3200))
    verdict = judged(*far(*lines, ttl=ttl), left=30)
    named = [who for who, sure in sides(verdict).items() if sure >= 0.8]
    assert named == (["path"] if names else [])


def test_an_acknowledged_request_is_another_code() -> None:
    lines = (C("PSH,ACK", GET), S("ACK"), C("FIN,ACK", after=15_000))
    assert judged(*HANDSHAKE, *lines).code == "tcp.response_timeout"


def test_an_acknowledgment_after_the_sender_gave_up_is_no_life_meanwhile() -> None:
    stuck = (*HANDSHAKE, *EXCHANGE, *TRIES, C("RST,ACK", win=500, after=900))
    assert sides(judged(*stuck, S("ACK", ack=1_000_001)))["path"] < 0.8
    meanwhile = (*HANDSHAKE, *EXCHANGE, *TRIES, S("ACK", ack=1_000_028), C("RST,ACK", win=500))
    assert sides(judged(*far(*meanwhile)))["path"] >= 0.8


ANSWER = S("PSH,ACK", b"HTTP/1.1 200 OK\r\n\r\n", lost=True)
UNHEARD = (C("PSH,ACK", GET), S("ACK"), ANSWER, *again(ANSWER, 200, 400, 800))


def test_an_initiator_that_resets_without_having_got_the_answer() -> None:
    """Its ACK number says so: the path lost the answer, and the responder is not to blame."""
    verdict = judged(*HANDSHAKE, *UNHEARD, C("RST,ACK", after=600, win=500))
    assert verdict.code == "tcp.data_timeout"
    assert verdict.ended_by == "initiator"
    assert 0.8 <= sides(verdict)["path"] < 0.9
    assert sides(verdict)["initiator"] > 0.1  # its own firewall, which a point before it hides


def test_a_bare_reset_in_answer_to_the_data_is_no_silence() -> None:
    assert judged(*HANDSHAKE, *UNHEARD, C("RST", after=0.2)).code != "tcp.data_timeout"


def test_a_farewell_that_got_lost_hurts_nobody() -> None:
    hello, data = b"\x16\x03\x01\x00\x05\x01hell", b"\x17\x03\x03\x00\x40" + b"x" * 64
    bye = b"\x17\x03\x03\x00\x13" + b"x" * 19
    used = (*HANDSHAKE, C("PSH,ACK", hello), S("PSH,ACK", data), C("ACK"))
    lost = S("PSH,ACK", bye, after=60_000, lost=True)
    assert judged(*used, lost, *again(lost, 200, 400, 800, 1600), left=30).code == "ok"
    asked = (C("PSH,ACK", data), S("PSH,ACK", data), C("ACK"))
    left = C("PSH,ACK", bye, after=60_000, lost=True)
    assert judged(*used, *asked, left, *again(left, 200, 400, 800, 1600), left=30).code == "ok"


def test_data_for_which_the_receiver_has_no_room_is_not_lost() -> None:
    """What was under way when the window shut is repeated; then the program aborts."""
    asked = (C("PSH,ACK", GET), C("PSH,ACK", b"x" * 1448, after=0.01, lost=True))
    shut, more = S("ACK", win=0), C("PSH,ACK", again=True, after=200, lost=True)
    repeated = (more, shut, replace(more, after=400), shut)
    verdict = judged(*HANDSHAKE, *asked, shut, *repeated, S("RST,ACK", win=3, after=50))
    assert verdict.code == "tcp.reset_before_response"
    room = replace(shut, win=500)
    heard = (room, more, room, replace(more, after=400), room)
    assert judged(*HANDSHAKE, *asked, *heard, C("FIN,ACK", after=5000)).code == "tcp.data_timeout"


def with_a_hole(*rest: Line) -> tuple[Line, ...]:
    """An answer whose first 2,000 bytes never reached the capture; the ACK stays before them."""
    behind = S("PSH,ACK", b"x" * 300, seq=4_294_967_201 + 2000)
    return (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), behind, *rest)


def test_a_hole_that_nobody_filled_is_the_paths() -> None:
    """Captured at the receiver, where the repeats do not arrive: nobody was slow to answer."""
    verdict = judged(*with_a_hole(*GIVEN_UP))
    assert verdict.code == "tcp.data_timeout"
    assert sides(verdict)["path"] >= 0.9
    assert "2,000 bytes" in verdict.facts["what"]


def test_what_never_reached_the_captured_host_is_not_its_fault() -> None:
    story = play(*with_a_hole(*GIVEN_UP))
    here = replace(around(story), capture_hosts=frozenset({story.initiator.address}))
    verdict = judge(story, here)
    assert verdict.code == "tcp.data_timeout"
    assert sides(verdict)["path"] >= 0.9


def test_a_hole_of_a_moment_is_no_failure_of_the_path() -> None:
    early = C("FIN,ACK", ack=4_294_967_201, after=400)
    verdict = judged(*with_a_hole(C("ACK", ack=4_294_967_201), early))
    assert verdict.code != "tcp.data_timeout"


def test_a_hole_that_only_the_capture_has_is_acknowledged() -> None:
    assert judged(*with_a_hole(C("ACK", ack=4_294_967_201 + 2300))).code != "tcp.data_timeout"


OWN = C("PSH,ACK", GET, lost=True)
DELIVERED = (*HANDSHAKE, *EXCHANGE, OWN, *again(OWN, 200, 400, 800), *again(OWN, 1600, lost=False))


def test_a_request_that_arrived_when_its_program_had_given_up() -> None:
    verdict = judged(*DELIVERED, S("PSH,ACK", OK, after=2), C("RST", options=0, win=0))
    assert verdict.code == "tcp.data_timeout"
    assert verdict.frames == (8, 12, 14)
    assert "sent the same 5 times" in verdict.facts["what"].replace(f" {len(GET)} bytes", "")
    assert verdict.alternatives[0].code == "tcp.state_lost"


def test_a_request_that_arrived_at_once_and_whose_sender_forgot_it() -> None:
    lost = (C("PSH,ACK", GET), S("PSH,ACK", OK, after=3_000), C("RST", options=0, win=0))
    assert judged(*HANDSHAKE, *EXCHANGE, *lost).code != "tcp.data_timeout"
    late = judged(*DELIVERED, S("PSH,ACK", OK, after=900), C("RST", options=0, win=0))
    assert late.code != "tcp.data_timeout", "it held nothing long after the last repeat"


def test_a_request_of_which_a_part_had_not_arrived_when_its_sender_left() -> None:
    """No silence of the program: it could not read the request before it was too late."""
    lost = C("PSH,ACK", GET, lost=True)
    begun = (*HANDSHAKE, *EXCHANGE, C("PSH,ACK", GET), S("ACK"), lost)
    tries = (*again(lost, 200, 400, 800), *again(lost, 1600))
    left = (C("FIN,ACK", after=2500), S("ACK", ack=1_000_083, after=600))
    verdict = judged(*begun, *tries, *left, S("FIN,ACK"), C("ACK"))
    assert verdict.code == "tcp.data_timeout"
    assert verdict.phase == "in_request"
    assert verdict.ended_by == "initiator"
    arrived = (*tries, *again(lost, 1600, lost=False), S("ACK"), C("FIN,ACK", after=2500), S("ACK"))
    assert judged(*begun, *arrived).code == "tcp.response_timeout"


def test_a_device_that_says_by_icmp_that_it_does_not_pass_data_on() -> None:
    tries = (OWN, icmp(3, 3, "10.0.9.1"), *again(OWN, 200, 400, 800), *again(OWN, 1600, lost=False))
    answered = (S("PSH,ACK", OK, after=2), C("RST", options=0, win=0))
    verdict = judged(*HANDSHAKE, *EXCHANGE, *tries, *answered)
    assert verdict.code == "tcp.data_timeout"
    assert sides(verdict)["path"] > 0.9


def test_who_refuses_the_data_by_icmp_says_so_whatever_else_it_sends() -> None:
    """A rule of the host's own firewall; its program goes on repeating what it has to say."""
    alive = replace(EXCHANGE[2], after=300, lost=True)
    tries = (OWN, icmp(3, 13, "10.0.2.7"), *again(OWN, 200, 400), alive, *again(OWN, 800, 1600))
    verdict = judged(*HANDSHAKE, *EXCHANGE, *tries, left=30)
    assert verdict.code == "tcp.data_timeout"
    assert sides(verdict)["responder"] > 0.9


CLOSED = (OWN, *again(OWN, 200, 400, 800, 1600), C("FIN,ACK", after=900))


def test_a_request_that_was_acknowledged_only_behind_its_initiators_close() -> None:
    """Nobody was slow to answer: by the close nothing had arrived."""
    last = C("FIN,PSH,ACK", GET, after=2000, seq=1_000_028)
    heard = (last, S("ACK", after=100), S("FIN,ACK"), C("ACK"))
    verdict = judged(*HANDSHAKE, *EXCHANGE, *CLOSED, *heard)
    assert verdict.code == "tcp.data_timeout"
    assert verdict.frames == (8, 13, 14)
    assert "none was acknowledged" in verdict.facts["how"]


def test_a_close_that_acknowledges_the_answer_comes_behind_it() -> None:
    """Wherever a mirror port's queues have that answer."""
    read = (4_294_967_201 + 2 * len(OK)) % (1 << 32)
    left = C("FIN,ACK", after=900, ack=read)
    answer = S("PSH,ACK", OK, ack=1_000_028 + len(GET))
    lines = (*HANDSHAKE, *EXCHANGE, *CLOSED[:-1], left, answer, S("FIN,ACK"), C("ACK"))
    assert not judged(*lines).failed


def test_a_kernel_that_got_the_request_through_when_its_program_had_left() -> None:
    """The tries behind the close are tries, too; none needs to have been acknowledged before."""
    behind = [C("FIN,PSH,ACK", GET, after=t, seq=1_000_028) for t in (700, 1600)]
    heard = (S("ACK", after=100), S("FIN,ACK"), C("ACK"))
    left = (OWN, *again(OWN, 200), C("FIN,ACK", after=600), *behind, *heard)
    story = play(*HANDSHAKE, *EXCHANGE, *left)
    assert judge(story, around(story)).code == "tcp.data_timeout"
    late = replace(story, packets=story.packets[7:], midstream=True)
    assert judge(late, around(late)).code == "tcp.data_timeout"


def test_a_close_whose_request_had_been_acknowledged_before_is_another_code() -> None:
    heard = (*again(OWN, 1600, lost=False), S("ACK", after=100), C("FIN,ACK", after=15_000))
    told = (S("FIN,ACK", after=50), C("ACK"))
    verdict = judged(*HANDSHAKE, *EXCHANGE, OWN, *again(OWN, 200, 400, 800), *heard, *told)
    assert verdict.code == "tcp.response_timeout"


def test_one_lost_segment_behind_which_the_initiator_left_is_no_broken_path() -> None:
    last = C("FIN,PSH,ACK", GET, after=300, seq=1_000_028)
    heard = (last, S("ACK", after=100), S("FIN,ACK"), C("ACK"))
    lines = (*HANDSHAKE, *EXCHANGE, OWN, C("FIN,ACK", after=10), *heard)
    assert judged(*lines).code != "tcp.data_timeout"


def test_a_program_that_left_at_once_whose_kernel_went_on_repeating_in_vain() -> None:
    """It left before the first repeat; that nothing arrived for seconds is not its doing."""
    tries = [C("FIN,PSH,ACK", GET, after=t, seq=1_000_028, lost=True) for t in (300, 600, 1200)]
    lines = (*HANDSHAKE, *EXCHANGE, OWN, C("FIN,ACK", after=100, lost=True), *tries)
    verdict = judged(*lines, left=60)
    assert verdict.code == "tcp.data_timeout"
    assert "2.2 s" in verdict.facts["how"]


def test_one_repeat_with_its_senders_close_and_then_nothing_was_acknowledged_unseen() -> None:
    answer = S("PSH,ACK", OK, after=20)
    last = S("FIN,PSH,ACK", OK, after=1500, seq=4_294_967_201)
    lines = (*HANDSHAKE, C("PSH,ACK", GET), answer, last)
    assert judged(*lines, left=60).code != "tcp.data_timeout"


def test_a_close_that_lacks_bytes_and_does_not_acknowledge_what_was_repeated() -> None:
    """The responder's missing bytes are no answer to what it says it never got."""
    closed = S("FIN,ACK", after=6000, seq=4_294_967_201 + 79, ack=1_000_028)
    verdict = judged(*far(*HANDSHAKE, *EXCHANGE, *CLOSED, closed))
    assert verdict.code == "tcp.data_timeout"
    assert sides(verdict)["path"] >= 0.8
    heard = S("FIN,ACK", after=6000, seq=4_294_967_201 + 79, ack=1_000_028 + len(GET) + 1)
    assert judged(*HANDSHAKE, *EXCHANGE, *CLOSED, heard).code != "tcp.data_timeout"


def test_after_the_first_exchange_no_accept_queue_is_to_blame() -> None:
    assert "tcp.accept_queue_overflow" not in others(*HANDSHAKE, *EXCHANGE, *TRIES, left=30)
    greeted = (*HANDSHAKE, S("PSH,ACK", b"220 ready\r\n"), C("ACK"), *TRIES)
    assert "tcp.accept_queue_overflow" not in others(*greeted, left=30)


def test_bytes_that_never_came_are_told_apart_from_bytes_sent_in_vain() -> None:
    facts = judged(*with_a_hole(*GIVEN_UP)).facts
    assert "what it sent after them did" in facts["what"]
    assert "went on asking for them" in facts["how"]


@pytest.mark.parametrize(
    ("tries", "behind", "denied"),
    [
        (TRIES, (S("ACK", after=5),), True),
        (TRIES, (), False),
        (TRIES[:-1], (S("ACK", after=100), *TRIES[-1:]), True),
        # One that was under way when the last try but one left knows nothing of it.
        (TRIES[:-1], (S("ACK", after=0.1), *TRIES[-1:]), False),
    ],
    ids=["alive after several tries", "silent", "alive before the last try", "crossed a try"],
)
def test_where_the_answer_may_be_missing_its_sender_must_say_that_it_lacks_the_data(
    tries: tuple[Line, ...], behind: tuple[Line, ...], denied: bool
) -> None:
    story = play(*HANDSHAKE, *EXCHANGE, *tries, *behind, C("FIN,ACK", after=2000))
    assert judge(story, around(story)).code == "tcp.data_timeout"
    missing = play(*HANDSHAKE, *EXCHANGE, *tries, *behind, C("FIN,ACK", after=2000))
    missing.initiator.acked_unseen = 1
    assert (judge(missing, around(missing)).code == "tcp.data_timeout") is denied
