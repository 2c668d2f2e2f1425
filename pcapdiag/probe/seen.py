"""What a connection of the probe showed, as the facts and the steps of its check."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Literal

from pcapdiag.diagnose.icmp.quoted import name_of
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.hidden import client_flight
from pcapdiag.diagnose.tls_state import secured_at
from pcapdiag.incident.describe_tls import tls_labels
from pcapdiag.model.ends import join_port
from pcapdiag.model.http import Exchange, HttpFacts
from pcapdiag.model.probe import ProbeCertificate, ProbeFacts, ProbeStep
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Certificate, TlsFacts
from pcapdiag.model.units import SECOND, format_seconds
from pcapdiag.probe.connection import Connection
from pcapdiag.probe.recording import Event
from pcapdiag.probe.speaking import SETTINGS_NAMES, proxy_header
from pcapdiag.protocols.http.sniff import PREFACE
from pcapdiag.protocols.tls import names
from pcapdiag.protocols.tls.certificates import certificates_in

MAX_STEPS = 40
"""Steps of a check that are told; parts of one answer are one step."""
GREETING = 120
FIRST_LINE = 60
"""Bytes of a text that are told in a step."""
DAY = 86_400 * SECOND
_WORDS = {
    "syn": "SYN",
    "syn_ack": "SYN-ACK",
    "refused": "RST",
    "reset": "RST",
    "fin": "FIN",
    "fin_sent": "FIN",
}
_MINE = ("syn", "sent", "fin_sent")


def add_facts(facts: ProbeFacts, connection: Connection, story: Story) -> None:
    """Fill in what a connection and its bytes showed."""
    recording = connection.recording
    port = recording.local_port
    facts.local = join_port(recording.local, port) if port else recording.local or None
    if not connection.established and not connection.never_left:
        facts.syns = recording.syns
    facts.cut = recording.cut or None
    if connection.errno is not None and not connection.established:
        facts.errno = errno.errorcode.get(connection.errno, str(connection.errno))
    facts.connect = _seconds(story.rtt_to_responder)
    facts.path_mtu = connection.path_mtu
    if connection.established and connection.info is not None:
        facts.mss = connection.info.mss
        facts.round_trip = connection.info.round_trip / 1e9 or None
    for error in story.icmp[-1:]:
        facts.icmp, facts.icmp_source = name_of(error), error.source
    if story.greeting_bytes:
        greeting = story.hello_responder[: story.greeting_bytes]
        facts.greeting = greeting[:GREETING].decode("utf-8", "backslashreplace").strip()
    facts.close = _close(recording.events, connection.established)
    application = story.application
    if application is None:
        return
    facts.protocol = application.inside or application.responder_speaks or None
    if application.tls is not None:
        _add_tls(facts, application.tls, story)
    if application.http is not None:
        _add_http(facts, application.http)


def _close(events: list[Event], established: bool) -> str | None:
    if not established:
        return None
    mine = next((event for event in events if event.kind == "fin_sent"), None)
    theirs = next((event for event in events if event.kind in ("fin", "reset")), None)
    if theirs is None:
        return "the server kept it open after the probe's FIN" if mine else None
    word = "closed" if theirs.kind == "fin" else "reset"
    if mine is None or theirs.time < mine.time:
        before = [event.time for event in events if event.time < theirs.time]
        return f"{word} by the server {duration(theirs.time - max(before))} after what came before"
    return f"{word} by the server {duration(theirs.time - mine.time)} after the probe's FIN"


def _add_tls(facts: ProbeFacts, tls: TlsFacts, story: Story) -> None:
    answer = tls.server_hello
    if answer is not None:
        facts.tls_version = names.version_name(answer.version)
        facts.cipher = names.cipher_name(answer.cipher)
        facts.group = names.group_name(answer.group) if answer.group is not None else None
        facts.alpn = answer.alpn
    errors = [alert for alert in tls.alerts if alert.code]
    if errors:
        facts.alert = words.alert(errors[0].code)
        facts.alert_by = "here" if errors[0].from_initiator else "server"
    shown = certificates_in(tls.server_certificates)
    facts.certificates = [_certificate(one, story.start) for one in shown if not one.problem]
    facts.client_certificate_asked = _asked(tls)
    if facts.client_certificate_asked:
        facts.client_certificate_sent = _sent(tls)
    if tls.established:
        begun = tls.client_hello.time if tls.client_hello else story.start
        facts.handshake = _seconds(max(0, secured_at(tls) - begun))


def _asked(tls: TlsFacts) -> bool | None:
    """Return whether a client certificate was asked for; None where that cannot be told."""
    if tls.certificate_request is not None or tls.client_certificates is not None:
        return True
    if not tls.established:
        return None
    if not tls.is_tls13 or tls.key_state == "decrypted":
        return False
    return {"bare": False, "no certificate": True, "certificate": True}.get(client_flight(tls))


def _sent(tls: TlsFacts) -> bool:
    if tls.client_certificates is not None:
        return bool(tls.client_certificates.certificates)
    return client_flight(tls) == "certificate"


def _certificate(one: Certificate, now: int) -> ProbeCertificate:
    return ProbeCertificate(
        subject=one.subject,
        issuer=one.issuer,
        names=list(one.names),
        not_before=format_seconds(one.not_before),
        not_after=format_seconds(one.not_after),
        days_left=_days(one.not_after - now),
        key=one.key,
    )


def _days(nanoseconds: int) -> int:
    """Return whole days; negative for the past."""
    return abs(nanoseconds) // DAY * (1 if nanoseconds >= 0 else -1)


def _add_http(facts: ProbeFacts, http: HttpFacts) -> None:
    if http.http2 is not None and http.http2.settings_frame_responder:
        facts.settings = {
            SETTINGS_NAMES.get(number, f"0x{number:04x}"): value
            for number, value in http.http2.settings_responder.items()
        }
    for exchange in http.exchanges[:1]:
        _add_exchange(facts, exchange)


def _add_exchange(facts: ProbeFacts, exchange: Exchange) -> None:
    facts.http_version = exchange.version
    facts.http_status = exchange.status
    if exchange.response_time is not None and exchange.request_time is not None:
        facts.answer_after = _seconds(exchange.response_time - exchange.request_time)
    facts.answer_bytes = exchange.length
    told = (("server", exchange.server), ("via", exchange.via), ("type", exchange.content_type))
    facts.headers = [f"{name}: {value}" for name, value in told if value]


def steps_of(connection: Connection, story: Story) -> list[ProbeStep]:
    """Return what happened, in order, each with its number."""
    labels = dict(_labels(story))
    steps: list[ProbeStep] = []
    parts, size = 0, 0
    for number, event in enumerate(connection.recording.events, 1):
        told = labels.get(number) or _what(event, connection.recording.syns)
        if connection.never_left:
            told = "connect, refused by this host"
        plain = event.kind == "received" and number not in labels
        parts, size = (parts + 1, size + len(event.data)) if plain else (0, 0)
        if parts > 1:
            steps[-1].what = f"{size:,} bytes in {parts} parts"
        elif len(steps) < MAX_STEPS:
            steps.append(
                ProbeStep(number=number, time=format_seconds(event.time), by=_by(event), what=told)
            )
    return steps


def _labels(story: Story) -> Iterator[tuple[int, str]]:
    for error in story.icmp:
        yield error.frame, f"{name_of(error)} from {error.source}"
    application = story.application
    if application is None:
        return
    if application.http is not None and application.http.http2 is not None:
        yield application.http.http2.settings_frame_responder, "HTTP/2 SETTINGS"
    if application.tls is not None:
        yield from tls_labels(application.tls)


def _by(event: Event) -> Literal["here", "server", "path"]:
    if event.kind in _MINE:
        return "here"
    return "path" if event.kind == "icmp" else "server"


def _what(event: Event, syns: int) -> str:
    if event.kind == "syn" and syns > 1:
        return f"{syns} SYNs"
    return _WORDS.get(event.kind) or _said(event.data)


def _said(data: bytes) -> str:
    """Return bytes in words: what the probe says itself, or a first line of text."""
    size = f"{len(data):,} bytes"
    if data.startswith(PREFACE):
        return "HTTP/2 preface, SETTINGS"
    if data in (proxy_header(1), proxy_header(2)):
        return "PROXY header"
    line = data[:FIRST_LINE].split(b"\r\n", 1)[0].split(b"\n", 1)[0]
    return f"{line.decode()} ({size})" if line.isascii() and _is_text(line) else size


def _is_text(line: bytes) -> bool:
    return bool(line) and line.decode("ascii").isprintable()


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9
