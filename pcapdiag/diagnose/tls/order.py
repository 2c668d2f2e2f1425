"""The kinds of TLS, for the order in which all are tried (diagnose/registry.py).

All of them need a ClientHello. The tuples stand at different places of that order.
"""

from __future__ import annotations

from pcapdiag.diagnose.entry import Entry
from pcapdiag.diagnose.shows import RESET, TLS
from pcapdiag.diagnose.tls import (
    alert,
    alpn_mismatch,
    certificate_expired,
    certificate_name_mismatch,
    certificate_rejected,
    certificate_untrusted,
    client_certificate_required,
    handshake_closed,
    handshake_reset,
    handshake_timeout,
    no_shared_cipher,
    sni_rejected,
    version_mismatch,
)

ALERTED: tuple[Entry, ...] = (
    # The one that names its reason first.
    Entry(alpn_mismatch.KIND, alpn_mismatch.match, TLS, by_story=True),
    Entry(sni_rejected.KIND, sni_rejected.match, TLS),
    Entry(version_mismatch.KIND, version_mismatch.match, TLS),
    Entry(no_shared_cipher.KIND, no_shared_cipher.match, TLS),
    Entry(client_certificate_required.KIND, client_certificate_required.match, TLS, by_story=True),
    Entry(certificate_expired.KIND, certificate_expired.match, TLS),
    Entry(certificate_untrusted.KIND, certificate_untrusted.match, TLS, by_story=True),
    Entry(certificate_name_mismatch.KIND, certificate_name_mismatch.match, TLS),
    Entry(certificate_rejected.KIND, certificate_rejected.match, TLS),
    Entry(alert.KIND, alert.match, TLS, by_story=True),
)
WAITED: tuple[Entry, ...] = (Entry(handshake_timeout.KIND, handshake_timeout.match, TLS),)
CLOSED: tuple[Entry, ...] = (
    Entry(sni_rejected.KIND, sni_rejected.match_close, TLS),
    Entry(handshake_reset.KIND, handshake_reset.match, TLS | RESET, by_story=True),
    Entry(handshake_closed.KIND, handshake_closed.match, TLS, by_story=True),
)
