"""A TLS connection out of the pieces of a TCP stream: SSL 3.0 to TLS 1.3, with keys or without.

Each end's records are read in order; where what they mean depends on the other end's hello they
wait for it, so that the order in which the two ends' pieces come makes no difference.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pcapdiag.model.application import Piece
from pcapdiag.model.tls import KeyState, Record, TlsFacts
from pcapdiag.protocols.tls.epochs import Epochs, Opened, derive
from pcapdiag.protocols.tls.handshake import HandshakeMessage
from pcapdiag.protocols.tls.limits import (
    MAX_FAILURES,
    MAX_HELD,
    MAX_HELD_BYTES,
)
from pcapdiag.protocols.tls.numbers import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    CLIENT_HELLO,
    END_OF_EARLY_DATA,
    FINISHED,
    HANDSHAKE,
    HEADER,
    KEY_UPDATE,
    SERVER_HELLO,
)
from pcapdiag.protocols.tls.records import RawRecord
from pcapdiag.protocols.tls.side import Side
from pcapdiag.protocols.tls.summary import facts
from pcapdiag.protocols.tls.talk import Talk

if TYPE_CHECKING:
    from pcapdiag.protocols.tls.keylog import KeyLog

_CLEAR_ALERT = 2
_CHANGE = 1
"""Bytes of an alert and of a change_cipher_spec that are not encrypted."""


class TlsReader:
    """Reads one connection.

    The initiator is the client. Any bytes may come; nothing raises. ``started`` is False where the
    capture began within the connection: then each end's first record is searched for.
    """

    def __init__(self, keys: KeyLog | None = None, started: bool = True) -> None:
        self._keys = keys or None
        self._started = started
        self._client = Side(True, self._keys is not None, started)
        self._server = Side(False, self._keys is not None, started)
        self._talk = Talk()
        self._key_state: KeyState = "none"
        self._waits = True

    def feed(self, piece: Piece) -> list[Piece]:
        """Take the next bytes of an end; give what was decrypted of application data.

        A given piece has frame and time of the packet that completed its record, and in ``hole``
        about how many bytes of application data before it could not be decrypted.
        """
        side = self._client if piece.from_initiator else self._server
        for record in side.reader.feed(piece):
            side.enqueue(record)
        return list(self._advance())

    def finish(self) -> TlsFacts:
        """Give what is known by now; more pieces may follow."""
        sides = (self._client, self._server)
        if all(side.reader.is_idle and not side.queue for side in sides):
            if all(side.clear.is_idle for side in sides):
                return self._facts()
        ended = copy.deepcopy(self, {id(self._keys): self._keys})
        ended._end()
        return ended._facts()

    def _facts(self) -> TlsFacts:
        found = facts(self._talk, self._client, self._server, self._key_state)
        found.started = found.started and (self._started or found.client_hello is not None)
        return found

    def _end(self) -> None:
        """Read what waits as far as it can be understood."""
        for side in (self._client, self._server):
            for record in side.reader.finish():
                side.enqueue(record)
        self._waits = False
        for _ in self._advance():
            pass
        for side in (self._client, self._server):
            part = side.reader.rest()
            if part is not None and part.type == HANDSHAKE and not self._is_encrypted(side, part):
                self._clear_handshake(side, part)
            for message in side.clear.cut_off():
                self._talk.add(side.is_initiator, message)

    def _advance(self) -> Iterator[Piece]:
        """Read the records that need not wait, of both ends in turn."""
        has_moved = True
        while has_moved:
            has_moved = False
            for side in (self._client, self._server):
                while side.queue and not self._must_wait(side):
                    has_moved = True
                    yield from self._take(side, side.dequeue())

    def _must_wait(self, side: Side) -> bool:
        """True when a hello of the other end, not read yet, says what the next record is."""
        if not self._waits:
            return False
        held = (self._client, self._server)
        if sum(len(each.queue) for each in held) > MAX_HELD or (
            sum(each.queued_bytes for each in held) > MAX_HELD_BYTES
        ):
            self._waits = False
            # What is read now could have been opened with the hello that did not come.
            self._talk.has_left_out = self._talk.has_left_out or self._keys is not None
            return False
        record = side.queue[0]
        if record.type == CHANGE_CIPHER_SPEC:
            return self._keys is not None and self._is_alone(side)
        is_sealed = record.type == APPLICATION_DATA or side.has_changed_cipher
        if side.is_initiator:
            has_hello = self._talk.server_hello is not None
            is_second = self._talk.retry is not None and self._talk.second_hello is None
            return is_sealed and not has_hello and not (is_second and record.type == HANDSHAKE)
        return is_sealed and self._keys is not None and self._talk.client_hello is None

    def _is_alone(self, side: Side) -> bool:
        """True when this end's hello of the handshake was read, and the other's was not."""
        hellos = self._talk.new_client, self._talk.new_server
        mine, other = hellos if side.is_initiator else hellos[::-1]
        return mine is not None and other is None

    def _take(self, side: Side, record: RawRecord) -> Iterator[Piece]:
        if record.gap:
            self._hole(side, record)
        encrypted = self._is_encrypted(side, record)
        if encrypted and not side.has_changed_cipher:
            # In TLS 1.2 it was lost in a hole.
            self._change_cipher(side)
        opened = side.epochs.open(record) if encrypted and side.epochs else None
        if not record.is_ssl2:
            side.keep(
                Record(
                    frame=record.frame,
                    time=record.time,
                    from_initiator=side.is_initiator,
                    type=record.type,
                    length=record.length,
                    inner_type=opened.type if opened else None,
                    encrypted=encrypted,
                )
            )
        if opened is not None:
            yield from self._opened(side, record, opened)
        elif encrypted:
            self._sealed(side, record)
        else:
            self._clear(side, record)

    def _hole(self, side: Side, record: RawRecord) -> None:
        side.lost += record.gap
        for message in (*side.clear.cut_off(), *side.inner.cut_off()):
            self._message(side, message)

    def _is_encrypted(self, side: Side, record: RawRecord) -> bool:
        if record.type == CHANGE_CIPHER_SPEC:
            return record.length > _CHANGE
        if self._talk.is_tls13 or record.type == APPLICATION_DATA:
            return record.type == APPLICATION_DATA
        if record.type == ALERT and record.length == _CLEAR_ALERT:
            return False
        if not side.has_changed_cipher:
            return False
        return self._talk.server_hello is not None or not _looks_like_hello(record)

    def _clear(self, side: Side, record: RawRecord) -> None:
        if record.type == CHANGE_CIPHER_SPEC:
            self._change_cipher(side)
        elif record.type == ALERT:
            side.alert(record.frame, record.time, record.fragment)
        elif record.type == HANDSHAKE:
            self._clear_handshake(side, record)

    def _clear_handshake(self, side: Side, record: RawRecord) -> None:
        if record.is_ssl2:
            self._message(side, _ssl2_message(record))
            return
        try:
            for message in side.clear.add(record, record.fragment):
                self._message(side, message)
        except ValueError as error:
            # Behind a hole it is an encrypted one whose change_cipher_spec was lost.
            if not side.reader.has_holes:
                side.problem = side.problem or f"{error} ({side.name})"

    def _sealed(self, side: Side, record: RawRecord) -> None:
        """Take an encrypted record that stays so."""
        side.lost += HEADER + record.length
        if self._talk.is_tls13:
            self._give_up(side)
            return
        if record.type == HANDSHAKE and side.sealed_finished is None:
            side.sealed_finished = side.records[-1]
        elif record.type == ALERT:
            side.alert(record.frame, record.time, None)
        elif record.type == APPLICATION_DATA:
            # Without a ServerHello this may be the hidden handshake of TLS 1.3.
            is_sure = self._talk.server_hello is not None or side.sealed_finished is not None
            side.data += is_sure
            side.unsure_data += not is_sure
        self._give_up(side)

    def _give_up(self, side: Side) -> None:
        if side.epochs is None or not side.epochs.are_useless:
            return
        if not (self._client.has_opened or self._server.has_opened):
            self._key_state = "wrong secret"
        side.epochs = None

    def _opened(self, side: Side, record: RawRecord, opened: Opened) -> Iterator[Piece]:
        self._key_state = "decrypted"
        side.has_opened = True
        if opened.type == HANDSHAKE:
            try:
                for message in side.inner.add(record, opened.content):
                    self._message(side, message)
            except ValueError as error:
                if not side.reader.has_holes:
                    side.problem = side.problem or f"{error} ({side.name})"
        elif opened.type == ALERT:
            side.alert(record.frame, record.time, opened.content)
        elif opened.type == CHANGE_CIPHER_SPEC:
            self._change_cipher(side)
        elif opened.type == APPLICATION_DATA:
            yield self._data(side, record, opened)

    def _data(self, side: Side, record: RawRecord, opened: Opened) -> Piece:
        overhead = HEADER + record.length - len(opened.content)
        hole = max(side.lost - opened.skipped * overhead, 1) if opened.skipped else 0
        side.lost = 0
        side.data += not opened.is_early
        return Piece(side.is_initiator, record.frame, record.time, opened.content, hole)

    def _change_cipher(self, side: Side) -> None:
        if not self._talk.is_tls13 and side.epochs is not None:
            side.epochs.change_cipher()
        side.has_changed_cipher = True

    def _message(self, side: Side, message: HandshakeMessage) -> None:
        self._talk.add(side.is_initiator, message)
        if message.encrypted and side.epochs is not None:
            if message.type in (FINISHED, END_OF_EARLY_DATA) and self._talk.is_tls13:
                side.epochs.advance()
            elif message.type == KEY_UPDATE:
                side.epochs.update()
        if message.type in (CLIENT_HELLO, SERVER_HELLO):
            self._seek_keys()

    def _seek_keys(self) -> None:
        """Find the keys of a handshake when both hellos were read."""
        client, server = self._talk.new_client, self._talk.new_server
        if self._keys is None or client is None or server is None:
            return
        self._talk.new_client = self._talk.new_server = None
        keys = derive(self._keys, client, server)
        if not (self._client.has_opened or self._server.has_opened):
            self._key_state = keys.state
        for side in (self._client, self._server):
            found = keys.protections.get(side.is_initiator, [])
            if self._talk.is_tls13 and found:
                side.epochs = Epochs(found, keys.early)
                if side.is_initiator and client.early_data:
                    side.epochs.patience = MAX_FAILURES
            elif found:
                side.epochs = side.epochs or Epochs([])
                side.epochs.prepare(found[0])


def _looks_like_hello(record: RawRecord) -> bool:
    """True for a second ClientHello in clear, which follows change_cipher_spec in TLS 1.3."""
    start = record.fragment[:4]
    if record.type != HANDSHAKE or len(start) < 4 or start[0] != CLIENT_HELLO:
        return False
    return int.from_bytes(start[1:], "big") + 4 == record.length


def _ssl2_message(record: RawRecord) -> HandshakeMessage:
    return HandshakeMessage(
        CLIENT_HELLO,
        record.length,
        record.fragment[1:],
        record.frame,
        record.time,
        record.segments,
        record.complete,
        is_ssl2=True,
    )
