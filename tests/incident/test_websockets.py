"""A WebSocket over plain HTTP/1 on which messages have passed: it stays known for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection
from pcapdiag.pipeline import analyze
from tests.flow.wire import End, Link, Wire

pytestmark = pytest.mark.once

ASK = b"GET /ws HTTP/1.1\r\nHost: shop\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
MASKED = b"\x81\x82\x80\xcb\x0d\x3a\xe8\xa2"
HELLO, CLOSE = b"\x81\x07welcome", b"\x88\x82\x80\xcb\x0d\x3a\x83\x23"
CUT_AFTER = 3_000.0


def told(directory: Path, last: bytes) -> Connection:
    """The server leaves after quiet; the client's last message finds nobody."""
    wire = Wire()
    client = End("10.0.1.5", 20_000, 1000, b"\2\0\0\0\0\1")
    link = Link(wire, client, End("10.0.2.7", 8080, 7000, b"\2\0\0\0\0\2"))
    asked, switched = 1 + len(ASK), 1 + len(SWITCH)
    sent, said = asked + len(MASKED), switched + len(HELLO)
    link.handshake(0)
    link.c(20, "PA", 1, 1, ASK)
    link.s(21, "PA", 1, asked, SWITCH)
    link.c(22, "PA", asked, switched, MASKED)
    link.s(23, "PA", switched, sent, HELLO)
    link.c(24, "A", sent, said)
    link.s(23 + CUT_AFTER, "FA", said, sent)
    link.c(24 + CUT_AFTER, "A", sent, said + 1)
    link.c(2 * CUT_AFTER, "PA", sent, said + 1, last)
    link.s(2 * CUT_AFTER + 1, "R", said + 1, 0, window=0)
    report = analyze([wire.save(directory / "ws.pcap")], AnalyzeOptions(all_connections=True))
    (connection,) = report.connections
    return connection


def test_a_quiet_websocket_that_was_cut_is_no_stale_connection(tmp_path: Path) -> None:
    verdict = told(tmp_path, MASKED).verdict
    assert verdict.code == "http.stream_idle_timeout"
    assert "GET /ws" in verdict.title


def test_one_that_its_client_closes_in_order_is_fine(tmp_path: Path) -> None:
    assert told(tmp_path, CLOSE).verdict.code == "ok"
