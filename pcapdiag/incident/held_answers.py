"""Which addresses the answers for each name held, and since when they hold them no longer."""

from __future__ import annotations

from pcapdiag.model.dns import AAAA, NOERROR, NXDOMAIN, A, DnsMessage, HeldAddress, HeldAnswers
from pcapdiag.protocols.dns import MAX_ANSWERS

MAX_NAMES = 10_000
"""Names, by the server that was asked."""
MAX_ADDRESSES = 256
"""Addresses of one name that are told apart."""
MAX_NAMES_OF = 4
"""Names of one address that are told."""


class AnswerBook:
    """Takes answers in time order; by server, for servers may give different ones (split views)."""

    def __init__(self) -> None:
        self._books: dict[tuple[str, str], HeldAnswers] = {}
        self._latest: dict[tuple[str, str, int], int] = {}
        self.left_out = 0

    def note(self, server: str, message: DnsMessage, frame: int, time: int) -> None:
        """Note what an answer holds, and what it holds no longer."""
        if message.truncated or message.addresses is None or message.records > MAX_ANSWERS:
            return
        key = server, message.name
        book = self._books.get(key)
        if book is None:
            if not message.addresses or message.rcode != NOERROR:
                return
            if len(self._books) >= MAX_NAMES:
                self.left_out += 1
                return
            book = self._books[key] = HeldAnswers(server, message.name)
        for kind in (A, AAAA) if message.rcode == NXDOMAIN else (message.type,):
            # Those over TCP are read late.
            if time >= self._latest.get((*key, kind), 0):
                self._latest[*key, kind] = time
                self._take(book, kind, message, frame, time)

    def _take(
        self, book: HeldAnswers, kind: int, message: DnsMessage, frame: int, time: int
    ) -> None:
        addresses = message.addresses or ()
        book.current[kind] = addresses
        for address in addresses:
            held = book.held.get(address)
            if held is not None:
                held.longest_away = max(held.longest_away, held.without)
                held.last, held.ttl, held.frame = time, message.ttl, frame
                held.gone = held.without = 0
            elif len(book.held) < MAX_ADDRESSES:
                book.held[address] = HeldAddress(time, time, message.ttl, frame)
            else:
                self.left_out += 1
        for address, held in book.held.items():
            if (":" in address) == (kind == AAAA) and address not in addresses:
                if not held.gone:
                    held.gone, held.gone_frame = time, frame
                held.without += 1

    def facts(self) -> list[HeldAnswers]:
        """Return what each server gave for each name."""
        return list(self._books.values())

    def names(self) -> dict[str, list[str]]:
        """Return the names whose answers held each address."""
        found: dict[str, list[str]] = {}
        for book in self._books.values():
            for address in book.held:
                names = found.setdefault(address, [])
                if book.name not in names and len(names) < MAX_NAMES_OF:
                    names.append(book.name)
        return found
