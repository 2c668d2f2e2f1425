# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""An HTTP/2 stream that is skimmed over: whether it goes well so far, and its frames."""

from __future__ import annotations

from pcapdiag.model.application import Piece
from pcapdiag.protocols.http.field_kinds import GRPC, HAS_NO_BODY
from pcapdiag.protocols.http.field_scan import UNKNOWN, Entry, FieldScan
from pcapdiag.protocols.http.streams import NO_BODY

OVERHEAD = 100
"""Bytes that a held frame takes besides its own, about."""
UNTOLD = 0
"""Status of an answer whose fields cannot be told."""
RESPONDER, INITIATOR = 1, 2
"""Bits of the ends that have ended a stream."""

# Twins in C of constants that plain Python imports.
_GRPC = GRPC
_UNKNOWN = UNKNOWN
_OVERHEAD = OVERHEAD
_UNTOLD = UNTOLD
_RESPONDER = RESPONDER
_INITIATOR = INITIATOR


class SkimmedStream:
    """A stream opened by a request whose fields ``scan`` has just scanned; None: they are not told.

    ``index`` is how many requests came before it. The windows say how many bytes of bodies each end
    may send on it.
    """

    def __init__(
        self, stream: int, index: int, scan: FieldScan | None, responder_window: int,
        initiator_window: int,
    ) -> None:  # fmt: skip
        self.stream = stream
        self.index = index
        self.fields: list[Entry] = []
        """Of the request."""
        self.status = UNKNOWN
        self.frames: list[tuple[int, list[Piece]]] = []
        """Each with its place in the order of all."""
        self.held = 0
        """Bytes that they take, about."""
        self._responder_sent = 0
        self._initiator_sent = 0
        self._responder_window = responder_window
        self._initiator_window = initiator_window
        self._ended = 0
        self._expected = UNKNOWN
        self._is_grpc = 0
        self._grpc_status = UNKNOWN
        self._has_body = 1
        if scan is not None:
            self.fields = scan.fields
            self._is_grpc = 1 if scan.type == GRPC else 0
            self._has_body = 0 if scan.method == HAS_NO_BODY else 1

    def hold(self, order: int, frame: list[Piece]) -> None:
        """Keep a frame."""
        self.frames.append((order, frame))
        self.held += _OVERHEAD
        for piece in frame:
            self.held += len(piece.data)

    def sent(self, from_initiator: int) -> int:
        """Return how many bytes of bodies an end sent in the frames that are held."""
        return self._initiator_sent if from_initiator else self._responder_sent

    def open_window(self, from_initiator: int, increment: int) -> None:
        """Take a WINDOW_UPDATE of one end, which lets the other one send more."""
        if from_initiator:
            self._responder_window += increment
        else:
            self._initiator_window += increment

    def send(self, from_initiator: int, length: int) -> int:
        """Take bytes of a body; return 0 where they are not in order, or use up the window."""
        if from_initiator:
            if self._ended & _INITIATOR or self._initiator_window <= length:
                return 0
            self._initiator_window -= length
            self._initiator_sent += length
            return 1
        if self._ended & _RESPONDER or self._responder_window <= length:
            return 0
        if self.status == _UNKNOWN:
            return 0
        self._responder_window -= length
        self._responder_sent += length
        return 1

    def take(self, from_initiator: int, scan: FieldScan | None) -> int:
        """Take the headers of an answer, or trailers; return 0 where something is odd."""
        if self._ended & (_INITIATOR if from_initiator else _RESPONDER):
            return 0
        if scan is None:
            if not from_initiator:
                self.status = _UNTOLD
            return 1
        if scan.is_odd:
            return 0
        if from_initiator:
            return 1
        if self.status == _UNKNOWN:
            self.status = scan.status
            self._expected = scan.length
            if scan.status in NO_BODY:
                self._has_body = 0
        if scan.grpc_status != _UNKNOWN:
            self._grpc_status = scan.grpc_status
        return 0 if self.status == _UNKNOWN else 1

    def end(self, from_initiator: int) -> int:
        """Note that an end has ended the stream; return whether both have."""
        self._ended |= _INITIATOR if from_initiator else _RESPONDER
        return 1 if self._ended == _INITIATOR | _RESPONDER else 0

    def went_well(self) -> int:
        """Return whether its answer is complete and in order."""
        if self.status == _UNKNOWN or (self._is_grpc and self._grpc_status != 0):
            return 0
        if self._expected < 0 or not self._has_body:
            return 1
        return 1 if self._expected == self._responder_sent else 0
