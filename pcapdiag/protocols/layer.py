"""One protocol layer of a connection: knows what its ends speak, and hands on what lies inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcapdiag.model.application import Application, Piece
from pcapdiag.model.http import Exchange, HttpFacts
from pcapdiag.protocols.first_bytes import FirstBytes
from pcapdiag.protocols.tls.keylog import KeyLog
from pcapdiag.protocols.tls.numbers import HANDSHAKE
from pcapdiag.protocols.tls.sniff import speaks_tls

if TYPE_CHECKING:
    from pcapdiag.protocols.http.http1 import Http1Reader
    from pcapdiag.protocols.http.http2 import Http2Reader
    from pcapdiag.protocols.tls.reader import TlsReader

MAX_HELD = 64 * 1024
"""Bytes that are held until a protocol is known; the first of them are dropped beyond."""
MAX_DEPTH = 4
"""Layers in each other that are read: TLS in a tunnel in TLS is three."""
H2C = "h2c"


class Layer:
    """Takes pieces in capture order; ``started`` is False where the first ones are missing."""

    def __init__(self, keys: KeyLog | None, started: bool = True, depth: int = 0) -> None:
        self._keys = keys
        self._initiator = FirstBytes(True, started)
        self._responder = FirstBytes(False, started)
        self._started = started
        self._depth = depth
        self._held: list[Piece] = []
        self._held_bytes = 0
        self._dropped = False
        """Pieces were let go unread, so that a reader begins in the middle."""
        self._tls: TlsReader | None = None
        self._http: Http1Reader | Http2Reader | None = None
        self._http1: Http1Reader | None = None
        """The same where it may switch to another protocol."""
        self._stray: Http1Reader | Http2Reader | None = None
        """Reads a responder that speaks HTTP where the initiator does not, or another version."""
        self._earlier: list[HttpFacts] = []
        """What the responder said before the initiator's protocol was found."""
        self._h2c: Http2Reader | None = None
        self._inner: Layer | None = None
        self._is_settled = False
        """Both ends are known to speak the protocol that is read."""

    def feed(self, piece: Piece) -> None:
        """Read the next bytes of an end."""
        if self._is_settled:
            self._read(piece)
            return
        end = self._initiator if piece.from_initiator else self._responder
        end.take(piece)
        if not self._is_read:
            self._hold(piece)
        if self._stray is None:
            self._look_for_stray()
        elif not piece.from_initiator:
            self._stray.feed(piece)
        if self._is_read:
            self._read(piece)
            end.forget()
            ends = self._initiator, self._responder
            same = self._initiator.protocol == self._responder.protocol
            self._is_settled = same and all(one.is_settled for one in ends)
        elif self._leader().is_known:
            self._begin(self._leader())
        elif self._starts_tls(piece):
            self._held = [piece]
            self._begin_tls(started=True)
        elif self._initiator.protocol and self._responder.protocol:
            self._held.clear()
            self._held_bytes = 0
            self._dropped = True

    def finish(self) -> Application:
        """Return what was read in this layer and in those inside it."""
        if not self._is_read and self._stray is None and self._responder.is_known:
            self._begin(self._responder)
        readers = (self._http, self._stray, self._h2c)
        facts = [*self._earlier, *(reader.finish() for reader in readers if reader)]
        application = Application(
            initiator_speaks=self._initiator.protocol,
            responder_speaks=self._responder.protocol,
            proxy_header=self._initiator.proxy_header,
            responder_head=self._responder.head,
            tls=self._tls.finish() if self._tls is not None else None,
            http=_joined(facts),
        )
        if self._inner is not None:
            inner = self._inner.finish()
            _put_inside(application, inner)
            if self._tls is not None:
                application.inside = inner.initiator_speaks or inner.responder_speaks
        return application

    @property
    def _is_read(self) -> bool:
        return self._http is not None or self._tls is not None

    def _starts_tls(self, piece: Piece) -> bool:
        """Return whether a plain protocol's initiator goes on with a ClientHello (STARTTLS)."""
        is_plain = self._initiator.protocol == "other" and piece.from_initiator
        return is_plain and piece.data[:1] == bytes([HANDSHAKE]) and speaks_tls(piece.data)

    def _leader(self) -> FirstBytes:
        """Return the end whose protocol decides how the layer is read."""
        if self._initiator.is_known or self._started:
            return self._initiator
        return self._responder

    def _hold(self, piece: Piece) -> None:
        if not self._started:
            # Readers search for their first message: nothing before this packet helps them.
            self._held = [piece]
            return
        self._held.append(piece)
        self._held_bytes += len(piece.data)
        while self._held_bytes > MAX_HELD:
            self._started = False
            self._held_bytes -= len(self._held.pop(0).data)

    def _begin(self, leader: FirstBytes) -> None:
        if self._stray is not None and leader.protocol == self._responder.protocol:
            self._earlier = [self._stray.finish()]
            self._stray = None
        started = self._started and not self._dropped
        if leader.protocol == "http1":
            self._http = self._http1 = _http1_reader(started)
        elif leader.protocol == "http2":
            self._http = _http2_reader(started)
        else:
            self._begin_tls(started)
            return
        self._read_held()

    def _begin_tls(self, started: bool) -> None:
        from pcapdiag.protocols.tls.reader import TlsReader  # Only here: not all have TLS.

        self._tls = TlsReader(self._keys, started)
        if self._depth < MAX_DEPTH:
            self._inner = Layer(self._keys, started, self._depth + 1)
        self._read_held()

    def _read_held(self) -> None:
        held, self._held = self._held, []
        if self._tls is not None and self._responder.protocol == "other":
            held = _without_greeting(held)
        header = self._initiator.proxy_header
        for piece in _without(held, header.length if header is not None else 0):
            self._read(piece)

    def _read(self, piece: Piece) -> None:
        if self._tls is not None:
            for inside in self._tls.feed(piece):
                if self._inner is not None:
                    self._inner.feed(inside)
        elif self._h2c is not None:
            self._h2c.feed(piece)
        elif self._inner is not None:
            self._inner.feed(piece)
        elif self._http is not None:
            self._http.feed(piece)
            if self._http1 is not None and self._http1.switched:
                self._switch(self._http1)

    def _switch(self, reader: Http1Reader) -> None:
        from pcapdiag.protocols.http.http1 import WEBSOCKET

        if reader.switched == WEBSOCKET:
            return
        if reader.switched == H2C:
            self._h2c = _http2_reader(switched=reader.take_upgraded())
        elif self._depth < MAX_DEPTH:
            self._inner = Layer(self._keys, depth=self._depth + 1)
        for piece in reader.take_rest():
            if self._h2c is not None or self._inner is not None:
                self._read(piece)

    def _look_for_stray(self) -> None:
        responder, initiator = self._responder, self._initiator
        if initiator.protocol in ("", responder.protocol):
            return
        if responder.protocol == "http1":
            self._stray = _http1_reader(responder.started)
        elif responder.protocol == "http2":
            self._stray = _http2_reader(responder.started)
        else:
            return
        said = [piece for piece in self._held if not piece.from_initiator]
        for piece in said if not self._is_read else responder.looked_at():
            self._stray.feed(piece)


def _http1_reader(started: bool) -> Http1Reader:
    # Only here: of most captures without failures in HTTP the first bytes of turns tell enough.
    from pcapdiag.protocols.http.http1 import Http1Reader

    return Http1Reader(started)


def _http2_reader(started: bool = True, switched: Exchange | None = None) -> Http2Reader:
    # Only here: many captures have none.
    from pcapdiag.protocols.http.skimming import SkimmingReader

    return SkimmingReader(started, switched)


def _without_greeting(pieces: list[Piece]) -> list[Piece]:
    """Return pieces without what the responder said before the initiator's first byte.

    NATS greets in the clear, and its client goes on with a ClientHello unasked (docs.nats.io,
    "Client Protocol", INFO's ``tls_required``).
    """
    first = next((at for at, piece in enumerate(pieces) if piece.from_initiator), 0)
    return pieces[first:]


def _without(pieces: list[Piece], length: int) -> list[Piece]:
    """Return pieces without the initiator's first ``length`` bytes."""
    kept = []
    for piece in pieces:
        if piece.from_initiator and length:
            cut = min(length, len(piece.data))
            length -= cut
            piece = Piece(True, piece.frame, piece.time, piece.data[cut:])
        if piece.data or piece.hole:
            kept.append(piece)
    return kept


def _joined(facts: list[HttpFacts]) -> HttpFacts | None:
    """Return the facts of readers that share one count of requests as one."""
    if not facts:
        return None
    return HttpFacts(
        requests=max(each.requests for each in facts),
        exchanges=[exchange for each in facts for exchange in each.exchanges],
        left_out=sum(each.left_out for each in facts),
        http2=next((each.http2 for each in facts if each.http2 is not None), None),
        incomplete=any(each.incomplete for each in facts),
        asked=[one for each in facts for one in each.asked],
    )


def _put_inside(outer: Application, inner: Application) -> None:
    """Add what lay in a tunnel."""
    outer.tls = outer.tls or inner.tls
    outer.inside = inner.inside
    if inner.http is None:
        return
    if outer.http is None:
        outer.http = inner.http
        return
    for exchange in inner.http.exchanges:
        exchange.index += outer.http.requests
    requests = outer.http.requests + inner.http.requests
    outer.http = _joined([outer.http, inner.http])
    if outer.http is not None:
        outer.http.requests = requests
