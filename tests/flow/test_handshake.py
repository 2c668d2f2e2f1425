"""The handshake: options, round trips either side of the capture point, who opened."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.judge import judge
from pcapdiag.model.context import Context
from tests.flow.wire import MS, START, End, Link, Wire, tell

CLIENT6 = End("2001:db8::1", 40000, 0x1000, b"\2\0\0\0\0\1")
SERVER6 = End("2001:db8::2", 443, 0x9000, b"\2\0\0\0\0\2")


def test_what_a_handshake_shows() -> None:
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0, mss=1460, scale=7, sack_ok=True, stamps=(5, 0))
    link.s(30, "SA", 0, 1, mss=1400, scale=9, stamps=(6, 5))
    link.c(34, "A", 1, 1, stamps=(7, 6))
    story = tell(wire).only
    assert (story.initiator.address, story.initiator.port) == ("10.0.0.1", 40000)
    assert (story.responder.address, story.responder.port) == ("10.0.0.2", 443)
    assert (story.initiator.mss, story.initiator.window_scale) == (1460, 7)
    assert (story.responder.mss, story.responder.window_scale) == (1400, 9)
    assert (story.initiator.sack_permitted, story.responder.sack_permitted) == (True, False)
    assert (story.initiator.timestamps, story.responder.timestamps) == (True, True)
    assert (story.initiator.isn, story.responder.isn) == (0x1000, 0x9000)
    assert (story.rtt_to_responder, story.rtt_to_initiator) == (30 * MS, 4 * MS)
    assert story.handshake_rtt == 34 * MS
    assert (story.handshake_done, story.midstream, story.established) == (True, False, True)
    assert story.established_time == START + 34 * MS
    assert (story.start, story.end, story.first_frame) == (START, START + 34 * MS, 1)
    assert (story.state, story.ip_version, story.initiator_inferred) == ("S1", 4, False)


def test_ipv6() -> None:
    wire = Wire()
    Link(wire, CLIENT6, SERVER6).handshake()
    story = tell(wire).only
    assert (story.initiator.address, story.responder.address) == ("2001:db8::1", "2001:db8::2")
    assert (story.ip_version, story.handshake_done) == (6, True)


def test_windows_are_scaled_when_both_ends_offered_it() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake(scale=7)
    link.c(20, "A", 1, 1, window=300)
    assert tell(wire).only.initiator.window == 300 << 7
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0, mss=1460, scale=7)
    link.s(10, "SA", 0, 1, mss=1460)
    link.c(20, "A", 1, 1, window=300)
    story = tell(wire).only
    assert (story.initiator.window, story.initiator.min_window) == (300, 300)


def test_the_smallest_window_is_kept() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake(scale=-1)
    for at, window in enumerate((500, 20, 400)):
        link.c(20 + at, "A", 1, 1, window=window)
    story = tell(wire).only
    assert (story.initiator.window, story.initiator.min_window) == (400, 20)


def test_repeated_syns_are_counted_and_the_round_trip_begins_at_the_last() -> None:
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.c(1000, "S", 0)
    link.s(1010, "SA", 0, 1)
    link.c(1011, "A", 1, 1)
    story = tell(wire).only
    assert (story.syn_count, story.syn_frames) == (2, (1, 2))
    assert story.syn_times == (START, START + 1000 * MS)
    assert (story.syn_ack_count, story.syn_ack_frames) == (1, (3,))
    assert (story.rtt_to_responder, story.handshake_rtt) == (10 * MS, 11 * MS)


def test_data_in_place_of_the_final_ack_completes_the_handshake() -> None:
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.s(10, "SA", 0, 1)
    link.c(12, "PA", 1, 1, b"GET / HTTP/1.1\r\n")
    story = tell(wire).only
    assert (story.handshake_done, story.rtt_to_initiator) == (True, 2 * MS)
    assert story.turn.request_frame == 3


def test_a_syn_ack_that_was_captured_behind_what_acknowledges_it_completes_the_handshake() -> None:
    """A mirror port with a queue for each direction; the next packet may be seconds away."""
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.c(1, "A", 1, 1)
    link.c(2, "PA", 1, 1, b"GET / HTTP/1.1\r\n")
    link.s(3, "SA", 0, 1)
    link.c(4000, "FA", 17, 1)
    story = tell(wire).only
    assert (story.handshake_done, story.established_time) == (True, START + 3 * MS)
    assert (story.rtt_to_initiator, story.handshake_rtt) == (None, 3 * MS)


@pytest.mark.parametrize("port", [443, 50_000])
def test_a_syn_that_was_captured_behind_its_refusal_began_the_connection(port: int) -> None:
    """The same, whichever end has the lower port."""
    wire = Wire()
    link = Link(wire, server=End("10.0.0.2", port, 0, b"\2\0\0\0\0\2"))
    link.s(0, "RA", 0, 1)
    link.c(1, "S", 0)
    story = tell(wire).only
    assert (story.initiator.address, story.state) == ("10.0.0.1", "REJ")
    assert (story.midstream, story.initiator_inferred, story.syn_count) == (False, False, 1)
    judgement = judge(story, Context())
    assert judgement.code == "tcp.connection_refused"
    assert attribute(story, judgement, Context()).side == "responder"


def test_without_the_final_ack_it_is_not_done() -> None:
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.s(10, "SA", 0, 1)
    story = tell(wire).only
    assert (story.handshake_done, story.established, story.handshake_rtt) == (False, False, None)
    assert (story.established_time, story.rtt_to_responder) == (0, 10 * MS)


def test_a_reset_is_no_final_ack() -> None:
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.s(10, "SA", 0, 1)
    link.c(12, "RA", 1, 1)
    assert not tell(wire).only.handshake_done


def test_round_trips_of_data_either_side() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake(rtt=50)
    link.c(100, "PA", 1, 1, b"question")
    link.s(120, "A", 1, 9)
    link.s(130, "PA", 1, 9, b"answer")
    link.c(133, "A", 9, 7)
    story = tell(wire).only
    assert story.min_rtt_to_responder == 20 * MS
    # The final ACK came after 0.1 ms, and the smallest counts.
    assert story.min_rtt_to_initiator == 100_000


def test_a_repeated_segment_measures_no_round_trip() -> None:
    """Karn's rule: the acknowledgment may be for either copy."""
    wire = Wire()
    link = Link(wire)
    link.handshake(rtt=50)
    link.c(100, "PA", 1, 1, b"question")
    link.c(400, "PA", 1, 1, b"question")
    link.s(401, "A", 1, 9)
    assert tell(wire).only.min_rtt_to_responder == 50 * MS


def opened_by(wire: Wire) -> tuple[int, bool]:
    story = tell(wire).only
    return story.initiator.port, story.initiator_inferred


def test_a_capture_that_starts_with_the_syn_ack_knows_who_opened() -> None:
    wire = Wire()
    link = Link(wire, server=End("10.0.0.2", 50000, 0x9000, b"\2\0\0\0\0\2"))
    link.s(0, "SA", 0, 1)
    link.c(1, "A", 1, 1)
    story = tell(wire).only
    assert (story.initiator.port, story.initiator_inferred, story.midstream) == (
        40000,
        False,
        False,
    )
    assert (story.handshake_done, story.state) == (True, "OTH")


@pytest.mark.parametrize("first", ["c", "s"])
@pytest.mark.parametrize(
    ("client_port", "server_port"),
    [(40000, 443), (2000, 80), (40000, 8080), (61000, 31000), (20500, 8080)],
)
def test_started_in_the_middle_the_lower_port_answers(
    first: str, client_port: int, server_port: int
) -> None:
    wire = Wire()
    link = Link(
        wire,
        End("10.0.0.1", client_port, 0, b"\2\0\0\0\0\1"),
        End("10.0.0.2", server_port, 0, b"\2\0\0\0\0\2"),
    )
    (link.c if first == "c" else link.s)(0, "A", 5, 5)
    story = tell(wire).only
    assert opened_by(wire) == (client_port, True)
    assert (story.midstream, story.established, story.handshake_done) == (True, True, False)


def test_started_in_the_middle_a_known_endpoint_answers() -> None:
    wire = Wire()
    Link(wire, server=End("10.0.0.2", 50000, 0x9000, b"\2\0\0\0\0\2")).handshake()
    middle = Link(
        wire,
        End("10.0.0.3", 60001, 0, b"\2\0\0\0\0\3"),
        End("10.0.0.2", 50000, 0, b"\2\0\0\0\0\2"),
    )
    middle.s(100, "A", 5, 5, b"data")
    assert tell(wire).stream(1).responder.port == 50000


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n", b"\x16\3\1\0\x50\1\0"],
)
def test_started_in_the_middle_a_request_says_who_opened(request_bytes: bytes) -> None:
    wire = Wire()
    link = Link(
        wire,
        End("10.0.0.1", 8080, 0, b"\2\0\0\0\0\1"),
        End("10.0.0.2", 40000, 0, b"\2\0\0\0\0\2"),
    )
    link.s(0, "A", 5, 5)
    link.c(1, "PA", 5, 5, request_bytes)
    link.s(2, "PA", 5, 5 + len(request_bytes), b"HTTP/1.1 200 OK\r\n")
    story = tell(wire).only
    assert (story.initiator.port, story.initiator_inferred) == (8080, True)
    assert (story.turn.request_head, story.turn.response_bytes) == (request_bytes, 17)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n", b"\x16\3\3\0\x50\2\0"])
def test_started_in_the_middle_an_answer_says_who_did_not_open(answer: bytes) -> None:
    wire = Wire()
    link = Link(
        wire,
        End("10.0.0.1", 5000, 0, b"\2\0\0\0\0\1"),
        End("10.0.0.2", 9000, 0, b"\2\0\0\0\0\2"),
    )
    link.s(0, "PA", 5, 5, answer)
    link.c(1, "A", 5, 5 + len(answer))
    assert opened_by(wire) == (5000, True)


def test_first_bytes_that_are_no_request_leave_the_guess() -> None:
    wire = Wire()
    link = Link(wire)
    link.s(0, "PA", 5, 5, b"220 mail ESMTP\r\n")
    story = tell(wire).only
    assert (story.initiator.port, story.greeting_bytes) == (40000, 16)


def test_a_refused_syn_that_is_sent_again_and_accepted() -> None:
    """The RST's sequence number is 0: what the responder sends later counts from its SYN-ACK."""
    wire = Wire()
    link = Link(wire)
    for at in (0, 1000):
        link.c(at, "S", 0)
        link.s(at + 1, "RA", 0, 0x1001, absolute=True)
    link.c(2000, "S", 0)
    link.s(2001, "SA", 0, 1)
    link.c(2002, "A", 1, 1)
    link.c(2003, "PA", 1, 1, b"question")
    link.s(2010, "PA", 1, 9, b"the answer")
    link.c(2011, "FA", 9, 11)
    link.s(2012, "FA", 11, 10)
    link.c(2013, "A", 10, 12)
    story = tell(wire).only
    assert (story.responder.isn, story.responder.next_seq) == (0x9000, 0x9000 + 12)
    assert (story.turn.response_bytes, story.turn.response_head) == (10, b"the answer")
    assert (story.turn.response_acked, story.handshake_done) == (True, True)
    assert (story.initiator.acked_unseen, story.responder.gaps) == (0, 0)
    assert (story.responder.rst_count, story.state) == (2, "SF")
    assert story.responder.data_segments == 1


def test_a_reset_whose_sender_had_said_more_refused_nothing() -> None:
    """The capture lacks its SYN-ACK."""
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.c(2, "PA", 1, 1, b"question")
    link.s(3, "A", 1, 9)
    link.s(900, "R", 1)
    (endpoint,) = tell(wire).tracker.table.endpoints.values()
    assert (endpoint.refused, endpoint.resets) == (0, 1)


def test_the_challenge_ack_of_an_older_connection_is_not_capture_loss() -> None:
    """RFC 5961: it has the numbers of the connection that the responder still holds."""
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.s(1, "A", 0x5555_0000, 0x7777_0000, absolute=True)
    link.c(2, "R", 0x7777_0000, absolute=True)
    link.c(1000, "S", 0)
    link.s(1001, "SA", 0, 1)
    link.c(1002, "A", 1, 1)
    link.c(1003, "PA", 1, 1, b"question")
    link.s(1004, "PA", 1, 9, b"answer")
    link.c(1005, "A", 9, 7)
    told = tell(wire)
    story = told.only
    assert (story.responder.acked_unseen, story.initiator.acked_unseen) == (0, 0)
    assert told.tracker.lost_by_capture() == 0
    assert (story.turn.request_acked, story.turn.response_bytes) == (True, 6)
    assert (story.handshake_done, story.responder.acked) == (True, 0x9007)


def test_without_its_syn_too_an_initiator_shows_that_the_answer_was_not_captured() -> None:
    wire = Wire()
    link = Link(wire)
    link.s(0, "SA", 0, 1)
    link.c(1, "PA", 1, 1, b"question")
    link.s(2, "A", 1, 9)
    link.c(3, "A", 9, 7)
    told = tell(wire)
    assert told.only.initiator.acked_unseen == 1
    assert told.tracker.lost_by_capture() == 1


def test_a_syn_ack_with_a_wrong_number_is_no_loss_of_the_capture() -> None:
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.s(1, "SA", 0, 12345)
    link.c(1.1, "R", 12345)
    link.c(1000, "S", 0)
    link.s(1001, "SA", 0, 54321)
    link.c(1001.1, "R", 54321)
    assert tell(wire).tracker.lost_by_capture() == 0
