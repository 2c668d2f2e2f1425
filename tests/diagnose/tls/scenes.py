"""TLS connections as ladders of records, with the facts that a reader would give.

    scene(HELLO, FLIGHT_12, alert(C, 48), ...)

Lines are those of the playbook with records as data; ``scene`` reads their headers for frames and
times. What a reader knows beyond them (hellos, certificates, Finished) is given by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Unpack

from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.application import Application
from pcapdiag.model.context import TlsServerFacts
from pcapdiag.model.story import Story
from pcapdiag.model.tls import (
    Alert,
    Certificate,
    CertificateFlight,
    ClientHello,
    Record,
    ServerHello,
    TlsFacts,
)
from tests.diagnose.playbook import HANDSHAKE, START, C, Line, S, around, play
from tests.diagnose.tls.fields import (
    AnswerFields,
    CertificateFields,
    Facts,
    Finished,
    Flight,
    HelloFields,
    Secured,
)

DAY = 86_400_000_000_000
CCS, ALERT, HANDSHAKE_TYPE, DATA = 20, 21, 22, 23
TLS12, TLS13 = 0x0303, 0x0304
USUAL_CIPHERS = (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8)
SIGNATURES = (0x0403, 0x0804, 0x0401)


def record(kind: int, length: int, body: bytes = b"") -> bytes:
    return bytes((kind, 3, 3)) + length.to_bytes(2, "big") + body.ljust(length, b"\0")


def records(*lengths: int) -> bytes:
    """Return encrypted records of TLS 1.3."""
    return b"".join(record(DATA, length) for length in lengths)


HELLO = C("PSH,ACK", record(HANDSHAKE_TYPE, 512, b"\x01"), after=1)
ACKED = S("ACK", after=0.1)
SERVER_HELLO_13 = record(HANDSHAKE_TYPE, 122, b"\x02") + record(CCS, 1)
FLIGHT_13 = S("PSH,ACK", SERVER_HELLO_13 + records(23, 800, 96, 69), after=1)
FLIGHT_12 = S("PSH,ACK", record(HANDSHAKE_TYPE, 900, b"\x02"), after=1)
KEYS_12 = record(HANDSHAKE_TYPE, 70, b"\x10") + record(CCS, 1) + record(HANDSHAKE_TYPE, 40)
FINISHED_12 = S("PSH,ACK", record(CCS, 1) + record(HANDSHAKE_TYPE, 40), after=1)
FINISHED_13 = C("PSH,ACK", record(CCS, 1) + records(69), after=1)
TICKETS = S("PSH,ACK", records(250, 250), after=0.5)
HUNG_UP = (S("FIN,ACK", after=0.2), C("FIN,ACK"), S("ACK"))
LEFT = (C("FIN,ACK", after=0.2), S("FIN,ACK"), C("ACK"))


def alert(who: object, code: int, level: int = 2) -> Line:
    data = record(ALERT, 2, bytes((level, code)))
    return C("PSH,ACK", data) if who is C else S("PSH,ACK", data)


def hello(**changes: Unpack[HelloFields]) -> ClientHello:
    usual = ClientHello(
        frame=4,
        time=START,
        legacy_version=TLS12,
        sni="shop.example",
        alpn=("h2", "http/1.1"),
        versions=(TLS13, TLS12),
        ciphers=USUAL_CIPHERS,
        groups=(29, 23),
        signature_algorithms=SIGNATURES,
        extensions=(0, 10, 13, 16, 43),
    )
    return replace(usual, **changes)


def answer(version: int = TLS12, **changes: Unpack[AnswerFields]) -> ServerHello:
    cipher = 0x1301 if version == TLS13 else 0xC02F
    return replace(ServerHello(frame=6, time=START, version=version, cipher=cipher), **changes)


def certificate(*names: str, **changes: Unpack[CertificateFields]) -> CertificateFlight:
    usual = Certificate(
        subject="CN=shop.example",
        issuer="CN=Example CA",
        names=names or ("shop.example",),
        not_before=START - 30 * DAY,
        not_after=START + 60 * DAY,
        purposes=("serverAuth",),
    )
    return CertificateFlight(frame=6, time=START, certificates=(replace(usual, **changes),))


def given(*names: str, **changes: Unpack[CertificateFields]) -> Flight:
    """Return the facts of a readable TLS 1.2 flight with this certificate."""
    return {"server_hello": answer(), "server_certificates": certificate(*names, **changes)}


DONE: Finished = {"client_finished": True, "server_finished": True}
SECURED: Secured = {**DONE, "server_hello": answer(TLS13)}
NO_CERTIFICATE = CertificateFlight(frame=8, time=START, certificates=())


def scene(*lines: Line, **changes: Unpack[Facts]) -> Story:
    """Return the story of a TLS connection; ``changes`` are fields of its facts."""
    ladder = (*HANDSHAKE, *lines)
    story = play(*ladder)
    kept = tuple(_records(ladder, story))
    facts = TlsFacts(client_hello=hello(), records=kept, alerts=tuple(_alerts(ladder, story)))
    facts = replace(facts, **changes)
    spoken = any(not r.from_initiator for r in kept)
    above = Application(initiator_speaks="tls", responder_speaks="tls" if spoken else "", tls=facts)
    return replace(story, application=above)


def told(
    *lines: Line,
    left: float = 10.0,
    server: TlsServerFacts | None = None,
    **changes: Unpack[Facts],
) -> Judgement:
    """Return the verdict on a TLS connection."""
    story = scene(*lines, **changes)
    return judge(story, around(story, left, tls=server))


def _records(lines: tuple[Line, ...], story: Story) -> Iterator[Record]:
    for line, packet in zip(lines, story.packets, strict=True):
        at = 0
        while at + 5 <= len(line.data) and not line.again:
            length = int.from_bytes(line.data[at + 3 : at + 5], "big")
            kind = line.data[at]
            yield Record(packet.frame, packet.time, packet.from_initiator, kind, length)
            at += 5 + length


def _alerts(lines: tuple[Line, ...], story: Story) -> Iterator[Alert]:
    for line, packet in zip(lines, story.packets, strict=True):
        if line.data[:1] == bytes((ALERT,)) and len(line.data) == 7:
            level, code = line.data[5:7]
            yield Alert(packet.frame, packet.time, packet.from_initiator, level, code)
        elif line.data[:1] == bytes((ALERT,)) or _ends_with_alert(line.data):
            yield Alert(packet.frame, packet.time, packet.from_initiator, None, None)


def _ends_with_alert(data: bytes) -> bool:
    return any(data[-5 - size : -size] == record(DATA, size)[:5] for size in (19, 35))
