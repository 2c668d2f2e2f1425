"""The keys of one end of a connection, one epoch after the other (RFC 8446 section 5.2 and 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pcapdiag.model.tls import TLS12, ClientHello, KeyState, ServerHello, is_tls13
from pcapdiag.protocols.tls.hello import ENCRYPT_THEN_MAC
from pcapdiag.protocols.tls.limits import MAX_FAILURES, MAX_LOST_RECORDS, WRONG_AFTER
from pcapdiag.protocols.tls.records import RawRecord

if TYPE_CHECKING:
    from pcapdiag.protocols.tls.keylog import KeyLog, Secrets
    from pcapdiag.protocols.tls.protection import Protection


class Opened(msgspec.Struct, frozen=True):
    """A record that was decrypted."""

    type: int
    content: bytes
    skipped: int
    """Records of this epoch before it that were not opened."""
    is_early: bool = False
    """Under the keys of early data."""


class Keys(msgspec.Struct, frozen=True):
    """What a key log has for a handshake."""

    state: KeyState
    protections: dict[bool, list[Protection]]
    """Of the initiator (True) and the responder, in the order of their use."""
    early: Protection | None = None
    """The first of the initiator's, where it is that of early data."""


class Epochs:
    """Opens one end's records; after a hole the next sequence numbers and epochs are tried."""

    def __init__(self, protections: list[Protection], early: Protection | None = None) -> None:
        self._protections = protections
        self._early = early
        self.patience = WRONG_AFTER
        """Records that may fail before the first that opens."""
        self._sequence = 0
        self._slack = 0
        """Further sequence numbers that the next record may have."""
        self._failures = 0
        self._next: Protection | None = None
        self.has_opened = False

    def __deepcopy__(self, memo: dict[int, object]) -> Epochs:
        """A copy that goes on by itself; protections are shared, as they hold nothing of it."""
        copied = Epochs(list(self._protections), self._early)
        copied.patience = self.patience
        copied._sequence, copied._slack = self._sequence, self._slack
        copied._failures, copied.has_opened = self._failures, self.has_opened
        copied._next = self._next
        return copied

    @property
    def are_useless(self) -> bool:
        """True when so many records in a row did not open that the next ones will not either."""
        return self._failures >= (MAX_FAILURES if self.has_opened else self.patience)

    def open(self, record: RawRecord) -> Opened | None:
        """Decrypt a record, or return None: damaged, lost its place, or not under these keys."""
        if record.gap:
            self.lose(record.gap)
        if self.are_useless:
            return None
        if record.complete:
            # The current epoch, and the next one: what ended the current one may have been lost.
            for ahead, protection in enumerate(self._protections[:2]):
                opened = self._try(protection, record, 0 if ahead else self._sequence)
                if opened is not None:
                    del self._protections[:ahead]
                    return opened
            self._failures += 1
        self._slack = min(self._slack + 1, MAX_LOST_RECORDS)
        return None

    def _try(self, protection: Protection, record: RawRecord, start: int) -> Opened | None:
        for sequence in range(start, start + self._slack + 1):
            found = protection.open(record.type, record.version, record.fragment, sequence)
            if found is not None:
                self._sequence, self._slack, self._failures = sequence + 1, 0, 0
                self.has_opened = True
                return Opened(*found, sequence - start, protection is self._early)
        return None

    def lose(self, count: int) -> None:
        """Say that ``count`` bytes were not seen: so many records at most, of 22 bytes each."""
        self._slack = min(self._slack + count // 22 + 1, MAX_LOST_RECORDS)

    def prepare(self, protection: Protection) -> None:
        """Say what keys the next change_cipher_spec changes to."""
        self._next = protection

    def change_cipher(self) -> None:
        """Change to the prepared keys; without them nothing more can be opened."""
        self._protections = [self._next] if self._next else []
        self._sequence = self._slack = 0
        self._failures = 0 if self._next else MAX_FAILURES
        self._next = None

    def advance(self) -> None:
        """Change to the next keys, after Finished or EndOfEarlyData."""
        if len(self._protections) > 1:
            del self._protections[0]
            self._sequence = 0

    def update(self) -> None:
        """Change to the keys that follow a KeyUpdate."""
        if self._protections:
            self._protections[0] = self._protections[0].updated()
            self._sequence = 0


def derive(log: KeyLog, client: ClientHello, server: ServerHello) -> Keys:
    """Find the keys of a handshake; in TLS 1.2 and before they begin with change_cipher_spec."""
    secrets = log.find(client.random)
    if secrets is None:
        return Keys("no secret", {})
    if is_tls13(server.version):
        return _derive_tls13(secrets, client, server)
    if server.version > TLS12:
        # An early draft of TLS 1.3.
        return Keys("unsupported cipher", {})
    if secrets.master is None:
        return Keys("no secret", {})
    from pcapdiag.protocols.tls.protection import protect_tls12

    both_encrypt = ENCRYPT_THEN_MAC in server.extensions
    pair = protect_tls12(
        secrets.master, client.random, server.random, server.version, server.cipher, both_encrypt
    )
    if pair is None:
        return Keys("unsupported cipher", {})
    return Keys("decrypted", {True: [pair[0]], False: [pair[1]]})


def _derive_tls13(secrets: Secrets, client: ClientHello, server: ServerHello) -> Keys:
    from pcapdiag.protocols.tls.protection import protect_tls13

    early = secrets.client_early if client.early_data else None
    wanted = {
        True: (early, secrets.client_handshake, secrets.client_traffic),
        False: (secrets.server_handshake, secrets.server_traffic),
    }
    if not any(secret for side in wanted.values() for secret in side):
        return Keys("no secret", {})
    found: dict[bool, list[Protection]] = {True: [], False: []}
    for is_client, side in wanted.items():
        for secret in filter(None, side):
            protection = protect_tls13(secret, server.cipher, server.version)
            if protection is None:
                return Keys("unsupported cipher", {})
            found[is_client].append(protection)
    return Keys("decrypted", found, found[True][0] if early else None)
