"""From the bytes that the tracker kept of a connection to what the protocols above TCP showed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pcapdiag.diagnose.unanswered import WEBSOCKET_CLOSE, in_a_websocket
from pcapdiag.flow.lanes import Lanes
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.application import Application, Piece
from pcapdiag.model.http import Exchange, HttpFacts
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import seq_distance
from pcapdiag.model.story import Story, Turn
from pcapdiag.protocols.tls.keylog import KeyLog

if TYPE_CHECKING:
    from pcapdiag.protocols.conversation import Conversation


class Readers:
    """Reads connections: streamed ones while they go on, the others when their story is told."""

    def __init__(self, tracker: Tracker, keys: KeyLog) -> None:
        self._keys = keys
        self._lanes = tracker.lanes
        self._lanes.hand_on = self._take

    def application(self, flow: Flow, story: Story) -> Application | None:
        """Return what was read of a connection that has ended; None where nothing was kept."""
        if flow.reading is None and flow.a.lane is None and flow.b.lane is None:
            return _from_turns(story)
        unread = 0
        for half in (flow.a, flow.b):
            if half.lane is not None:
                self._lanes.end_waiting(half.lane)
                sent = story.half((half is flow.a) == bool(flow.a_opened)).data_end
                unread += seq_distance(sent, half.lane.next_seq) > 0
        self._take(flow)
        application = self._conversation(flow).finish()
        if application.tls is not None:
            # Of an end that said more than a transcript holds, at least one.
            application.tls.records_left_out += unread
        cut = story.initiator.truncated or story.responder.truncated
        if cut and application.http is not None:
            # Readers learn of a hole by the bytes behind it, and there may be none.
            application.http.incomplete = True
        # Some 17 kB; what is open when a capture ends is held until the last one is judged.
        flow.reading = None
        return application

    def _take(self, flow: Flow) -> None:
        conversation = self._conversation(flow)
        for piece in _pieces(self._lanes, flow):
            conversation.feed(piece)

    def _conversation(self, flow: Flow) -> Conversation:
        # Only here: many captures have none whose bytes are read.
        from pcapdiag.protocols.conversation import Conversation

        if not isinstance(flow.reading, Conversation):
            keys = self._keys if self._keys else None
            flow.reading = Conversation(keys, started=not flow.midstream)
        return flow.reading


def _pieces(lanes: Lanes, flow: Flow) -> list[Piece]:
    """Take the bytes of both ends off their lanes, in capture order."""
    initiator, responder = (flow.a, flow.b) if flow.a_opened else (flow.b, flow.a)
    pieces = [*_of_half(lanes, initiator, True), *_of_half(lanes, responder, False)]
    pieces.sort(key=moment)
    return pieces


def _of_half(lanes: Lanes, half: HalfFlow, from_initiator: bool) -> list[Piece]:
    """Take an end's bytes in their order.

    Those that overtook others are taken with the packet that brought what was missing before them,
    as TCP hands them on (RFC 9293 section 3.10.7.4).
    """
    lane = half.lane
    if lane is None:
        return []
    pieces = []
    last = (0, 0)
    for frame, time, hole, data in lanes.take_pieces(lane):
        last = max(last, (time, frame))
        pieces.append(Piece(from_initiator, last[1], last[0], data, hole))
    return pieces


def _opened_websocket(story: Story) -> Iterator[Exchange]:
    """Yield the exchange that opened a WebSocket on which messages have passed since."""
    from pcapdiag.protocols.http.from_turn import exchange_from_turn  # Only here: as above.

    asked, answered = story.initiator, story.responder
    exchange = exchange_from_turn(
        Turn(
            index=1,
            request_head=story.hello_initiator,
            request_frame=asked.first_data_frame,
            request_time=asked.first_data_time,
            request_bytes=len(story.hello_initiator),
            response_head=story.hello_responder,
            response_frame=answered.first_data_frame,
            response_time=answered.first_data_time,
            response_bytes=len(story.hello_responder),
        )
    )
    if exchange is not None:
        yield exchange


def _says_close(turn: Turn) -> bool:
    """Return whether a WebSocket's last messages may be one that closes it."""
    ends = turn.request_head[:1], turn.response_head[:1], turn.response_tail[:-1]
    return any(WEBSOCKET_CLOSE in end for end in ends)


def _from_turns(story: Story) -> Application | None:
    """Return what the first bytes of HTTP/1 turns tell; None where it is no HTTP/1."""
    turns = (*story.noted_turns, story.turn)
    if not any(turn.request_head or turn.response_head for turn in turns):
        return None
    from pcapdiag.protocols.http.from_turn import exchange_from_turn  # Only here: as above.

    found = [one for one in map(exchange_from_turn, turns) if one is not None]
    if in_a_websocket(story):
        if not any(one.upgrade for one in found):
            found[:0] = _opened_websocket(story)
        for one in found:
            one.websocket_close |= bool(one.upgrade) and _says_close(story.turn)
    if not found:
        return None
    asked = any(exchange.method for exchange in found)
    answered = any(exchange.status for exchange in found)
    return Application(
        initiator_speaks="http1" if asked else "other" if story.turn.index else "",
        responder_speaks="http1" if answered else "other" if story.turn.response_bytes else "",
        responder_head=story.turn.response_head[:64],
        http=HttpFacts(
            requests=story.turn.index,
            exchanges=found,
        ),
    )
