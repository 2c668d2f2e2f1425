"""Everything above TCP of one connection: which protocols its ends speak, and what they said.

Protocols lie in each other: a PROXY header before anything, TLS around HTTP, HTTP/1 that switches
to HTTP/2 or to a tunnel with TLS in it. Each is a :class:`Layer`; what one takes off goes to the
next.
"""

from __future__ import annotations

from pcapdiag.model.application import Application, Piece
from pcapdiag.protocols.layer import Layer
from pcapdiag.protocols.tls.keylog import KeyLog


class Conversation:
    """Takes the pieces of both ends, in the order of the capture, and gives what they tell.

    ``started`` is False where the capture begins within the connection. Nothing here raises,
    whatever the bytes are.
    """

    def __init__(self, keys: KeyLog | None = None, started: bool = True) -> None:
        self._outer = Layer(keys, started)
        self._application: Application | None = None

    def feed(self, piece: Piece) -> None:
        """Read the next bytes of an end."""
        self._outer.feed(piece)

    def finish(self) -> Application:
        """Return everything that was read, also when asked again; no piece may follow."""
        if self._application is None:
            self._application = self._outer.finish()
        return self._application
