"""From packets and stories to DNS messages: each one over UDP, the last answers over TCP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pcapdiag.correlate.names import NameTable
from pcapdiag.decode.headers import Packet
from pcapdiag.flow.story import address_text
from pcapdiag.model.dns import PORT, DnsFacts, DnsMessage, DnsParty, Failure
from pcapdiag.model.story import Story

if TYPE_CHECKING:
    from pcapdiag.incident.lookups import Lookups

LENGTH = 2
"""Bytes before each message over TCP (RFC 1035 section 4.2.2)."""
PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}
"""Type and code by the version of IP (RFC 792, RFC 4443)."""
MAX_AT_ONCE = 8
"""Answers that come together over TCP and are read."""


class DnsReader:
    """Reads DNS for the table of names and for the lookups."""

    def __init__(self, names: NameTable) -> None:
        self._names = names
        self._lookups: Lookups | None = None
        """From the first message on: many captures have no DNS."""

    @property
    def left_out(self) -> int:
        """Messages, names and addresses for which there was no room."""
        return self._lookups.left_out if self._lookups is not None else 0

    def facts(self, last_time: int) -> DnsFacts:
        """Return everything; ``last_time`` is that of the capture's last packet, ns."""
        return self._lookups.facts(last_time) if self._lookups is not None else DnsFacts()

    def take(self, packet: Packet, data: bytes, frame: int, time: int) -> None:
        """Read a message over UDP; ``packet`` is that of its last fragment, decoded."""
        lookups = self._lookups or self._begin()
        if not lookups.has_room():
            return
        message = self._read(data, lookups)
        if message is None:
            return
        source = address_text(packet.version, packet.source_high, packet.source_low)
        target = address_text(packet.version, packet.target_high, packet.target_low)
        if message.is_response:
            party = DnsParty(target, packet.target_port, source)
        else:
            party = DnsParty(source, packet.source_port, target)
        lookups.note(party, message, frame, time)

    def take_error(self, packet: Packet, frame: int, time: int) -> None:
        """Note an ICMP error to a query over UDP that was read before."""
        if self._lookups is None:
            return
        client = address_text(packet.version, packet.source_high, packet.source_low)
        server = address_text(packet.version, packet.target_high, packet.target_low)
        closed = (packet.icmp_type, packet.icmp_code) == PORT_UNREACHABLE[packet.icmp_version]
        party = DnsParty(client, packet.source_port, server)
        failure: Failure = "port_closed" if closed else "unreachable"
        self._lookups.note_error(party, failure, frame, time)

    def take_story(self, story: Story) -> None:
        """Read the answers that came last on a TCP connection, as far as their bytes were kept."""
        turn = story.turn
        if story.responder.port != PORT or not turn.response_head:
            return
        lookups = self._lookups or self._begin()
        party = DnsParty(story.initiator.address, story.initiator.port, story.responder.address)
        for data in _messages(turn.response_head):
            message = self._read(data, lookups) if lookups.has_room() else None
            if message is not None and message.is_response:
                lookups.note_exchange(
                    party, message, turn.response_frame, turn.request_time, turn.response_time
                )

    def _begin(self) -> Lookups:
        from pcapdiag.incident.lookups import Lookups

        self._lookups = Lookups()
        return self._lookups

    def _read(self, data: bytes, lookups: Lookups) -> DnsMessage | None:
        from pcapdiag.protocols.dns import read_message

        message = read_message(data)
        if message is None:
            lookups.unreadable += 1
        elif message.is_response and message.name:
            for address in message.addresses or ():
                self._names.add(address, message.name, "dns")
        return message


def _messages(data: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(MAX_AT_ONCE):
        size = int.from_bytes(data[at : at + LENGTH], "big")
        if not size or at + LENGTH >= len(data):
            return
        yield data[at + LENGTH : at + LENGTH + size]
        at += LENGTH + size
