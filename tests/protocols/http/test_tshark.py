"""tshark as the oracle: requests, answers, resets and goodbyes of every stored capture with HTTP."""

from __future__ import annotations

import subprocess
from collections import Counter
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import pytest

from pcapdiag.model.application import Application
from pcapdiag.protocols.conversation import Conversation
from pcapdiag.protocols.http import kept
from pcapdiag.protocols.http.skimming import SkimmingReader
from tests.protocols.pieces import Connection, connections

pytestmark = [pytest.mark.once, pytest.mark.needs(program="tshark")]

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "pcaps"
PATTERNS = (
    "http*",
    "grpc*",
    "healthy-*http*",
    "healthy-h2*",
    "healthy-grpc*",
    "healthy-pipelining",
    "healthy-no-body-answers",
)
"""Kinds of captures; those inside TLS are read by the tests of TLS."""
NOT_READ = ("tls", "pcapng", "socks")
"""What has one of these in its name is read elsewhere, or, in a SOCKS tunnel, by tshark alone."""
FIELDS = (
    "tcp.stream",
    "http.request.method",
    "http.request.uri",
    "http.response.code",
    "http2.headers.method",
    "http2.headers.path",
    "http2.headers.status",
    "http2.rst_stream.error",
    "http2.goaway.error",
)
HEADS_ONLY = ("-o", "http.desegment_body:FALSE", "-o", "http.dechunk_body:FALSE")
"""An answer that was cut is one too."""
CAPTURES = sorted(
    next(
        iter(sorted(path for path in folder.iterdir() if path.name.endswith((".pcap", ".pcap.gz"))))
    )
    for pattern in PATTERNS
    for folder in FIXTURES.glob(pattern)
    if any(folder.glob("*.pcap*")) and not any(word in folder.name for word in NOT_READ)
)

SERVERS_STREAM = "http2.goaway-nginx-protocol-error"
"""There the client asks on a stream that is not its own: tshark calls it a request all the same."""


class Seen(NamedTuple):
    requests: Counter[tuple[str, str]]
    statuses: Counter[int]
    resets: Counter[int]
    goaways: Counter[int]


def by_tshark(capture: Path, ports: dict[int, str]) -> Seen:
    decode_as = [
        word for port, name in ports.items() for word in ("-d", f"tcp.port=={port},{name}")
    ]
    options = [word for field in FIELDS for word in ("-e", field)]
    done = subprocess.run(
        [
            "tshark",
            "-n",
            "-r",
            str(capture),
            *decode_as,
            *HEADS_ONLY,
            "-T",
            "fields",
            "-E",
            "aggregator=;",
            *options,
        ],
        capture_output=True,
        check=True,
        text=True,
    )
    seen = Seen(Counter(), Counter(), Counter(), Counter())
    for line in done.stdout.splitlines():
        _, *cells = (cell.split(";") if cell else [] for cell in line.split("\t"))
        method, uri, code, method2, path, status, reset, goaway = cells
        seen.requests.update(zip_longest(method, uri, fillvalue=""))
        seen.requests.update(zip_longest(method2, path, fillvalue=""))
        seen.statuses.update(int(each) for each in (*code, *status))
        seen.resets.update(int(each) for each in reset)
        seen.goaways.update(int(each) for each in goaway)
    return seen


def by_us(applications: list[Application]) -> Seen:
    seen = Seen(Counter(), Counter(), Counter(), Counter())
    for application in applications:
        facts = application.http
        if facts is None:
            continue
        for exchange in facts.exchanges:
            if exchange.method is not None:
                seen.requests[exchange.method, exchange.target or ""] += 1
            if exchange.status is not None:
                seen.statuses[exchange.status] += 1
        if facts.http2 is not None:
            seen.resets.update(reset.code for reset in facts.http2.rst_streams)
            seen.goaways.update(goaway.code for goaway in facts.http2.goaways)
    return seen


def conversation(connection: Connection) -> Application:
    reader = Conversation()
    for piece in connection.pieces:
        reader.feed(piece)
    return reader.finish()


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.parent.name)
def test_the_same_as_tshark(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "NEIGHBOURS", 10_000)
    monkeypatch.setattr(kept, "MAX_EXCHANGES", 100_000)
    monkeypatch.setattr(SkimmingReader, "_may_skim", lambda _reader: False)
    ports, applications = {}, []
    for connection in connections(capture):
        application = conversation(connection)
        applications.append(application)
        if application.initiator_speaks in ("http1", "http2"):
            port = int(connection.responder.rpartition(":")[2])
            ports[port] = {"http1": "http", "http2": "http2"}[application.initiator_speaks]
    ours, theirs = by_us(applications), by_tshark(capture, ports)
    assert ours.statuses == Counter(
        {code: count for code, count in theirs.statuses.items() if code >= 200 or code == 101}
    )
    if capture.parent.name == SERVERS_STREAM:
        theirs.requests["GET", ""] -= 1
    assert ours.requests == theirs.requests
    assert ours.resets == theirs.resets
    assert ours.goaways == theirs.goaways
