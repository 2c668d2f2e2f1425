"""A connection's TLS as the report shows it: offers, certificates, alerts; and in the timeline."""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.diagnose.tls import words
from pcapdiag.model.ends import End, side_of
from pcapdiag.model.report_tls import Tls, TlsAlert, TlsCertificate, TlsClientHello, TlsServerHello
from pcapdiag.model.tls import (
    Alert,
    Certificate,
    CertificateFlight,
    ClientHello,
    Message,
    ServerHello,
    TlsFacts,
)
from pcapdiag.model.units import format_seconds
from pcapdiag.protocols.tls import names
from pcapdiag.protocols.tls.certificates import certificates_in
from pcapdiag.protocols.tls.numbers import (
    CERTIFICATES,
    CLIENT_HELLO,
    NEW_SESSION_TICKET,
    SERVER_HELLO,
)

WARNING = 1


def describe_tls(facts: TlsFacts) -> Tls:
    """Return what the report tells of TLS."""
    return Tls(
        client_hello=_client_hello(facts.client_hello) if facts.client_hello else None,
        server_hello=_server_hello(facts.server_hello) if facts.server_hello else None,
        certificates=[
            *_certificates(facts.server_certificates, "responder"),
            *_certificates(facts.client_certificates, "initiator"),
        ],
        alerts=[_alert(alert) for alert in facts.alerts],
        decrypted=facts.key_state == "decrypted",
        stopped_at=None if facts.established else facts.stopped_at or None,
        resumed=facts.resumed,
    )


def tls_labels(facts: TlsFacts) -> Iterator[tuple[int, str]]:
    """Yield what the handshake and alerts of a connection said, by frame, in words."""
    yield from _by_frame(facts)
    for alert in facts.alerts:
        level = "warning " if alert.level == WARNING and alert.code else ""
        told = f"{level}alert {words.alert(alert.code)}"
        yield alert.frame, told if alert.code is not None else "encrypted alert or close_notify"


def _by_frame(facts: TlsFacts) -> Iterator[tuple[int, str]]:
    """Yield the messages of one frame as one label: a flight is one event."""
    frames: dict[int, list[str]] = {}
    for message in facts.messages:
        if message.type != NEW_SESSION_TICKET:
            frames.setdefault(message.frame, []).append(_message(facts, message))
    for frame, told in frames.items():
        yield frame, ", ".join(told)


def _message(facts: TlsFacts, message: Message) -> str:
    name = names.message_name(message.type)
    if message.type == CLIENT_HELLO:
        return f"{name} {_hello_words(facts, message)}".rstrip()
    answer = facts.server_hello
    if message.type == SERVER_HELLO and answer is not None and answer.frame == message.frame:
        return f"{name} {names.version_name(answer.version)}"
    if message.type in CERTIFICATES:
        own = facts.client_certificates if message.from_initiator else facts.server_certificates
        if own is not None and own.frame == message.frame:
            return f"{name} {_first_names(own)}"
    return name


def _hello_words(facts: TlsFacts, message: Message) -> str:
    hellos = (facts.client_hello, facts.second_hello)
    hello = next((h for h in hellos if h is not None and h.frame == message.frame), None)
    if hello is None:
        return ""
    if not (hello.complete or hello.sni):
        return ""
    sni = f"SNI={words.shown(hello.sni)}" if hello.sni else "without SNI"
    return f"{sni} ALPN={','.join(map(words.shown, hello.alpn))}" if hello.alpn else sni


def _first_names(flight: CertificateFlight) -> str:
    every = certificates_in(flight)
    return f"for {words.subject(every[0])}" if every else "(none)"


def _client_hello(hello: ClientHello) -> TlsClientHello:
    return TlsClientHello(
        sni=hello.sni,
        alpn=list(hello.alpn),
        versions=[names.version_name(version) for version in hello.versions],
        ciphers=[names.cipher_name(cipher) for cipher in hello.ciphers],
        groups=[names.group_name(group) for group in hello.groups],
        signature_algorithms=[
            names.signature_scheme_name(scheme) for scheme in hello.signature_algorithms
        ],
        ja4=hello.ja4,
        ja3=hello.ja3,
    )


def _server_hello(hello: ServerHello) -> TlsServerHello:
    return TlsServerHello(
        version=names.version_name(hello.version),
        cipher=names.cipher_name(hello.cipher),
        group=None if hello.group is None else names.group_name(hello.group),
        alpn=hello.alpn,
    )


def _certificates(flight: CertificateFlight | None, sender: End) -> Iterator[TlsCertificate]:
    for one in certificates_in(flight):
        if not one.problem:
            yield _certificate(one, sender)


def _certificate(one: Certificate, sender: End) -> TlsCertificate:
    return TlsCertificate(
        from_=sender,
        subject=one.subject,
        issuer=one.issuer,
        names=list(one.names),
        not_before=format_seconds(one.not_before),
        not_after=format_seconds(one.not_after),
    )


def _alert(alert: Alert) -> TlsAlert:
    known = alert.code is not None
    return TlsAlert(
        frame=alert.frame,
        time=format_seconds(alert.time),
        from_=side_of(alert.from_initiator),
        level=("warning" if alert.level == WARNING else "fatal") if known else "encrypted",
        code=alert.code,
        name=names.alert_name(alert.code) if alert.code is not None else "",
    )
