"""Everything above TCP of one connection: which protocols its ends speak, and what they said.

Protocols lie in each other: a PROXY header before anything, TLS around HTTP, HTTP/1 that switches
to HTTP/2 or to a tunnel with TLS in it. Each is a :class:`Layer`; what one takes off goes to the
next.
"""

from __future__ import annotations

from pcapdiag.model.application import Application, Piece
from pcapdiag.protocols.capture_order import CaptureOrder
from pcapdiag.protocols.layer import Layer
from pcapdiag.protocols.tls.keylog import KeyLog


class Conversation:
    """Takes the pieces of a connection's ends and gives what they tell.

    One end's pieces must come in order; those of the two ends may come up to MAX_HELD bytes out of
    the capture's order (capture_order.py). :meth:`settle`, called when both were fed up to the same
    time, frees what is held. ``started`` is False where the capture begins within the connection.
    Nothing here raises, whatever the bytes are.
    """

    def __init__(self, keys: KeyLog | None = None, started: bool = True) -> None:
        self._order = CaptureOrder()
        self._outer = Layer(keys, started)
        self._application: Application | None = None

    def feed(self, piece: Piece) -> None:
        """Read the next bytes of an end."""
        for ready in self._order.add(piece):
            self._outer.feed(ready)

    def settle(self) -> None:
        """Say that both ends were fed up to the same time: nothing needs to be held back."""
        for piece in self._order.rest():
            self._outer.feed(piece)

    def finish(self) -> Application:
        """Return everything that was read, also when asked again; no piece may follow."""
        if self._application is None:
            self.settle()
            self._application = self._outer.finish()
        return self._application
