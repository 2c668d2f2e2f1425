"""Which bytes of a connection are kept in order for the readers, and how much of them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from pcapdiag.flow.lanes import (
    CHUNK_BYTES,
    GREETING_BYTES,
    IN_USE,
    MAX_HELD,
    MAX_STREAMED,
    MAX_WAITING,
    STREAMED,
    TRANSCRIPT,
    TRANSCRIPT_BYTES,
    TURNS,
    Lanes,
)
from pcapdiag.flow.records import Flow, Lane
from pcapdiag.flow.slabs import PIECE_CHUNK, PIECE_CHUNKS
from pcapdiag.flow.tracker import Tracker
from tests.flow.wire import End, Link, Wire, tell

HELLO = b"\x16\x03\x01\x00\x05\x01hello"
SERVER_HELLO = b"\x16\x03\x03\x00\x06\x02server"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Row = tuple[int, int, int, bytes]


class Kept:
    """What the lanes held when each connection was finished with, and what was handed on before."""

    def __init__(self) -> None:
        self.modes: list[int] = []
        self.initiator: list[list[Row]] = []
        self.responder: list[list[Row]] = []
        self.handed: list[tuple[list[Row], list[Row]]] = []
        self.tracker: Tracker

    def watch(self, tracker: Tracker) -> None:
        self.tracker = tracker
        inner = tracker.endings.finished

        def finished(flow: Flow) -> None:
            halves = (flow.a, flow.b) if flow.a_opened else (flow.b, flow.a)
            self.modes.append(flow.lanes)
            for half, rows in zip(halves, (self.initiator, self.responder), strict=True):
                if half.lane is not None:
                    tracker.lanes.end_waiting(half.lane)
                rows.append(tracker.lanes.take_pieces(half.lane) if half.lane is not None else [])
            inner(flow)

        tracker.endings.finished = finished

    def stream(self, tracker: Tracker) -> None:
        self.watch(tracker)

        def hand_on(flow: Flow) -> None:
            taken = []
            for half in (flow.a, flow.b) if flow.a_opened else (flow.b, flow.a):
                lane = half.lane
                taken.append(tracker.lanes.take_pieces(lane) if lane is not None else [])
            self.handed.append((taken[0], taken[1]))

        tracker.lanes.hand_on = hand_on


def keep(wire: Wire, prepare: Callable[[Tracker], object] = id, *, streaming: bool = False) -> Kept:
    kept = Kept()

    def ready(tracker: Tracker) -> None:
        (kept.stream if streaming else kept.watch)(tracker)
        prepare(tracker)

    tell(wire, prepare=ready)
    return kept


def joined(rows: list[Row]) -> bytes:
    return b"".join(row[3] for row in rows)


def turns(wire: Wire, *words: bytes, port: int = 40000, at: float = 100) -> Link:
    """A connection on which initiator and responder say these words in turn."""
    link = Link(wire, End("10.0.0.1", port, 0x1000, b"\2\0\0\0\0\1"))
    link.handshake(at)
    seq, ack = 1, 1
    for n, word in enumerate(words):
        say = link.s if n % 2 else link.c
        say(at + 20 + n, "PA", ack if n % 2 else seq, seq if n % 2 else ack, word)
        seq, ack = (seq, ack + len(word)) if n % 2 else (seq + len(word), ack)
    return link


def test_a_tls_handshake_is_kept_with_frames_and_times() -> None:
    wire = Wire()
    turns(wire, HELLO, SERVER_HELLO)
    kept = keep(wire)
    assert kept.modes == [TRANSCRIPT]
    assert [(frame, hole, data) for frame, _time, hole, data in kept.initiator[0]] == [
        (4, 0, HELLO)
    ]
    assert [(frame, hole, data) for frame, _time, hole, data in kept.responder[0]] == [
        (5, 0, SERVER_HELLO)
    ]


@pytest.mark.parametrize("request_", [GET, b"\0\0\0\1hello", b"EHLO a\r\n", b"PUT /"])
def test_of_anything_else_nothing_is_kept(request_: bytes) -> None:
    wire = Wire()
    turns(wire, request_, OK)
    kept = keep(wire)
    assert (kept.modes, kept.initiator, kept.responder) == ([TURNS], [[]], [[]])
    assert kept.tracker.lanes.slab.used == 0


def test_first_segments_shorter_than_what_tells_a_protocol() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    for n, byte in enumerate(HELLO):
        link.c(20 + n, "PA", 1 + n, 1, bytes([byte]))
    kept = keep(wire)
    assert kept.modes == [TRANSCRIPT]
    assert joined(kept.initiator[0]) == HELLO


@pytest.mark.parametrize(
    ("word", "mode"), [(b"PROXY TCP4 1.2.3.4", TRANSCRIPT), (b"\r\n\r\n\0\r\nQUIT\n", TRANSCRIPT)]
)
def test_a_proxy_header_is_kept(word: bytes, mode: int) -> None:
    wire = Wire()
    turns(wire, word, OK)
    assert keep(wire).modes == [mode]


def test_tls_after_starttls_and_connect() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.s(20, "PA", 1, 1, b"220 mail\r\n")
    link.c(21, "PA", 1, 11, b"STARTTLS\r\n")
    link.s(22, "PA", 11, 11, b"220 go\r\n")
    link.c(23, "PA", 11, 19, HELLO)
    link.s(24, "PA", 19, 11 + len(HELLO), SERVER_HELLO)
    turns(wire, b"CONNECT a:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", HELLO, SERVER_HELLO,
          port=40001)  # fmt: skip
    kept = keep(wire)
    assert kept.modes == [TRANSCRIPT, TRANSCRIPT]
    assert [joined(rows) for rows in kept.initiator] == [HELLO, HELLO]
    assert [joined(rows) for rows in kept.responder] == [SERVER_HELLO, SERVER_HELLO]


def test_tls_right_behind_the_request_for_it() -> None:
    # MySQL: the client asks for TLS and goes on with its ClientHello without an answer.
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.s(20, "PA", 1, 1, b"\x4a\x00\x00\x00\x0a10.11")
    link.c(21, "PA", 1, 11, b"\x20\x00\x00\x01 TLS")
    link.c(22, "PA", 9, 11, HELLO)
    link.s(23, "PA", 11, 9 + len(HELLO), SERVER_HELLO)
    kept = keep(wire)
    assert kept.modes == [TRANSCRIPT]
    assert joined(kept.initiator[0]) == HELLO
    assert joined(kept.responder[0]) == SERVER_HELLO


def test_a_servers_settings_may_come_before_the_preface() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.s(20, "PA", 1, 1, SETTINGS)
    link.c(21, "PA", 1, 10, PREFACE + SETTINGS)
    kept = keep(wire, streaming=True)
    assert kept.modes == [STREAMED]
    assert joined(kept.responder[0]) == SETTINGS
    assert joined(kept.initiator[0]) == PREFACE + SETTINGS


def test_http2_that_began_before_the_capture_is_known_by_its_frames() -> None:
    wire = Wire()
    link = Link(wire)
    rst = b"\0\0\4\3\0\0\0\0\5\0\0\0\2"
    link.c(0, "PA", 500, 900, rst)
    other = Link(wire, End("10.0.0.3", 40000, 1, b"\2\0\0\0\0\1"))
    other.c(1, "PA", 500, 900, rst[:-1])
    assert sorted(keep(wire, streaming=True).modes) == [TURNS, STREAMED]


def test_streamed_bytes_are_handed_on_in_order_and_let_go() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    sent = PREFACE
    link.c(20, "PA", 1, 1, PREFACE)
    for n in range(100):
        word = bytes([n]) * 1000
        link.c(21 + n, "PA", 1 + len(sent), 1, word)
        sent += word
    kept = keep(wire, streaming=True)
    segments_until_full = CHUNK_BYTES // 1000 + 1
    assert len(kept.handed) == 100 // segments_until_full
    got = b"".join(joined(rows) for rows, _ in kept.handed) + joined(kept.initiator[0])
    assert got == sent
    assert kept.tracker.lanes.slab.used == 0
    assert kept.tracker.lanes.streamed == 0


def test_tls_is_streamed_where_there_are_secrets() -> None:
    wire = Wire()
    turns(wire, HELLO, SERVER_HELLO)

    def know(tracker: Tracker) -> None:
        tracker.lanes.has_secrets = 1

    assert keep(wire, know, streaming=True).modes == [STREAMED]


def test_a_transcript_has_an_end() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    seq = 1
    for n in range(40):
        word = HELLO if n == 0 else bytes(1000)
        link.c(20 + n, "PA", seq, 1, word)
        seq += len(word)
    kept = keep(wire)
    assert TRANSCRIPT_BYTES <= len(joined(kept.initiator[0])) < TRANSCRIPT_BYTES + 1000


def test_a_long_greeting_is_let_go() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    for n in range(GREETING_BYTES // 1000 + 1):
        link.s(20 + n, "PA", 1 + n * 1000, 1, bytes(1000))
    kept = keep(wire)
    assert (kept.modes, kept.tracker.lanes.slab.used) == ([TURNS], 0)


def test_without_room_connections_are_followed_without_and_counted() -> None:
    wire = Wire()
    for n in range(3):
        turns(wire, HELLO, SERVER_HELLO, port=40000 + n, at=100 * n)

    def narrow(tracker: Tracker) -> None:
        tracker.lanes.slab.limit = 3

    kept = keep(wire, narrow)
    assert kept.modes == [TRANSCRIPT, TURNS, TURNS]
    assert kept.tracker.lanes.left_out == 2


def test_where_room_is_short_connections_in_use_give_theirs() -> None:
    wire = Wire()
    words = [HELLO, SERVER_HELLO, *[b"\x17\x03\x03\0\1x"] * (2 * IN_USE)]
    turns(wire, *words)

    def narrow(tracker: Tracker) -> None:
        tracker.lanes.slab.limit = 3

    assert keep(wire, narrow).modes == [TURNS]
    assert keep(wire).modes == [TRANSCRIPT]
    assert PIECE_CHUNKS * PIECE_CHUNK > TRANSCRIPT_BYTES * 2


def test_only_so_many_are_streamed_at_once() -> None:
    wire = Wire()
    for n in range(3):
        turns(wire, PREFACE, SETTINGS, port=40000 + n)

    def many(tracker: Tracker) -> None:
        tracker.lanes.streamed = MAX_STREAMED - 2

    assert sorted(keep(wire, many, streaming=True).modes) == [TRANSCRIPT, STREAMED, STREAMED]


def segments(sent: bytes, rng: random.Random) -> list[tuple[int, bytes]]:
    """Cut bytes into segments, some sent twice with other borders, and out of order by a few."""
    cuts = sorted(rng.sample(range(1, len(sent)), 12))
    parts = [(a, sent[a:b]) for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    parts += [(a, sent[a : a + 40]) for a in rng.sample(range(len(sent)), 6)]
    parts.sort(key=lambda part: part[0] + rng.randrange(120))
    return parts


@pytest.mark.parametrize("seed", range(40))
def test_any_order_gives_the_same_bytes(seed: int) -> None:
    rng = random.Random(seed)
    sent = bytes(rng.randrange(256) for _ in range(400))
    isn = rng.choice([1, 0xFFFFFF00, 0x7FFFFF80])
    lanes, lane = Lanes(), Lane(isn)
    for n, (offset, data) in enumerate(segments(sent, rng)):
        lanes.add_segment(lane, (isn + offset) & 0xFFFFFFFF, len(data), data, n, n, -1)
    assert (lane.position, lane.length, lane.waiting) == (400, 400, [])
    pieces = lanes.take_pieces(lane)
    assert joined(pieces) == sent
    assert all(row[2] == 0 for row in pieces)


def test_what_was_acknowledged_and_never_captured_is_a_hole() -> None:
    lanes, lane = Lanes(), Lane(1)
    lanes.add_segment(lane, 1, 10, b"a" * 10, 1, 1, -1)
    lanes.add_segment(lane, 21, 10, b"c" * 10, 2, 2, 11)
    assert joined(lanes.slab.read(lane)) == b"a" * 10
    lanes.add_segment(lane, 31, 10, b"d" * 10, 3, 3, 31)
    assert [(row[2], row[3][:1]) for row in lanes.take_pieces(lane)] == [
        (0, b"a"),
        (10, b"c"),
        (0, b"d"),
    ]


def test_what_snaplen_cut_off_is_a_hole() -> None:
    lanes, lane = Lanes(), Lane(1)
    lanes.add_segment(lane, 1, 100, b"a" * 10, 1, 1, -1)
    lanes.add_segment(lane, 101, 5, b"bbbbb", 2, 2, -1)
    assert [(row[2], row[3]) for row in lanes.take_pieces(lane)] == [(0, b"a" * 10), (90, b"bbbbb")]


def test_so_many_segments_wait_and_no_more() -> None:
    lanes, lane = Lanes(), Lane(1)
    for n in range(MAX_WAITING):
        lanes.add_segment(lane, 11 + n, 1, b"x", n, n, -1)
    assert lane.waiting == []
    pieces = lanes.take_pieces(lane)
    assert pieces[0][2] == 10
    assert len(joined(pieces)) == MAX_WAITING


def test_so_many_bytes_wait_of_all_connections_and_no_more() -> None:
    lanes, size = Lanes(), MAX_HELD // 4
    several = [Lane(1) for _ in range(5)]
    for lane in several:
        lanes.add_segment(lane, 11, size, bytes(size), 1, 1, -1)
    assert [len(lane.waiting) for lane in several] == [1, 1, 1, 1, 0]
    assert lanes.held == 4 * size
    lanes.add_segment(several[0], 1, 10, bytes(10), 2, 2, -1)
    assert (several[0].waiting, lanes.held) == ([], 3 * size)


def test_a_connection_that_goes_gives_back_what_waited() -> None:
    wire = Wire()
    link = turns(wire, HELLO)
    link.c(500, "PA", 1 + len(HELLO) + 100, 1, b"behind a hole")
    link.s(510, "RA", 1, 1 + len(HELLO))
    told = tell(wire)
    assert told.tracker.lanes.held == 0


def test_at_the_end_what_waits_is_taken_as_it_is() -> None:
    lanes, lane = Lanes(), Lane(1)
    lanes.add_segment(lane, 30, 5, b"later", 2, 2, -1)
    lanes.add_segment(lane, 11, 5, b"first", 1, 1, -1)
    lanes.end_waiting(lane)
    assert [(row[2], row[3]) for row in lanes.take_pieces(lane)] == [(10, b"first"), (14, b"later")]


@pytest.mark.parametrize("seed", range(20))
def test_pieces_of_any_size_come_back_whole_and_give_back_their_room(seed: int) -> None:
    """Chunks are cut anywhere: within a piece, at its end, where a header does not fit any more."""
    rng = random.Random(seed)
    lanes = Lanes()
    sizes = (1, 7, 8, 960, 984, 985, 1016, 1017, 1024, 3000)
    for _ in range(3):
        both = [Lane(0), Lane(0)]
        sent: list[list[Row]] = [[], []]
        for frame in range(60):
            n = rng.randrange(2)
            data = rng.randbytes(rng.choice(sizes))
            lanes.add_segment(both[n], both[n].next_seq, len(data), data, frame, frame << 40, -1)
            sent[n].append((frame, frame << 40, 0, data))
        assert [lanes.take_pieces(lane) for lane in both] == sent
        assert lanes.slab.used == 0
    assert lanes.slab.unused < 200


def test_without_room_a_piece_is_refused_and_nothing_changes() -> None:
    lanes, lane = Lanes(), Lane(0)
    lanes.slab.limit = 3
    assert lanes.add_segment(lane, 0, 900, bytes(900), 1, 1, -1) == 1
    assert lanes.add_segment(lane, 900, 3000, bytes(3000), 2, 2, -1) == 0
    assert (lane.next_seq, lanes.slab.used) == (900, 1)
