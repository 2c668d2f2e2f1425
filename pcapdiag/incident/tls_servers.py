"""What each TLS server took and refused, over the connections whose handshake was read.

One connection cannot show whether its server name, version or cipher was the difference: others to
the same address and port can. A healthy connection that nobody looks at is not counted here.
"""

from __future__ import annotations

from typing import TypeVar

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.tls_state import tls_facts
from pcapdiag.model.bounded import entry
from pcapdiag.model.context import TlsServerFacts
from pcapdiag.model.story import Story
from pcapdiag.model.tls import ServerHello, TlsFacts

MAX_SERVERS = 4_096
MAX_NAMES = 64
"""Server names kept of one server."""
MAX_LEAVES = 4
"""Certificates kept of one name of a server: one, and those that it was replaced by."""
MAX_VALUES = 16
"""Versions, ciphers, groups or protocols kept of one server."""

_K = TypeVar("_K")


class TlsServers:
    """A bounded table by address and port; ``left_out`` counts what found no room."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, int], TlsServerFacts] = {}
        self.left_out = 0

    def note(self, story: Story) -> None:
        """Take up what a connection that ended says of its server."""
        facts = tls_facts(story)
        if facts is None or facts.client_hello is None:
            return
        key = story.responder.address, story.responder.port
        server = entry(self._servers, key, MAX_SERVERS, TlsServerFacts)
        if server is None:
            self.left_out += 1
            return
        name = facts.client_hello.sni or ""
        if facts.server_hello is not None:
            self._took(server, facts, facts.server_hello, name)
        elif _refused_by_server(story, facts):
            self._count(server.names_refused, name, MAX_NAMES)
            if name in server.names_refused:
                before = server.first_refused.get(name, story.end)
                server.first_refused[name] = min(before, facts.client_hello.time)

    def get(self, address: str, port: int) -> TlsServerFacts | None:
        """Return what is known of a server, if it is one."""
        return self._servers.get((address, port))

    def _took(
        self, server: TlsServerFacts, facts: TlsFacts, answer: ServerHello, name: str
    ) -> None:
        server.last_accepted = max(server.last_accepted, answer.time)
        self._count(server.names_accepted, name, MAX_NAMES)
        self._count(server.versions, answer.version, MAX_VALUES)
        self._count(server.ciphers, answer.cipher, MAX_VALUES)
        if answer.group is not None:
            self._count(server.groups, answer.group, MAX_VALUES)
        if answer.alpn is not None:
            self._count(server.alpn, answer.alpn, MAX_VALUES)
        if facts.established:
            server.accepted += 1
            if facts.client_data:
                self._count(server.names_used, name, MAX_NAMES)
                self._used(server, facts, name)

    def _used(self, server: TlsServerFacts, facts: TlsFacts, name: str) -> None:
        flight = facts.server_certificates
        if flight is None or not flight.certificates or name not in server.names_used:
            return
        leaves = server.leaves_used.setdefault(name, [])
        if flight.certificates[0] not in leaves and len(leaves) < MAX_LEAVES:
            leaves.append(flight.certificates[0])

    def _count(self, table: dict[_K, int], key: _K, most: int) -> None:
        if key in table or len(table) < most:
            table[key] = table.get(key, 0) + 1
        else:
            self.left_out += 1


def _refused_by_server(story: Story, facts: TlsFacts) -> bool:
    """Return whether the server answered the ClientHello by an alert, a FIN or a RST."""
    if any(not alert.from_initiator for alert in facts.alerts):
        return True
    end = ending(story)
    return end is not None and not end.by_initiator
