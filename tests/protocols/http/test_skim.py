"""Requests that went well are skimmed over, and nothing is told otherwise than if they were read."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcapdiag.model.application import Piece
from pcapdiag.model.http import HttpFacts
from pcapdiag.protocols.http import asked, kept, skimming
from pcapdiag.protocols.http.header_block import HeaderBlocks
from pcapdiag.protocols.http.heads import Fields
from pcapdiag.protocols.http.http2 import Http2Reader
from pcapdiag.protocols.http.skim import MAX_HELD, End, Skim, end_of
from pcapdiag.protocols.http.skimmed_stream import SkimmedStream
from pcapdiag.protocols.http.skimming import SkimmingReader
from pcapdiag.protocols.http.windows import SendWindows
from tests.protocols.http.talk import (
    CLIENT,
    GOAWAY,
    HELLO,
    PING,
    PRIORITY,
    RST,
    SERVER,
    SETTINGS,
    WINDOW_UPDATE,
    Http2Peer,
    Line,
    data,
    frame,
    number,
    pieces,
    settings,
)

LARGEST = 16_384
Step = Callable[[], Line]
"""Writes a frame when its turn has come: header compression is in the order of the wire."""


class _Talk:
    """Writes a conversation by chance: mostly requests that go well, some of them at once."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.client, self.server = Http2Peer(), Http2Peer()
        self.stream = 1
        self.odd = self.random.choice((0, 0.01, 0.05, 0.3))

    def lines(self, requests: int) -> list[Line]:
        chance = self.random
        lines = list(HELLO)
        waiting: list[list[Step]] = []
        at_once = chance.choice((1, 1, 2, 4))
        for _ in range(requests):
            while len(waiting) >= at_once:
                if chance.random() < 0.05:
                    lines.append((CLIENT, frame(WINDOW_UPDATE, 0, number(30_000))))
                steps = chance.choice(waiting)
                if steps:
                    lines.append(steps.pop(0)())
                if not steps:
                    waiting.remove(steps)
            waiting.append(self._exchange())
            # Streams are opened in the order of their numbers.
            lines.append(waiting[-1].pop(0)())
            if chance.random() < 0.1:
                lines.append(self._between())
        for steps in waiting:
            lines += [step() for step in steps[: chance.randrange(5)]]
        return lines

    def _between(self) -> Line:
        chance = self.random
        last = number(chance.randrange(4))
        newest = max(1, self.stream - 2)
        frames = [
            frame(PING, 0, last * 2, chance.randrange(2)),
            frame(WINDOW_UPDATE, 0, number(100_000)),
            frame(WINDOW_UPDATE, newest, number(5)),
            frame(PRIORITY, 1, bytes(5)),
            frame(SETTINGS, 0, flags=1),
        ]
        if chance.random() < self.odd:
            frames = [
                settings(s4=chance.choice((100, 1_000_000))),
                frame(GOAWAY, 0, number(self.stream) + last),
                frame(RST, newest, number(8)),
                frame(RST, 1, number(8)),
                frame(0x40, 0, b"unknown"),
                data(newest, b"late"),
            ]
        return chance.choice((CLIENT, SERVER)), chance.choice(frames)

    def _exchange(self) -> list[Step]:
        chance, stream = self.random, self.stream
        self.stream += 2
        is_odd = chance.random() < self.odd
        grpc = chance.random() < 0.3
        fields = {"x_request_id": str(chance.random())} if chance.random() < 0.5 else {}
        if grpc:
            fields["content_type"] = "application/grpc"
        if is_odd and chance.random() < 0.2:
            fields["connection"] = "close"
        path = chance.choice(("/a", "/b", f"/{stream}"))
        uploads = grpc or chance.random() < 0.2
        steps: list[Step] = [
            lambda: (CLIENT, self.client.request(stream, path, not uploads, **fields))
        ]
        if uploads:
            body = bytes(chance.randrange(300))
            steps.append(lambda: (CLIENT, data(stream, body, True)))
        return steps + self._answer(stream, grpc, is_odd)

    def _body(self, stream: int, body: bytes, at: int, ends: bool) -> Line:
        part = body[at : at + LARGEST]
        return SERVER, data(stream, part, ends and at + len(part) == len(body))

    def _answer(self, stream: int, grpc: bool, is_odd: bool) -> list[Step]:
        chance, server = self.random, self.server
        if is_odd and chance.random() < 0.3:
            if chance.random() < 0.5:
                return []
            return [lambda: (SERVER, frame(RST, stream, number(2)))]
        body = bytes(chance.choice((0, 5, 300, 5_000)) if chance.random() < 0.97 else 40_000)
        status = "200" if grpc else chance.choice(("200", "200", "204", "302", "206"))
        if is_odd:
            status = chance.choice(("404", "500", "503", "20", "100", "200"))
        if status == "204":
            body = b""
        fields = {"date": f"second {stream // 5}"}
        if chance.random() < 0.4 and not grpc:
            fields["content_length"] = str(len(body) + (3 if is_odd else 0))
        ends = not (body or grpc)
        steps: list[Step] = [
            lambda: (SERVER, server.headers(stream, ends, _status=status, **fields))
        ]
        steps += [
            partial(self._body, stream, body, at, not grpc) for at in range(0, len(body), LARGEST)
        ]
        if grpc:
            trailers = {"grpc_status": "14" if is_odd else "0"}
            if is_odd and chance.random() < 0.3:
                trailers = {}
            steps.append(lambda: (SERVER, server.headers(stream, True, x_end="1", **trailers)))
        return steps


def _segments(lines: list[Line], seed: int) -> list[Piece]:
    """Cut up or put together what an end says, as segments do."""
    chance = random.Random(seed)
    said: list[tuple[bool, bytes]] = []
    for who, text, *_ in lines:
        if said and said[-1][0] == who and chance.random() < 0.4:
            said[-1] = who, said[-1][1] + text
        else:
            said.append((who, text))
    segments = []
    frame_number = 0
    for who, text in said:
        at = 0
        while at < len(text):
            size = chance.choice((1_400, 1_400, 10, 1))
            frame_number += 1
            hole = 5 if chance.random() < 0.0005 else 0
            segments.append(
                Piece(who, frame_number, frame_number * 1_000, text[at : at + size], hole)
            )
            at += size
    return segments


def _facts(reader: Http2Reader, said: list[Piece]) -> HttpFacts:
    for piece in said:
        reader.feed(piece)
    return reader.finish()


@given(st.integers(0, 1 << 60))
@example(148_357)  # A stream that was skimmed over is reset long after, behind one that is unknown.
def test_what_is_told_is_the_same(seed: int) -> None:
    said = _segments(_Talk(seed).lines(60), seed)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(asked, "MAX_ASKED", 20)
        monkeypatch.setattr(skimming, "CALM", 2)
        assert _facts(SkimmingReader(), said) == _facts(Http2Reader(), said)


@given(st.integers(0, 1 << 60), st.integers(3, 60))
def test_the_same_where_the_beginning_is_missed(seed: int, first: int) -> None:
    said = _segments(_Talk(seed).lines(60), seed)[first:]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(kept, "MAX_EXCHANGES", 5)
        monkeypatch.setattr(asked, "MAX_ASKED", 20)
        assert _facts(SkimmingReader(False), said) == _facts(Http2Reader(False), said)


def test_what_goes_well_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = []
    end = HeaderBlocks.end

    def counted(self: HeaderBlocks) -> Fields | None:
        blocks.append(end(self))
        return blocks[-1]

    monkeypatch.setattr(HeaderBlocks, "end", counted)
    client, server = Http2Peer(), Http2Peer()
    lines = list(HELLO)
    for stream in range(1, 2_001, 2):
        lines.append((CLIENT, client.request(stream, f"/{stream}", x_request_id=str(stream))))
        lines.append((SERVER, server.headers(stream, _status="200", date=str(stream // 9))))
        lines.append((SERVER, data(stream, b"well", True)))
    lines += [(CLIENT, client.request(2_001)), (SERVER, server.headers(2_001, _status="503"))]
    facts = _facts(SkimmingReader(), pieces(*lines))
    assert (facts.requests, facts.left_out) == (1_001, 998)
    assert [each.index for each in facts.exchanges] == [998, 999, 1_000]
    assert [each.target for each in facts.exchanges] == ["/1997", "/1999", "/"]
    assert [each.status for each in facts.exchanges] == [200, 200, 503]
    assert [row.path for row in facts.asked] == [f"/{n}" for n in range(1, 512, 2)]
    assert len(blocks) < 10


def test_a_long_body_is_not_held() -> None:
    skim = Skim(_Nobody(), _ends(), 0, 0)
    client, server = Http2Peer(), Http2Peer()
    opened = frame(WINDOW_UPDATE, 0, number(1 << 20)) + frame(WINDOW_UPDATE, 1, number(1 << 20))
    assert skim.take(Piece(CLIENT, 1, 1, client.request(1) + opened))
    assert skim.take(Piece(SERVER, 2, 2, server.headers(1, _status="200")))
    for at in range(3, 60):
        assert skim.take(Piece(SERVER, at, at, data(1, bytes(LARGEST))))
        assert sum(stream.held for stream in skim.streams()) < MAX_HELD + 2 * LARGEST


def test_many_small_frames_are_not_held() -> None:
    skim = Skim(_Nobody(), _ends(), 0, 0)
    client = Http2Peer()
    assert skim.take(Piece(CLIENT, 1, 1, client.request(1)))
    for at in range(2, 2_000):
        assert skim.take(Piece(CLIENT, at, at, frame(WINDOW_UPDATE, 1, number(1))))
    assert not skim.streams()


def _ends() -> tuple[End, End]:
    return end_of(HeaderBlocks(), SendWindows(False)), end_of(HeaderBlocks(), SendWindows(True))


class _Nobody:
    """Reads nothing."""

    def read_stream(self, stream: int, index: int, frames: list[Piece]) -> None:
        pass

    def read_frame(self, frame: list[Piece]) -> None:
        pass

    def note_answered(self, stream: SkimmedStream) -> None:
        pass
