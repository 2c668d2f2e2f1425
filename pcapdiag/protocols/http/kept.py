"""Which exchanges of a connection are kept: the alarming ones, their neighbours and the last."""

from __future__ import annotations

from collections import deque

from pcapdiag.model.http import Exchange

MAX_EXCHANGES = 100
"""Exchanges of one connection that are kept in all."""
MAX_OPEN = 1_000
"""Exchanges that are followed at one time."""
NEIGHBOURS = 2
"""Healthy exchanges that are kept before an alarming one, after it, and at the end."""


def is_alarming(exchange: Exchange) -> bool:
    """Return whether a finished exchange may be part of a failure, or says something unusual."""
    return (
        exchange.status is None
        or exchange.status >= 400
        or not (exchange.complete and exchange.request_complete)
        or bool(exchange.malformed or exchange.framing_conflict or exchange.upgrade)
        or exchange.reset_code is not None
        or exchange.local_reply is not None
        or (exchange.grpc is not None and exchange.grpc.status != 0)
    )


class KeptExchanges:
    """Takes finished exchanges and keeps those that a verdict may need."""

    def __init__(self) -> None:
        self._kept: list[Exchange] = []
        self._recent: deque[Exchange] = deque()
        self._after = 0
        self._taken = 0

    def pass_over(self, count: int) -> None:
        """Count healthy exchanges that were not read."""
        self._taken += count

    @property
    def wanted(self) -> int:
        """How many healthy exchanges are kept next."""
        return self._after if self._room else 0

    @property
    def is_full(self) -> bool:
        """Whether no further alarming exchange is kept."""
        return not self._room

    def add(self, exchange: Exchange) -> None:
        """Take an exchange that will not change any more."""
        self._taken += 1
        if is_alarming(exchange):
            self._keep(*self._recent, exchange)
            self._recent.clear()
            self._after = NEIGHBOURS
        elif self._after:
            self._after -= 1
            self._keep(exchange)
        else:
            self._recent.append(exchange)
            if len(self._recent) > NEIGHBOURS:
                self._recent.popleft()

    def finish(self) -> tuple[list[Exchange], int]:
        """Return what is kept, in order of requests, and how many are not."""
        kept = [*self._kept, *self._recent]
        kept.sort(key=lambda exchange: exchange.index)
        return kept, self._taken - len(kept)

    def _keep(self, *exchanges: Exchange) -> None:
        self._kept += exchanges[: self._room]

    @property
    def _room(self) -> int:
        return MAX_EXCHANGES - NEIGHBOURS - len(self._kept)
