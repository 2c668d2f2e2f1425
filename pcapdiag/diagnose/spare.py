"""Spare connections: opened beside another to the same endpoint, and closed before they were used.

Browsers and curl open several at once; when the first turns out to speak HTTP/2, one is enough, and
the others are closed wherever their TLS handshake stands. No request is lost with them.
"""

from __future__ import annotations

from pcapdiag.diagnose.tls_state import handshake_open
from pcapdiag.model.story import Story


def is_spare(story: Story) -> bool:
    """Return whether the initiator left in the TLS handshake, to go on with ``spare_to``."""
    return story.spare_to is not None and handshake_open(story) is True
