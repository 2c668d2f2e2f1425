"""Certificates in use that end soon, from the first handshakes with every TLS server.

Whether one does is read from the bytes of its dates; only one that does is read in full.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pcapdiag.model.fleet import CertificateFact
from pcapdiag.model.story import Half, Story
from pcapdiag.model.tls import Certificate, CertificateFlight
from pcapdiag.model.units import SECOND

MAX_CERTIFICATES = 256
"""Certificates that end soon of which is told, each once for an endpoint."""
MAX_STREAMS = 20
DAY = 86_400 * SECOND
SOON = 14 * DAY
SHORT_LIVED = 30 * DAY
"""Certificates for less than this (ns) are renewed by programs all the time (ACME, meshes)."""
OVERDUE = 10
"""One of those ends soon when less than this part of its time is left."""
_VALIDITY = re.compile(rb"\x30\x1e\x17\x0d(\d{12})Z\x17\x0d(\d{12})Z")
"""Validity in DER, two UTCTimes (RFC 5280 section 4.1.2.5); from 2050 on it is another type."""


class Certificates:
    """A bounded table; ``left_out`` counts what found no room."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, bytes], CertificateFact] = {}
        self.left_out = 0

    def facts(self) -> list[CertificateFact]:
        """Return the certificates that end soon, in the order in which they were seen."""
        return list(self._found.values())

    def note(self, story: Story) -> None:
        """Take up the certificates of one connection's handshake."""
        facts = story.tls
        if facts is not None:
            self._note_flight(story, story.responder, facts.server_certificates)
            self._note_flight(story, story.initiator, facts.client_certificates)

    def _note_flight(self, story: Story, owner: Half, flight: CertificateFlight | None) -> None:
        for number, der in enumerate(flight.certificates if flight else ()):
            if flight and isinstance(der, bytes) and _ends_soon(der, flight.time):
                self._add(story, owner, flight, number, der)

    def _add(
        self, story: Story, owner: Half, flight: CertificateFlight, number: int, der: bytes
    ) -> None:
        is_client = owner is story.initiator
        key = owner.address, 0 if is_client else owner.port, der
        known = self._found.get(key)
        if known is None:
            # Only here: many captures have no TLS.
            from pcapdiag.protocols.tls.certificates import read_certificate

            certificate = read_certificate(der)
            if certificate.problem or not is_due(certificate, flight.time):
                return
            if len(self._found) >= MAX_CERTIFICATES:
                self.left_out += 1
                return
            known = CertificateFact(
                certificate,
                address=owner.address,
                port=story.responder.port,
                server=story.responder.address,
                is_client=is_client,
                number=number,
                first=flight.time,
            )
            self._found[key] = known
        known.last = max(known.last, flight.time)
        known.connections += 1
        if len(known.streams) < MAX_STREAMS:
            known.streams.append(story.stream)
            known.frames.append(flight.frame)


def is_due(certificate: Certificate, time: int) -> bool:
    """Return whether a certificate ends so soon after a time (ns) that it should be renewed."""
    left, lifetime = certificate.not_after - time, certificate.not_after - certificate.not_before
    if lifetime < SHORT_LIVED:
        return 0 < left < lifetime // OVERDUE
    return 0 < left <= SOON


def _ends_soon(der: bytes, time: int) -> bool:
    """Return whether the dates in a certificate's bytes say that it ends within SOON."""
    found = _VALIDITY.search(der)
    if found is None:
        return False
    text = found[2].decode()
    century = "19" if text >= "50" else "20"
    try:
        end = datetime.fromisoformat(f"{century}{text[:6]}T{text[6:]}").replace(tzinfo=UTC)
    except ValueError:
        return False
    return 0 < end.timestamp() * SECOND - time <= SOON
