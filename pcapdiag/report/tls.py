"""Both ends' TLS side by side in the terminal: what was offered, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapdiag.model.report import Connection
from pcapdiag.model.report_tls import Tls, TlsAlert, TlsClientHello, TlsServerHello
from pcapdiag.report.escape import shown

LISTED = 4
"""Entries of a list that a line shows."""


def offers(connection: Connection) -> Iterator[str]:
    """Yield one line for each end of a connection whose TLS failed."""
    tls = connection.tls
    if tls is None or tls.client_hello is None or not connection.verdict.code.startswith("tls."):
        return
    yield f"client: {_client(tls.client_hello)}{_said(tls, 'initiator')}"
    yield f"server: {_server(tls.server_hello, tls)}{_said(tls, 'responder')}"


def _client(hello: TlsClientHello) -> str:
    if not (hello.versions or hello.ciphers or hello.sni or hello.alpn):
        return "a ClientHello that the capture cut off"
    parts = [_versions(hello.versions)]
    parts.append(f"SNI {shown(hello.sni)}" if hello.sni else "no SNI")
    parts.append(f"ALPN {_listed(hello.alpn)}" if hello.alpn else "no ALPN")
    return "; ".join(part for part in parts if part)


def _versions(versions: list[str]) -> str:
    """Return the versions; a list down to SSL 3.0 is what old hellos mean by their highest."""
    if len(versions) > 1 and versions[-1] == "SSL 3.0":
        return f"up to {versions[0]}"
    return ", ".join(versions[:LISTED])


def _server(hello: TlsServerHello | None, tls: Tls) -> str:
    if hello is None:
        return "no ServerHello"
    parts = [hello.version, hello.cipher, _chosen_alpn(hello, tls)]
    own = [each for each in tls.certificates if each.from_ == "responder"]
    if own:
        parts.append(f"certificate for {_listed(own[0].names or [own[0].subject])}")
    return "; ".join(parts)


def _chosen_alpn(hello: TlsServerHello, tls: Tls) -> str:
    if hello.alpn:
        return f"ALPN {shown(hello.alpn)}"
    hidden = hello.version.startswith("TLS 1.3") and not tls.decrypted
    return "ALPN hidden" if hidden else "no ALPN"


def _said(tls: Tls, end: str) -> str:
    alerts = [each for each in tls.alerts if each.from_ == end]
    return f"; {_alert(alerts[0])}" if alerts else ""


def _alert(alert: TlsAlert) -> str:
    if alert.code is None:
        return f"encrypted alert or close_notify (#{alert.frame})"
    return f"alert {alert.name} {alert.code} (#{alert.frame})"


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - LISTED} more" if len(items) > LISTED else ""
    return ", ".join(shown(item) for item in items[:LISTED]) + more
