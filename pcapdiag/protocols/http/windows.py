"""HTTP/2 flow control of one sender (RFC 9113 sections 5.2 and 6.9): when a window stopped it."""

from __future__ import annotations

from pcapdiag.model.http import Stall
from pcapdiag.protocols.packet_buffer import Moment

DEFAULT_WINDOW = 65_535
"""Both windows before SETTINGS or WINDOW_UPDATE (RFC 9113 section 6.9.2)."""
SHORTEST_STALL = 900_000_000
"""Nanoseconds for which a window must stay shut to be told of; shorter ones are everyday."""
MAX_STALLS = 50
CONNECTION = 0
"""Stands for the connection's window among the streams'."""


class SendWindows:
    """The windows that limit what one end sends."""

    def __init__(self, from_initiator: bool) -> None:
        self._from_initiator = from_initiator
        self._initial = DEFAULT_WINDOW
        self._windows = {CONNECTION: DEFAULT_WINDOW}
        self._shut: dict[int, Moment] = {}
        self._stalls: list[Stall] = []
        self._known = True

    @property
    def initial(self) -> int:
        """What a stream that is opened begins with."""
        return self._initial

    @property
    def connection(self) -> int:
        """The connection's window: bytes that may still be sent on all streams together."""
        return self._windows[CONNECTION]

    def set_connection(self, size: int) -> None:
        """Say what the connection's window is, of which not all was seen here."""
        self._windows[CONNECTION] = size

    def lose(self) -> None:
        """Frames were missed: windows are not known any more."""
        self._known = False
        self._shut.clear()

    def follow(self, stream_id: int) -> None:
        """Begin to follow a stream."""
        self._windows.setdefault(stream_id, self._initial)

    def close(self, stream_id: int, moment: Moment, is_reset: bool) -> None:
        """Stop following a stream; one that is reset while its window is shut never was opened."""
        if stream_id != CONNECTION:
            self._windows.pop(stream_id, None)
        shut = self._shut.pop(stream_id, None)
        if shut is not None and is_reset and moment.time - shut.time >= SHORTEST_STALL:
            self._note(stream_id, shut, 0)

    def ends(self, stream_id: int) -> None:
        """The sender has no more to send on a stream (or, for CONNECTION, on any)."""
        self._shut.pop(stream_id, None)

    def is_shut(self) -> bool:
        """Return whether the connection's window has stopped the sender."""
        return CONNECTION in self._shut

    def sent(self, stream_id: int, length: int, moment: Moment) -> None:
        """Count a DATA frame against the stream's window and the connection's."""
        for window in (CONNECTION, stream_id):
            if window in self._windows:
                self._windows[window] -= length
                if length and self._windows[window] <= 0 and self._known:
                    self._shut.setdefault(window, moment)

    def update(self, stream_id: int, increment: int, moment: Moment) -> None:
        """Count a WINDOW_UPDATE by the other end."""
        if stream_id in self._windows:
            self._windows[stream_id] += increment
            self._reopen(stream_id, moment)

    def set_initial(self, size: int, moment: Moment) -> None:
        """Apply the other end's SETTINGS_INITIAL_WINDOW_SIZE, to open streams too (6.9.2)."""
        change = size - self._initial
        self._initial = size
        for stream_id in self._windows:
            if stream_id != CONNECTION:
                self._windows[stream_id] += change
                self._reopen(stream_id, moment)

    def stalls(self) -> list[Stall]:
        """Return the stalls of some length, and those that lasted to the end."""
        open_ones = [self._stall(stream_id, shut, 0) for stream_id, shut in self._shut.items()]
        return [*self._stalls, *open_ones][:MAX_STALLS]

    def _reopen(self, stream_id: int, moment: Moment) -> None:
        if self._windows[stream_id] > 0 and stream_id in self._shut:
            shut = self._shut.pop(stream_id)
            if moment.time - shut.time >= SHORTEST_STALL:
                self._note(stream_id, shut, moment.time)

    def _note(self, stream_id: int, shut: Moment, until: int) -> None:
        if len(self._stalls) < MAX_STALLS:
            self._stalls.append(self._stall(stream_id, shut, until))

    def _stall(self, stream_id: int, shut: Moment, until: int) -> Stall:
        return Stall(shut.frame, shut.time, self._from_initiator, stream_id, until)
