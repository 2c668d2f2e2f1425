"""From the bytes that the tracker kept of a connection to what the protocols above TCP showed."""

from __future__ import annotations

from pcapdiag.flow.lanes import end_waiting
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.application import Application, Piece
from pcapdiag.protocols.conversation import Conversation


class Readers:
    """Reads connections: streamed ones while they go on, the others when their story is told."""

    def __init__(self, tracker: Tracker) -> None:
        tracker.lanes.hand_on = self._take

    def application(self, flow: Flow) -> Application | None:
        """Return what was read of a connection that has ended; None where nothing was kept."""
        if flow.reading is None and flow.a.lane is None and flow.b.lane is None:
            return None
        for half in (flow.a, flow.b):
            if half.lane is not None:
                end_waiting(half.lane)
        self._take(flow)
        conversation = flow.reading
        assert isinstance(conversation, Conversation)
        return conversation.finish()

    def _take(self, flow: Flow) -> None:
        if flow.reading is None:
            flow.reading = Conversation()
        conversation = flow.reading
        assert isinstance(conversation, Conversation)
        for piece in _pieces(flow):
            conversation.feed(piece)
        conversation.settle()


def _pieces(flow: Flow) -> list[Piece]:
    """Take the bytes of both ends off their lanes, in capture order."""
    initiator, responder = (flow.a, flow.b) if flow.a_opened else (flow.b, flow.a)
    pieces = [*_of_half(initiator, True), *_of_half(responder, False)]
    pieces.sort(key=lambda piece: (piece.time, piece.frame))
    return pieces


def _of_half(half: HalfFlow, from_initiator: bool) -> list[Piece]:
    lane = half.lane
    if lane is None:
        return []
    rows, lane.pieces = lane.pieces, []
    return [Piece(from_initiator, frame, time, data, hole) for frame, time, hole, data in rows]
