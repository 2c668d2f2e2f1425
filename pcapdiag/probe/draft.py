"""A check while it is being made: what it asked, its connection, and what it saw besides.

All are judged at the end, when every connection of the probe is known: one that works with a PROXY
header says why another one without it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pcapdiag.model.probe import CheckName, ProbeFacts, ProbeVerdict
from pcapdiag.model.story import Story
from pcapdiag.probe.connection import Connection
from pcapdiag.probe.recording import Recording
from pcapdiag.probe.starttls import Refused
from pcapdiag.probe.tls import TlsClient


@dataclass(slots=True)
class Draft:
    """One check; times are nanoseconds, ``started`` since the epoch."""

    name: CheckName
    what: str
    started: int
    required: bool = True
    """Whether it failed where the server did not do as asked; otherwise that is only told."""
    address: str | None = None
    facts: ProbeFacts = field(default_factory=ProbeFacts)
    ended: int = 0
    connection: Connection | None = None
    story: Story | None = None
    verdict: ProbeVerdict | None = None
    """Given by the check itself, where no connection shows it."""
    skipped: str = ""
    """Why it was not made."""
    refusal: Refused | None = None
    """Why TLS could not begin in the protocol around it."""
    client: TlsClient | None = None
    wants_alpn: str | None = None
    """The protocol that the server has to pick."""

    @property
    def went_well(self) -> bool:
        """Whether it only wanted a connection or a handshake, and got it."""
        recording = self.recording
        if recording is None or self.connection is None or self.name in ("http2", "http"):
            return False
        if self.client is not None and self.name in ("tls_version", "alpn"):
            # A TLS 1.3 server may refuse the client's certificate afterwards: that is not asked.
            return self.client.done
        if not self.connection.established or recording.ended_by_other or recording.unacked:
            return False
        return self.client.done and not self.client.error if self.client else self.name == "tcp"

    @property
    def recording(self) -> Recording | None:
        """What its connection saw."""
        return self.connection.recording if self.connection is not None else None
