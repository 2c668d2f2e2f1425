"""What happens on an HTTP/2 connection and belongs to no single stream: SETTINGS, PING, GOAWAY."""

from __future__ import annotations

import msgspec

from pcapdiag.model.ends import side_of
from pcapdiag.model.http import GoAway, Http2Facts, Ping, RstStream
from pcapdiag.model.moment import moment
from pcapdiag.protocols.http.frames import ACK, Frame

MAX_EVENTS = 100
"""RST_STREAM frames, GOAWAY frames and unanswered PINGs that are kept, of each."""
MAX_SETTINGS = 64
"""Different settings of one end that are kept."""
MAX_DEBUG = 200
"""Bytes of GOAWAY's debug data that are kept."""
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 4, 5
"""Settings (RFC 9113 section 6.5.2)."""


class ConnectionEvents:
    """Gathers them into Http2Facts."""

    def __init__(self) -> None:
        self.facts = Http2Facts()
        self._resets: list[RstStream] = []
        self._goaways: list[GoAway] = []
        self._unanswered: dict[tuple[bool, bytes], Ping] = {}
        self._answered: Ping | None = None

    def settings(self, from_initiator: bool, frame: Frame) -> dict[int, int]:
        """Take a SETTINGS frame; return what it sets."""
        if frame.flags & ACK:
            return {}
        facts = self.facts
        kept = facts.settings_initiator if from_initiator else facts.settings_responder
        payload = frame.payload
        found = {
            int.from_bytes(payload[at : at + 2], "big"): int.from_bytes(payload[at + 2 : at + 6])
            for at in range(0, len(payload), 6)
        }
        for setting, size in found.items():
            if setting in kept or len(kept) < MAX_SETTINGS:
                kept[setting] = size
        if not from_initiator and not facts.settings_frame_responder:
            facts.settings_frame_responder = frame.last.frame
        return found

    def ping(self, from_initiator: bool, frame: Frame) -> None:
        """Take a PING or the answer to one."""
        moment = frame.last
        if frame.flags & ACK:
            asked = self._unanswered.pop((not from_initiator, frame.payload), None)
            if asked is not None:
                self._answered = msgspec.structs.replace(
                    asked, ack_frame=moment.frame, ack_time=moment.time
                )
            return
        self.facts.ping_count += 1
        if len(self._unanswered) < MAX_EVENTS:
            ping = Ping(moment.frame, moment.time, from_initiator)
            self._unanswered.setdefault((from_initiator, frame.payload), ping)

    def goaway(self, from_initiator: bool, frame: Frame) -> None:
        """Take a GOAWAY."""
        if len(self._goaways) < MAX_EVENTS:
            payload = frame.payload
            last = int.from_bytes(payload[:4], "big") & 0x7FFFFFFF
            code = int.from_bytes(payload[4:8], "big")
            debug = payload[8 : 8 + MAX_DEBUG].decode("utf-8", "backslashreplace")[:MAX_DEBUG]
            self._goaways.append(
                GoAway(frame.last.frame, frame.last.time, from_initiator, last, code, debug)
            )

    def reset(self, from_initiator: bool, frame: Frame, after_headers: bool) -> None:
        """Take a RST_STREAM."""
        if len(self._resets) < MAX_EVENTS:
            code = int.from_bytes(frame.payload, "big")
            self._resets.append(
                RstStream(*frame.last, from_initiator, frame.stream_id, code, after_headers)
            )

    def problem(self, words: str, frame: int, from_initiator: bool) -> None:
        """Take what broke the protocol; the first counts."""
        if words and not self.facts.problem:
            self.facts.problem = words
            self.facts.problem_frame = frame
            self.facts.problem_by = side_of(from_initiator)

    def finish(self) -> Http2Facts:
        """Return everything that was gathered."""
        pings = list(self._unanswered.values())
        if self._answered is not None:
            pings.append(self._answered)
        self.facts.pings = tuple(sorted(pings, key=moment))
        self.facts.rst_streams = tuple(self._resets)
        self.facts.goaways = tuple(self._goaways)
        return self.facts
