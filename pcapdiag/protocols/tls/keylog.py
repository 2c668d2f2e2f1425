"""Session secrets from key logs: SSLKEYLOGFILE text, and the same text inside pcapng files.

The format is NSS's (draft-ietf-tls-keylogfile): one line per secret, ``LABEL random secret``, with
the ClientHello's random and the secret in hexadecimal. No secret leaves this module in a text.
"""

from __future__ import annotations

import io
from typing import NoReturn

from pcapdiag.model.bounded import entry

MAX_SESSIONS = 50_000
"""Sessions kept, some 600 bytes each; the first ones."""
MAX_LINE = 1000
"""Bytes of a line that is looked at; the longest that means something has 200."""
MAX_COUNTED = 10_000
"""Lines of one kind that are told apart when they are counted."""

_RANDOM = 32
_MASTER_SIZES = (48,)
_TRAFFIC_SIZES = (32, 48)
"""The output of SHA-256 and of SHA-384."""

_FIELDS = {
    b"CLIENT_RANDOM": ("master", _MASTER_SIZES),
    b"CLIENT_EARLY_TRAFFIC_SECRET": ("client_early", _TRAFFIC_SIZES),
    b"CLIENT_HANDSHAKE_TRAFFIC_SECRET": ("client_handshake", _TRAFFIC_SIZES),
    b"SERVER_HANDSHAKE_TRAFFIC_SECRET": ("server_handshake", _TRAFFIC_SIZES),
    b"CLIENT_TRAFFIC_SECRET_0": ("client_traffic", _TRAFFIC_SIZES),
    b"SERVER_TRAFFIC_SECRET_0": ("server_traffic", _TRAFFIC_SIZES),
}
_NOT_NEEDED = {
    b"EXPORTER_SECRET",
    b"EARLY_EXPORTER_MASTER_SECRET",
    b"EARLY_EXPORTER_SECRET",
    b"CLIENT_TRAFFIC_SECRET_N",
    b"SERVER_TRAFFIC_SECRET_N",
}
"""OpenSSL writes the last three; those after a KeyUpdate (N) follow from the ones before it."""
_BY_OTHER_KEYS = {b"RSA", b"PMS_CLIENT_RANDOM"}
"""Master secrets by session ID, and pre-master secrets: old, and not derived from here."""
_LABELS = {*_FIELDS, *_NOT_NEEDED, *_BY_OTHER_KEYS}
_LABEL_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


class Secrets:
    """The secrets of one session; each is None until its line was read.

    A plain class on purpose: it does not show, encode or pickle what it holds.
    """

    __slots__ = (
        "client_early",
        "client_handshake",
        "client_traffic",
        "master",
        "server_handshake",
        "server_traffic",
    )

    def __init__(self) -> None:
        self.master: bytes | None = None
        self.client_early: bytes | None = None
        self.client_handshake: bytes | None = None
        self.server_handshake: bytes | None = None
        self.client_traffic: bytes | None = None
        self.server_traffic: bytes | None = None

    def __repr__(self) -> str:
        known = [name for name in self.__slots__ if getattr(self, name) is not None]
        return f"<Secrets: {', '.join(known) or 'none'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are not pickled")


class _Lines:
    """Different lines of one kind: how many, and where the first was."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._first = 0

    def add(self, line: bytes, number: int) -> None:
        self._first = self._first or number
        if len(self._seen) < MAX_COUNTED:
            self._seen.add(hash(line))

    def told(self, one: str, several: str) -> list[str]:
        """The sentence about them, or none when there are none."""
        count = len(self._seen)
        if not count:
            return []
        if count == 1:
            return [f"1 line {one} (line {self._first})"]
        lines = f"{count:,} lines" if count < MAX_COUNTED else f"{count:,} lines or more"
        return [f"{lines} {several} (first: line {self._first})"]


class KeyLog:
    """Secrets by the ClientHello's random, out of one or more key logs."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, Secrets] = {}
        self._bad = _Lines()
        self._unknown = _Lines()
        self._unsupported = _Lines()
        self._left_out = _Lines()

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def problems(self) -> list[str]:
        """What could not be used, a sentence for each kind, without any of the text itself.

        A line counts once however often it is added; numbers count from 1 in the text it came in.
        """
        return [
            *self._bad.told("is no key log line", "are no key log lines"),
            *self._unsupported.told(
                "holds an RSA or session ID secret, which is not supported",
                "hold RSA or session ID secrets, which are not supported",
            ),
            *self._unknown.told("has a label that is not known", "have labels that are not known"),
            *self._left_out.told(
                f"was left out: it belongs to a session beyond the first {MAX_SESSIONS:,}",
                f"were left out: they belong to sessions beyond the first {MAX_SESSIONS:,}",
            ),
        ]

    def add(self, text: bytes) -> None:
        """Take the secrets from ``text``, which begins at the beginning of a line.

        The same lines may come again, so a file that grows can be given anew as a whole, or from
        its last line on. A last line without its end that may still grow is read if it is
        complete, and not counted as bad if it is not. Never raises on any bytes.
        """
        for number, line in enumerate(io.BytesIO(text.removeprefix(b"\xef\xbb\xbf")), 1):
            words = line[: MAX_LINE + 1].split()
            if not words or words[0].startswith(b"#"):
                continue
            if len(line) > MAX_LINE:
                self._bad.add(line, number)
            elif not self._take(words, b" ".join(words), number):
                if line.endswith(b"\n") or not _may_grow(words):
                    self._bad.add(b" ".join(words), number)

    def find(self, client_random: bytes) -> Secrets | None:
        """Return the secrets of the session with this ClientHello.random, or None."""
        return self._sessions.get(client_random)

    def _take(self, words: list[bytes], line: bytes, number: int) -> bool:
        label = words[0]
        if label in _BY_OTHER_KEYS:
            self._unsupported.add(line, number)
            return True
        if len(words) != 3 or not _LABEL_BYTES.issuperset(label):
            return False
        random, secret = _from_hex(words[1]), _from_hex(words[2])
        if random is None or secret is None or len(random) != _RANDOM:
            return False
        if label in _FIELDS:
            field, sizes = _FIELDS[label]
            if len(secret) not in sizes:
                return False
            self._keep(random, field, secret, (line, number))
        elif label not in _NOT_NEEDED:
            self._unknown.add(line, number)
        return True

    def _keep(self, random: bytes, field: str, secret: bytes, where: tuple[bytes, int]) -> None:
        session = entry(self._sessions, random, MAX_SESSIONS, Secrets)
        if session is None:
            self._left_out.add(*where)
        else:
            setattr(session, field, secret)


def _may_grow(words: list[bytes]) -> bool:
    # Its program may be in the middle of writing it.
    if len(words) == 1:
        return any(label.startswith(words[0]) for label in _LABELS)
    return words[0] in _LABELS


def _from_hex(word: bytes) -> bytes | None:
    try:
        return bytes.fromhex(word.decode("ascii"))
    except ValueError:
        return None
