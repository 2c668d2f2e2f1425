"""What one connection of the probe saw, in the order of time: the probe's own small capture.

A program sees no packets. It sees that its connect succeeded, was refused or timed out, the bytes
that it sent and got, and how the other end closed: enough for the analyzer's judge (story.py).
"""

from __future__ import annotations

import time
from typing import Literal

import msgspec

Happening = Literal[
    "syn", "syn_ack", "refused", "icmp", "sent", "received", "fin_sent", "fin", "reset"
]

_ENDS = ("refused", "icmp", "fin", "reset")


class IcmpError(msgspec.Struct, frozen=True):
    """An ICMP error that the kernel handed to the socket; ``source`` is who sent it."""

    version: int
    type: int
    code: int
    source: str
    mtu: int = 0


class Event(msgspec.Struct, frozen=True):
    """One thing that happened; ``time`` is nanoseconds since the epoch."""

    kind: Happening
    time: int
    data: bytes = b""
    icmp: IcmpError | None = None


class Clock:
    """Nanoseconds since the epoch that never go back."""

    def __init__(self) -> None:
        self._epoch = time.time_ns() - time.monotonic_ns()

    def now(self) -> int:
        """Return the time."""
        return self._epoch + time.monotonic_ns()


class Recording(msgspec.Struct):
    """One connection: its ends, and what happened. Addresses are those of the socket."""

    local: str
    local_port: int
    remote: str
    remote_port: int
    events: list[Event] = []
    syns: int = 1
    """How often the SYN was sent, as far as the kernel tells."""
    unacked: int = 0
    """Segments without an acknowledgment after a wait in vain, as far as the kernel tells."""
    ended: int = 0
    """When the probe let go of it; 0 while it is open."""
    server_data: int = 0
    """Bytes that came."""
    cut: str = ""
    """Why the probe read no further, in words."""

    @property
    def before_parting(self) -> list[Event]:
        """What happened until the probe itself closed; what came after is an effect of that."""
        kinds = [event.kind for event in self.events]
        return self.events[: kinds.index("fin_sent") + 1] if "fin_sent" in kinds else self.events

    @property
    def greeted(self) -> bool:
        """Whether bytes came before the probe closed, or said anything."""
        kinds = [event.kind for event in self.before_parting]
        return "received" in kinds and "sent" not in kinds[: kinds.index("received")]

    @property
    def ended_by_other(self) -> bool:
        """Whether the server, or something on the path, ended it before the probe did."""
        return any(event.kind in _ENDS for event in self.before_parting)
