from __future__ import annotations

from typing import Unpack

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.application import Application
from pcapdiag.model.http import Http2Facts, HttpFacts
from tests.diagnose.playbook import (
    EXCHANGE,
    GET,
    HANDSHAKE,
    OK,
    SHORT,
    START,
    C,
    Known,
    Line,
    S,
    around,
    judged,
    play,
    sides,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
SETTINGS, PING = b"\0\0\0\4\0\0\0\0\0", b"\0\0\x08\6\0\0\0\0\0" + bytes(8)
ASKED = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"))
FIN, RST = "FIN,ACK", "RST,ACK"


def test_a_bare_reset_of_a_live_socket_leaves_no_answer_unread() -> None:
    whole = (S("PSH,ACK", OK, win=400), C("RST", win=500))
    assert judged(*ASKED, *whole).code == "ok"


def after(milliseconds: float, how: str = FIN, **facts: Unpack[Known]) -> str:
    return judged(*ASKED, C(how, after=milliseconds, win=500), left=10.0, **facts).code


@pytest.mark.parametrize("seconds", [1, 2, 3, 5, 10, 15, 30, 60])
@pytest.mark.parametrize("how", [FIN, RST])
def test_leaving_at_a_timeouts_value(seconds: int, how: str) -> None:
    assert after(seconds * 1000 + 4, how) == "tcp.response_timeout"


@pytest.mark.parametrize("milliseconds", [3, 70, 450, 1370])
@pytest.mark.parametrize("how", [FIN, RST])
def test_leaving_soon_at_no_timeouts_value(milliseconds: int, how: str) -> None:
    assert after(milliseconds, how) == "tcp.initiator_abort"


def test_longer_than_this_responder_ever_took() -> None:
    assert after(2650, turns=50, longest_answer=20_000_000) == "tcp.response_timeout"


def test_within_the_time_in_which_this_responder_answers() -> None:
    assert after(2650, turns=50, longest_answer=8_000_000_000) == "tcp.initiator_abort"


def test_a_timer_that_may_have_begun_with_the_connection() -> None:
    """The value is that of the wait itself, where it is one."""
    lines = (*HANDSHAKE, C("PSH,ACK", GET, after=499.5), S("ACK"))
    both = judged(*lines, C(FIN, after=500), left=10.0).facts["reason"]
    assert both == "it waited 500 ms, the value of a 0.5 s timeout"
    lines = (*HANDSHAKE, C("PSH,ACK", GET, after=370), S("ACK"))
    whole = judged(*lines, C(FIN, after=4632), left=10.0).facts["reason"]
    assert whole == "it waited 4.63 s and left 5 s after it had begun, the value of a timeout"


def test_the_doubt_is_said() -> None:
    verdict = judged(*ASKED, C(FIN, after=5003))
    assert verdict.alternatives[0].code == "tcp.initiator_abort"
    assert verdict.confidence + verdict.alternatives[0].confidence == pytest.approx(1)


def test_who_did_it() -> None:
    timeout, abort = judged(*ASKED, C(FIN, after=15_002)), judged(*ASKED, C(FIN, after=20))
    assert timeout.candidates[0].side == "responder"
    assert abort.candidates[0].side == "initiator"
    assert timeout.ended_by == abort.ended_by == "initiator"


def test_an_answer_that_stopped_half_way() -> None:
    lines = (S("PSH,ACK", SHORT), C("ACK"), C(FIN, after=30_010))
    verdict = judged(*ASKED, *lines)
    assert verdict.code == "tcp.response_timeout"
    assert verdict.phase == "in_response"


def test_leaving_while_the_answer_arrives() -> None:
    lines = (S("PSH,ACK", SHORT), C("ACK"), C(RST, after=5, win=500))
    verdict = judged(*ASKED, *lines)
    assert verdict.code == "tcp.initiator_abort"
    assert verdict.phase == "in_response"


def test_leaving_in_its_own_upload_is_an_abort() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n"
    lines = (C("PSH,ACK", head + b"x" * 1000), S("ACK"), C(FIN, after=5000))
    verdict = judged(*HANDSHAKE, *lines)
    assert verdict.code == "tcp.initiator_abort"
    assert verdict.phase == "in_request"


def test_leaving_with_the_answer_in_hand_is_fine() -> None:
    assert judged(*ASKED, S("PSH,ACK", OK), C("ACK"), C(RST, win=500)).code == "ok"
    assert judged(*ASKED, S("PSH,ACK", OK), C("ACK"), C(FIN), S(FIN), C("ACK")).code == "ok"


def test_bytes_that_a_server_sends_behind_a_whole_answer_are_none_of_it() -> None:
    left = (*HANDSHAKE, *EXCHANGE, C(FIN, after=100), S("ACK"))
    late = (S("PSH,ACK", b"\n", after=1500), C("RST", options=0, win=0))
    assert judged(*left, *late).code == "ok"
    cut = (*ASKED, S("PSH,ACK", SHORT, after=2), C("ACK"), C(FIN, after=100), S("ACK"))
    assert judged(*cut, *late).failed


def test_a_one_way_transfer_is_fine() -> None:
    pushed = (C("PSH,ACK", b"a log line\n"), S("ACK"), C(FIN, after=1), S(FIN), C("ACK"))
    assert judged(*HANDSHAKE, *pushed).code == "ok"


def test_a_protocol_in_which_not_each_message_is_answered() -> None:
    """A control centre confirms what it got every 20 s, and leaves 2 s after such a message."""
    report, confirm = b"\x68\x0e\x04\x00" * 4, b"\x68\x04\x01\x00\x06\x00"
    told = (C("PSH,ACK", report), S("PSH,ACK", report), C("PSH,ACK", confirm, after=20_000))
    acked = S("ACK", after=100)
    left = (C("PSH,ACK", confirm, after=20_000), acked, C(FIN, after=2160), S(FIN), C("ACK"))
    by_itself = (*told, acked, C("PSH,ACK", report, after=8000), S("PSH,ACK", report))
    assert judged(*HANDSHAKE, *by_itself, *left).code == "ok"
    assert judged(*HANDSHAKE, *told, acked, *left).code == "ok"
    in_turns = (C("PSH,ACK", report), S("PSH,ACK", report)) * 2
    assert judged(*HANDSHAKE, *in_turns, *left).failed
    lost = (*told, C("PSH,ACK", confirm, after=8000), S("PSH,ACK", report))
    assert judged(*HANDSHAKE, *lost, *left).failed


def test_a_poll_that_is_sent_again_without_an_answer_wants_one() -> None:
    """A controller is asked for its registers every second, and stops to answer."""
    poll, registers = b"\0\1\0\0\0\6\1\3\0\0\0\x0a", b"\0\1\0\0\0\x17\1\3\x14" + b"\0" * 20
    asked = (C("PSH,ACK", poll, after=1000), S("PSH,ACK", registers, after=5))
    again_ = (C("PSH,ACK", poll, after=1000), S("ACK", after=40)) * 2
    left = (C(FIN, after=1000), S(FIN), C("ACK"))
    assert judged(*HANDSHAKE, *asked, *asked, *again_, *left).code == "tcp.response_timeout"


def test_a_server_that_should_have_spoken_first() -> None:
    lines = (C(FIN, after=10_002), S("ACK"))
    assert judged(*HANDSHAKE, *lines, speaks_first=9).code == "tcp.response_timeout"
    late = (*lines, S("PSH,ACK", b"220 mx\r\n", after=3000), C("RST", win=0))
    assert judged(*HANDSHAKE, *late, speaks_first=9).code == "tcp.response_timeout"
    greeted = (S("PSH,ACK", b"220 mx\r\n"), C("ACK"), *lines)
    assert judged(*HANDSHAKE, *greeted, speaks_first=9).code == "ok"
    assert judged(*HANDSHAKE, *lines).code == "ok"


def test_a_request_still_unaccepted_at_the_end_of_the_file() -> None:
    assert judged(*ASKED).code == "capture.partial"


TLS_HELLO, TLS_DATA = b"\x16\x03\x01\x00\x05\x01hell", b"\x17\x03\x03\x00\x40" + b"x" * 64
GOODBYE = b"\x17\x03\x03\x00\x13" + b"x" * 19
TLS_USED = (
    *HANDSHAKE,
    *(C("PSH,ACK", TLS_HELLO), S("PSH,ACK", TLS_DATA), C("PSH,ACK", TLS_DATA)),
    *(S("PSH,ACK", TLS_DATA), C("ACK")),
)


def test_curls_reset_to_a_late_close_notify() -> None:
    lines = (C(FIN), S("PSH,ACK", GOODBYE, after=1), C("RST"), S(FIN), C("RST"))
    assert judged(*TLS_USED, *lines).code == "ok"


def test_a_close_notify_is_no_request() -> None:
    lines = (C("PSH,ACK", GOODBYE), C(FIN), S("RST,ACK", win=500))
    assert judged(*TLS_USED, *lines).code == "ok"


def test_fin_and_reset_by_the_same_side_is_a_close() -> None:
    assert judged(*HANDSHAKE, *EXCHANGE, C(FIN), C(RST, win=500)).code == "ok"
    assert judged(*HANDSHAKE, *EXCHANGE, S(FIN), S(RST, win=500)).code == "ok"


def test_a_stream_that_goes_on_without_an_answer_wants_none() -> None:
    line = (C("PSH,ACK", b"a log line\n", after=400), S("ACK"))
    lines = (*line, *line, *line, C("FIN,ACK", after=5000), S("FIN,ACK"), C("ACK"))
    assert judged(*HANDSHAKE, *lines).code == "ok"
    assert judged(*HANDSHAKE, *lines, turns=5).code == "ok"
    waits = (*line, *line, C("FIN,ACK", after=5000), S("FIN,ACK"), C("ACK"))
    assert judged(*HANDSHAKE, *waits, turns=5).code == "tcp.response_timeout"


def test_one_message_to_a_port_where_nobody_answers() -> None:
    line = (C("PSH,ACK", b"a line\n"), S("ACK"), C("FIN,ACK", after=10_000))
    story = play(*HANDSHAKE, *line, S("FIN,ACK"))
    assert judge(story, around(story)).code == "tcp.response_timeout"
    story.responder.port = 2003
    assert judge(story, around(story)).code == "ok"


def test_an_unreadable_message_in_mid_use_may_have_wanted_no_answer() -> None:
    used = (C("PSH,ACK", b"\x01" * 30), S("PSH,ACK", b"\x02" * 30), C("PSH,ACK", b"\x03" * 30))
    verdict = judged(*HANDSHAKE, *used, S("ACK"), C("FIN,ACK", after=10_000), turns=1)
    assert verdict.code == "tcp.response_timeout"
    assert verdict.confidence <= 0.75
    assert max(sides(verdict).values()) < 0.8


@pytest.mark.parametrize("after", [60, 9_160])
def test_an_encrypted_talk_that_had_worked_may_end_with_anybodys_word(after: int) -> None:
    """Nothing tells that an answer was due: no timer's value, no leg behind."""
    data = bytes(range(96, 160))
    used = (C("PSH,ACK", data), S("PSH,ACK", data), C("PSH,ACK", data))
    closed = (C("FIN,ACK", after=after), S("FIN,ACK"), C("ACK"))
    assert judged(*HANDSHAKE, *used, S("ACK"), *closed, turns=1).code == "ok"
    first = (C("PSH,ACK", data), S("ACK"), *closed)
    assert judged(*HANDSHAKE, *first, turns=1).failed
    plain = (*used[:2], C("PSH,ACK", b"\x03" * 30), S("ACK"), *closed)
    assert judged(*HANDSHAKE, *plain, turns=1).failed


def test_a_farewell_upon_which_both_ends_close() -> None:
    """A byte that says "done", in a protocol that cannot be read; the FINs cross."""
    used = (C("PSH,ACK", b"\1" * 30), S("PSH,ACK", b"\2" * 30), C("PSH,ACK", b"\3"))
    fin = C("FIN,ACK", after=7)
    apart = (replace(fin, lost=True), S("FIN,ACK", after=18), S("ACK"), C("ACK"))
    assert judged(*HANDSHAKE, *used, *apart, turns=1).code == "ok"
    answered = (fin, S("FIN,ACK", after=18), C("ACK"))
    assert judged(*HANDSHAKE, *used, *answered, turns=1).failed
    assert judged(*ASKED, *EXCHANGE[1:], C("PSH,ACK", GET), *apart).failed


def test_an_endless_answer_ends_when_the_client_has_had_enough() -> None:
    events = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
    lines = (C("PSH,ACK", GET), S("PSH,ACK", events), C("ACK"), C("FIN,ACK", after=2000))
    assert judged(*HANDSHAKE, *lines, S("FIN,ACK")).code == "ok"


def test_an_answer_whose_head_was_cut_off_may_be_endless() -> None:
    events = b"HTTP/1.1 200 OK\r\nContent-Type: te"
    late = (C("FIN,ACK", after=20), S("PSH,ACK", b"data: 9"), C("RST"))
    lines = (*HANDSHAKE, C("PSH,ACK", GET), S("PSH,ACK", events), C("ACK"), *late)
    assert judged(*lines).code == "tcp.initiator_abort"
    story = play(*lines)
    story.turn.response_bytes += 300
    assert judge(story, around(story)).code != "tcp.initiator_abort"


def without_times(step: int, *lines: Line) -> Judgement:
    """As from a hex dump: text2pcap gives the packets times by their numbers."""
    story = play(*lines)
    packets = tuple(replace(p, time=START + step * p.frame) for p in story.packets)
    return judge(replace(story, packets=packets, end=packets[-1].time), around(story))


@pytest.mark.parametrize("step", [0, 1000, 1])
def test_in_a_capture_without_times_nobody_knows_how_long_it_waited(step: int) -> None:
    lines = (*ASKED, C(FIN, after=5003))
    verdict = without_times(step, *lines)
    assert (verdict.code, verdict.confidence) == ("tcp.response_timeout", 0.5)
    assert verdict.facts["reason"] == "the capture's times are made up, so nobody knows"
    assert max(sides(verdict).values()) < 0.6
    part = without_times(step, *ASKED, S("PSH,ACK", SHORT), C("ACK"), C(RST, after=5, win=500))
    assert part.confidence == 0.5
    assert judged(*lines).confidence > 0.8


def test_real_times_may_be_even_for_some_packets() -> None:
    few = (C("PSH,ACK", GET), C(FIN, after=5003))
    assert without_times(1000, *HANDSHAKE[:2], *few).facts["reason"].startswith("it waited")


def test_how_sure_the_side_is_follows_from_timeout_or_abort() -> None:
    assert sides(judged(*ASKED, C(FIN, after=30_003)))["responder"] > 0.8
    assert max(sides(judged(*ASKED, C(FIN, after=1370))).values()) < 0.8


def test_a_file_that_ends_behind_a_half_close() -> None:
    lines = (*HANDSHAKE, C("PSH,ACK", GET), C(FIN), S("ACK"))
    assert judged(*lines, left=0.2).code == "capture.partial"
    left = judged(*lines, left=9)
    assert left.code == "tcp.initiator_abort"
    assert left.confidence == 0.75
    assert "closed its own direction and went on waiting" in left.facts["reason"]
    assert judged(*lines, S(FIN, after=20), left=9).confidence > 0.9


def test_a_file_that_ends_before_the_answer_behind_a_half_close_is_acknowledged() -> None:
    asked = (*HANDSHAKE, C("PSH,ACK", GET), C(FIN), S("ACK"))
    answered = (S("PSH,ACK", OK, after=20, lost=True), S(FIN, lost=True))
    assert judged(*asked, *answered, left=0.1).code == "capture.partial"
    assert judged(*asked, *answered, C("RST", after=20), left=0.1).code == "tcp.initiator_abort"


def test_what_a_server_says_when_it_has_read_the_fin_is_no_answer() -> None:
    told = (C("PSH,ACK", b"USER a\r\n"), S("PSH,ACK", b"500 OOPS\r\n"), C("ACK"), C(FIN, after=1))
    late = b"500 OOPS: child died\r\n"
    assert judged(*HANDSHAKE, *told, S("PSH,ACK", late, after=3), C("RST")).code == "ok"
    crossed = S("PSH,ACK", late, after=3, ack=1_000_009)
    assert judged(*HANDSHAKE, *told, crossed, C("RST")).code == "tcp.initiator_abort"
    more = S("PSH,ACK", b"x" * 900, after=3)
    assert judged(*HANDSHAKE, *told, more, C("RST")).code == "tcp.initiator_abort"


def test_answers_to_settings_and_pings_are_nobodys_answer() -> None:
    """A client of HTTP/2 without a stream may go with their ACKs unread (measured)."""
    lines = (*HANDSHAKE, C("PSH,ACK", PREFACE), S("PSH,ACK", SETTINGS), C("ACK"))
    pings = (C("PSH,ACK", PING), S("PSH,ACK", PING), C(RST, win=500))
    story = play(*lines, *pings)
    story = replace(
        story, resets=tuple(replace(r, ack=story.responder.last_data_seq) for r in story.resets)
    )
    assert judge(story, around(story)).code == "tcp.initiator_abort"
    quiet = HttpFacts(requests=0, http2=Http2Facts(preface=True))
    told = replace(story, application=Application("http2", "http2", http=quiet))
    assert judge(told, around(told)).code == "ok"


def test_a_body_of_which_snaplen_cut_off_the_length_may_not_have_been_sent_whole() -> None:
    post = b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n"

    def verdict(kept: bytes, truncated: int) -> Judgement:
        lines = (C("PSH,ACK", post + b"x" * 300), S("ACK"), C("FIN,ACK", after=5000))
        story = play(*HANDSHAKE, *lines)
        story.turn.request_head = kept
        story.initiator.truncated = truncated
        return judge(story, around(story))

    assert verdict(post + b"x" * 300, 0).code == "tcp.initiator_abort"
    cut = verdict(post[:30], 1)
    assert cut.confidence <= 0.75
    assert max(sides(cut).values()) < 0.8
    assert verdict(post[:30], 0).confidence > 0.9
    assert verdict(b"GET" + post[4:30], 1).confidence > 0.9


def test_a_first_message_that_the_snaplen_cut_off() -> None:
    lines = (C("PSH,ACK", b"x" * 40), S("ACK"), C(FIN, after=2000), S(FIN), C("ACK"))
    read, cut = play(*HANDSHAKE, *lines), play(*HANDSHAKE, *lines)
    cut.turn.request_head = cut.hello_initiator = b""
    assert judge(read, around(read, turns=9)).confidence > 0.9
    assert judge(cut, around(cut, turns=9)).confidence == 0.75


@pytest.mark.parametrize(("length", "code"), [(b"", "ok"), (b"Content-Length: 9999\r\n", "")])
def test_a_radio_goes_on_until_its_listener_has_had_enough(length: bytes, code: str) -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n" + length + b"\r\n"
    played = (C("PSH,ACK", GET), S("PSH,ACK", head + b"x" * 900), C("ACK"), S("ACK", b"y" * 1400))
    left = (C(FIN), S("ACK", b"y" * 1400), C("RST", win=0))
    found = judged(*HANDSHAKE, *played, *left).code
    assert found == code if code else found == "tcp.initiator_abort"


@pytest.mark.parametrize(("port", "sure"), [(443, 0.97), (6380, 0.75), (8883, 0.75)])
def test_a_queue_inside_tls_may_be_waited_on(port: int, sure: float) -> None:
    data = b"\x17\x03\x03\x00\x60" + b"x" * 96
    lines = (C("PSH,ACK", b"\x16\x03\x01\x00\x40\x01" + b"x" * 63), S("PSH,ACK", data), C("ACK"))
    asked = (C("PSH,ACK", data), S("ACK"), C(FIN, after=10_000), S(FIN), C("ACK"))
    story = play(*HANDSHAKE, *lines, *asked)
    story.responder.port = port
    verdict = judge(story, around(story))
    assert (verdict.code, verdict.confidence) == ("tcp.response_timeout", sure)


@pytest.mark.parametrize(("again", "side"), [(1, "responder"), (2, "path")])
def test_a_host_that_does_not_acknowledge_the_fin_either_is_out_of_reach(
    again: int, side: str
) -> None:
    fins = tuple(replace(C(FIN, after=200 * 2**n, lost=True), again=True) for n in range(again))
    lines = (*ASKED, C(FIN, after=8_000, lost=True), *fins)
    verdict = judged(*lines)
    assert verdict.code == "tcp.response_timeout"
    assert max(sides(verdict), key=sides(verdict).__getitem__) == side
    assert ("was not acknowledged either" in verdict.facts["meanwhile"]) == (side == "path")
    assert sides(judged(*lines, S("ACK", after=300)))["responder"] > 0.9


def test_fins_in_vain_say_nothing_of_who_left_early() -> None:
    fins = tuple(replace(C(FIN, after=200 * 2**n, lost=True), again=True) for n in range(4))
    verdict = judged(*ASKED, C(FIN, after=450, lost=True), *fins)
    assert (verdict.code, max(sides(verdict), key=sides(verdict).__getitem__)) == (
        "tcp.initiator_abort",
        "initiator",
    )


def test_who_shut_its_own_window_did_not_wait_for_the_rest() -> None:
    begun = (*ASKED, S("PSH,ACK", SHORT, after=2))
    left = C(RST, after=1002, win=500)
    assert judged(*begun, C("ACK", win=500), left).code == "tcp.response_timeout"
    shut = judged(*begun, C("ACK", win=0), left)
    assert shut.code == "tcp.initiator_abort"
    assert sides(shut)["initiator"] > 0.8
    assert "its own window was shut" in shut.facts["reason"]
