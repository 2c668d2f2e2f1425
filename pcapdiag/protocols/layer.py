"""One protocol layer of a connection: knows what its ends speak, and hands on what lies inside."""

from __future__ import annotations

from typing import Protocol as Interface

from pcapdiag.model.application import Application, Piece
from pcapdiag.model.http import HttpFacts
from pcapdiag.protocols.first_bytes import FirstBytes
from pcapdiag.protocols.http.http1 import Http1Reader


class HttpReader(Interface):
    """What the readers of both HTTP versions have in common."""

    def feed(self, piece: Piece) -> None:
        """Read the next bytes of an end."""

    def finish(self) -> HttpFacts:
        """Return everything that was read."""


class Layer:
    """Takes pieces in the order of the capture."""

    def __init__(self) -> None:
        self._initiator = FirstBytes(from_initiator=True)
        self._responder = FirstBytes(from_initiator=False)
        self._http: HttpReader | None = None

    def feed(self, piece: Piece) -> None:
        """Read the next bytes of an end."""
        end = self._initiator if piece.from_initiator else self._responder
        end.take(piece)
        if self._http is not None:
            self._http.feed(piece)
        elif self._initiator.protocol == "http1":
            self._begin(self._initiator)

    def finish(self) -> Application:
        """Return what was read in this layer and in those inside it."""
        if self._http is None and self._responder.protocol == "http1":
            self._begin(self._responder)
        return Application(
            initiator_speaks=self._initiator.protocol,
            responder_speaks=self._responder.protocol,
            proxy_header=self._initiator.proxy_header,
            responder_head=self._responder.head,
            http=self._http.finish() if self._http is not None else None,
        )

    def _begin(self, known: FirstBytes) -> None:
        self._http = Http1Reader(started=not known.in_the_middle)
        held = [*self._initiator.held(), *self._responder.held()]
        for piece in sorted(held, key=lambda piece: (piece.time, piece.frame)):
            self._http.feed(piece)
