"""One end of a TLS connection: its records, what was sealed, and what was counted."""

from __future__ import annotations

from collections import deque

from pcapdiag.model.tls import Alert, Record
from pcapdiag.protocols.tls.epochs import Epochs
from pcapdiag.protocols.tls.handshake import HandshakeJoiner
from pcapdiag.protocols.tls.infer import Sealed
from pcapdiag.protocols.tls.limits import FIRST_RECORDS, LAST_RECORDS, MAX_ALERTS
from pcapdiag.protocols.tls.numbers import APPLICATION_DATA
from pcapdiag.protocols.tls.records import RawRecord, RecordReader

_ALERT_SIZE = 2
_LEVELS = (1, 2)


class Side:
    """What is known of one end while it is read."""

    def __init__(self, is_initiator: bool, has_keys: bool, started: bool) -> None:
        self.is_initiator = is_initiator
        self.reader = RecordReader(is_initiator, has_keys, started)
        self.queue: deque[RawRecord] = deque()
        """Records that wait for what the other end says."""
        self.queued_bytes = 0
        self.clear = HandshakeJoiner()
        self.inner = HandshakeJoiner(encrypted=True)
        self.epochs: Epochs | None = None
        self.has_changed_cipher = False
        self.sealed_finished: Record | None = None
        """Finished of TLS 1.2 and before: the handshake record after change_cipher_spec."""
        self.data = 0
        """Application data records that are known to be such."""
        self.unsure_data = 0
        """Those that may as well be the handshake of TLS 1.3."""
        self.lost = 0
        """Bytes not seen, or not opened, since the last decrypted application data."""
        self.alerts: list[Alert] = []
        self.has_opened = False
        """A record of this end was decrypted."""
        self.has_left_out = False
        self.problem = ""
        self.total = 0
        self._first: list[Record] = []
        self._last: deque[Record] = deque(maxlen=LAST_RECORDS)
        self._sealed: list[Record] = []
        self._sealed_total = 0
        self._is_last_sealed = False

    @property
    def name(self) -> str:
        """``client`` or ``server``."""
        return "client" if self.is_initiator else "server"

    @property
    def records(self) -> list[Record]:
        """The first FIRST_RECORDS and the last LAST_RECORDS of this end."""
        return [*self._first, *self._last]

    @property
    def sealed(self) -> Sealed:
        """The application data records that were not decrypted."""
        return Sealed(
            self._sealed,
            self._sealed_total,
            self.records[-1] if self._is_last_sealed else None,
        )

    def enqueue(self, record: RawRecord) -> None:
        """Let a record wait for its turn."""
        self.queue.append(record)
        self.queued_bytes += len(record.fragment)

    def dequeue(self) -> RawRecord:
        """The record whose turn it is."""
        record = self.queue.popleft()
        self.queued_bytes -= len(record.fragment)
        return record

    def keep(self, record: Record) -> None:
        """Note a record; those in the middle of a long connection are only counted."""
        self.total += 1
        (self._first if len(self._first) < FIRST_RECORDS else self._last).append(record)
        self._is_last_sealed = record.type == APPLICATION_DATA and record.inner_type is None
        if self._is_last_sealed:
            self._sealed_total += 1
            if len(self._sealed) < FIRST_RECORDS:
                self._sealed.append(record)

    def alert(self, frame: int, time: int, content: bytes | None) -> None:
        """Note the alerts of a record; None is an encrypted one."""
        pairs = _pairs(content)
        self.has_left_out = self.has_left_out or len(self.alerts) + len(pairs) > MAX_ALERTS
        for level, code in pairs[: MAX_ALERTS - len(self.alerts)]:
            self.alerts.append(Alert(frame, time, self.is_initiator, level, code))


def _pairs(content: bytes | None) -> list[tuple[int | None, int | None]]:
    """Level and code of each alert; bytes that cannot be alerts are encrypted ones."""
    if content is not None and content and len(content) % _ALERT_SIZE == 0:
        if all(level in _LEVELS for level in content[::_ALERT_SIZE]):
            return list(zip(content[::_ALERT_SIZE], content[1::_ALERT_SIZE], strict=True))
    return [(None, None)]
