"""tls.certificate_expiring: A certificate in use ends within 14 days.

What happened
    A server's certificate will soon be out of date. The handshakes worked.

How pcapdiag can tell
    The certificate's end against the capture's clock, in TLS up to 1.2, and in 1.3 with the keys.
    One that lives for less than a month is renewed by a program, and is told only when that is
    overdue. Of each server only the first handshakes are looked at.

Usual causes
    - A renewal that nobody planned, or that failed without a word.
    - The new certificate is on disk, and the program has not read it.

Fixes
    - First: renew it and reload the program.
    - Envoy: SDS, or files with `watched_directory`.
    - Istio: `istioctl proxy-config secret POD`: is istiod reachable?
    - NGINX: `nginx -s reload`.
    - HAProxy: reload, or `set ssl cert` and `commit ssl cert`.
    - Kubernetes: `cmctl status certificate NAME`.
    - Linux: `certbot renew` and its hook that reloads.
    - Cloud: certificates that you imported are not renewed for you.

Can be confused with
    - tls.certificate_expired: what it becomes.

What would settle it
    - `openssl s_client -connect SERVER:PORT -servername NAME </dev/null | openssl x509 -noout
      -dates`.

References
    - RFC 5280 section 4.1.2.5.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import CertificateFact, Fleet
from pcapdiag.model.harmless import harmless
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import SECOND, counted, format_seconds

DAY = 86_400 * SECOND
HOUR = 3_600 * SECOND
MAX_NAMES = 3
MAX_TEXT = 80


class CertificateExpiring:
    """Tells of the certificates that the capture showed to end soon."""

    def look(self, connection: Connection) -> None:
        """Pass: it is the handshakes that worked that count."""

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return a finding for each certificate and endpoint, what ends first in front."""
        ending = sorted(fleet.certificates, key=lambda one: one.certificate.not_after)
        return [_finding(one) for one in ending]


def _finding(fact: CertificateFact) -> Finding:
    certificate = fact.certificate
    left = certificate.not_after - fact.last
    endpoint = join_port(fact.server, fact.port)
    whose = f"client {fact.address} at {endpoint}" if fact.is_client else endpoint
    place = f"number {fact.number + 1} of the chain of" if fact.number else "of"
    return Finding(
        code="tls.certificate_expiring",
        severity="warning",
        title=f"the certificate {place} {whose} ends in {_days(left)}",
        detail=(
            f"{_names(fact)}, by {harmless(certificate.issuer, MAX_TEXT)}: until "
            f"{_date(certificate.not_after)}; seen on {counted(fact.connections, 'connection')}"
        ),
        explanation=(
            "The handshakes worked. When the certificate has ended, clients that check it refuse "
            "every connection (tls.certificate_expired). Of each server only the first handshakes "
            "are looked at."
        ),
        streams=fact.streams,
        addresses=[fact.address],
        endpoint=endpoint,
        frames=fact.frames,
        first=format_seconds(fact.first),
        last=format_seconds(fact.last),
        count=fact.connections,
        numbers={
            "seconds_left": round(left / SECOND),
            "not_after": certificate.not_after // SECOND,
        },
        fixes=[
            "renew it and reload the program: cert-manager (cmctl status certificate), certbot "
            "renew, nginx -s reload, HAProxy set ssl cert, Envoy SDS",
            "is the new one on disk already, and the old one still in memory?",
        ],
        commands=[
            f"openssl s_client -connect {endpoint} </dev/null 2>/dev/null | openssl x509 -noout "
            "-subject -dates  # with -servername NAME"
        ]
        if not fact.is_client
        else [],
    )


def _names(fact: CertificateFact) -> str:
    names = fact.certificate.names or (fact.certificate.subject,)
    shown = ", ".join(harmless(name, MAX_TEXT) for name in names[:MAX_NAMES])
    return f"{shown} and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else shown


def _days(left: int) -> str:
    if left >= 2 * DAY:
        return f"{left // DAY} days"
    return f"{left // HOUR} hours" if left >= 2 * HOUR else f"{left // (60 * SECOND)} minutes"


def _date(time: int) -> str:
    moment = datetime.fromtimestamp(time // SECOND, UTC)
    return f"{moment:%Y-%m-%d %H:%M}Z"
