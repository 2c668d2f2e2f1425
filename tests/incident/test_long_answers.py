"""TLS without keys whose answers are longer than what is kept to be read of a connection."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag.flow.lanes import TRANSCRIPT_BYTES
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.pipeline import analyze
from tests.flow.wire import End, Link, Wire
from tests.protocols.tls.wire import alpn, client_hello, handshake, record, server_hello, sni

pytestmark = pytest.mark.once

CHANGE, SEALED = record(20, b"\1"), record(22, bytes(40))
ASKED, GOODBYE = record(23, bytes(130)), record(21, bytes(26))
MSS = 1400


@pytest.mark.parametrize("size", [2_000, TRANSCRIPT_BYTES, 2 * TRANSCRIPT_BYTES])
@pytest.mark.parametrize("answered", [True, False])
def test_a_second_request_was_answered(tmp_path: Path, size: int, answered: bool) -> None:
    wire = Wire()
    client = End("10.0.1.5", 20_000, 1000, b"\2\0\0\0\0\1")
    link = Link(wire, client, End("10.0.2.7", 443, 7000, b"\2\0\0\0\0\2"))
    link.handshake(0)
    sent, got, now = 1, 1, 10.0

    def say(initiator: bool, data: bytes) -> None:
        nonlocal sent, got, now
        for at in range(0, len(data), MSS):
            part = data[at : at + MSS]
            now += 0.1
            if initiator:
                link.c(now, "PA", sent, got, part)
                sent += len(part)
            else:
                link.s(now, "PA", got, sent, part)
                got += len(part)
        now += 10
        if initiator:
            link.s(now, "A", got, sent)
        else:
            link.c(now, "A", sent, got)

    say(True, handshake(1, client_hello((sni(b"shop.example"), alpn(b"h2", b"http/1.1")))))
    say(False, handshake(2, server_hello((alpn(b"http/1.1"),), cipher=0xC02F)))
    say(True, CHANGE + SEALED)
    say(False, CHANGE + SEALED)
    say(True, ASKED)
    say(False, record(23, bytes(1_000)) * (size // 1_000))
    say(True, ASKED)
    if answered:
        say(False, record(23, bytes(4_000)))
    say(True, GOODBYE)
    link.c(now + 1, "FA", sent, got)
    link.s(now + 9, "FA", got, sent + 1)
    link.c(now + 10, "A", sent + 1, got + 1)
    options = AnalyzeOptions(all_connections=True)
    (connection,) = analyze([wire.save(tmp_path / "tls.pcap")], options).connections
    cannot_tell = size > TRANSCRIPT_BYTES
    expected = "ok" if answered or cannot_tell else "tcp.initiator_abort"
    assert connection.verdict.code == expected
