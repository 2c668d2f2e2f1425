"""HTTP/2 servers and clients of a few lines, for what the big programs do not do on purpose."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from failurelab.behaviours import Handler
from failurelab.connections import Connection

Headers = list[tuple[str, str]]
DataReceived = h2.events.DataReceived
SettingsAcknowledged = h2.events.SettingsAcknowledged
StreamEnded = h2.events.StreamEnded
StreamReset = h2.events.StreamReset


class Session:
    """One HTTP/2 connection, as a client or (by default) as a server."""

    def __init__(
        self,
        connection: Connection,
        *,
        client: bool = False,
        settings: dict[int, int] | None = None,
    ) -> None:
        self.connection = connection
        self.grants = True
        """Whether received data is given back as window."""
        config = h2.config.H2Configuration(
            client_side=client,
            header_encoding="utf-8",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        if settings:
            self.h2.local_settings = h2.settings.Settings(client, _codes(settings))
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what is due."""
        data = self.h2.data_to_send()
        if data:
            self.connection.send(data)

    def send_raw(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Send a frame that the library would not send."""
        self.flush()
        head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
        self.connection.send(head + payload)

    def events(self, timeout: float = 6) -> Iterator[h2.events.Event]:
        """What the other side does, until it closes or says nothing for so long."""
        while data := self.connection.receive(timeout=timeout):
            try:
                happened = self.h2.receive_data(data)
            except h2.exceptions.ProtocolError:
                self.flush()
                return
            for event in happened:
                if isinstance(event, h2.events.DataReceived) and self.grants:
                    self._grant(event)
                self.flush()
                yield event

    def _grant(self, event: h2.events.DataReceived) -> None:
        if event.flow_controlled_length and event.stream_id is not None:
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def wait(self, *kinds: type[h2.events.Event], timeout: float = 6) -> h2.events.Event | None:
        """The next event of one of these kinds, None when there is none in time."""
        for event in self.events(timeout):
            if isinstance(event, kinds):
                return event
        return None

    def request(
        self, path: str = "/", method: str = "GET", *, end: bool = True, hold: bool = False
    ) -> int:
        """Open a stream with a request; its number. With `hold` it is sent with the next one."""
        stream = self.h2.get_next_available_stream_id()
        headers = [(":method", method), (":scheme", "http"), (":path", path)]
        headers.append((":authority", "shop.example"))
        self.h2.send_headers(stream, headers, end_stream=end)
        if not hold:
            self.flush()
        return stream

    def respond(
        self, stream: int, body: bytes = b"fine\n", *, more: Headers | None = None, end: bool = True
    ) -> None:
        """Answer a stream with 200."""
        headers = [(":status", "200"), ("content-type", "text/plain"), *(more or [])]
        self.h2.send_headers(stream, headers)
        self.h2.send_data(stream, body, end_stream=end)
        self.flush()

    def reset(self, stream: int, code: int) -> None:
        """RST_STREAM."""
        self.h2.reset_stream(stream, code)
        self.flush()

    def goaway(self, code: int, last: int, text: bytes = b"") -> None:
        """GOAWAY; the library goes on afterwards."""
        payload = last.to_bytes(4, "big") + code.to_bytes(4, "big") + text
        self.send_raw(7, 0, 0, payload)


def _codes(settings: dict[int, int]) -> dict[h2.settings.SettingCodes, int]:
    return {h2.settings.SettingCodes(code): value for code, value in settings.items()}


OnRequest = Callable[[Session, int], None]


def server(on_request: OnRequest, settings: dict[int, int] | None = None) -> Handler:
    """A handler for `Host.serve`: calls this with each stream whose request's headers came."""

    def handle(connection: Connection) -> None:
        session = Session(connection, settings=settings)
        for event in session.events(60):
            if isinstance(event, h2.events.RequestReceived) and event.stream_id is not None:
                on_request(session, event.stream_id)
        connection.close()

    return handle
