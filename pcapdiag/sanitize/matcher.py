"""Thousands of strings looked for in megabytes at once.

Each needle is known by its first six bytes. Three small tables say which pairs of bytes may stand
there, for all places at once; two larger ones, for what is left, which triples. Only where all
agree are the needles themselves compared. What is shorter than six bytes is looked for by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

HEAD = 6
CHUNK = 1 << 18
"""Places that are looked at together."""

Octets = np.ndarray[Any, Any]


class Matcher:
    """Finds all places of all needles."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._short: list[bytes] = []
        self._by_head: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for needle in needles:
            if len(needle) >= HEAD:
                self._by_head[needle[:HEAD]].append(needle)
            elif needle:
                self._short.append(needle)
        heads = list(self._by_head)
        self._pairs = [_pairs(head[at : at + 2] for head in heads) for at in (0, 2, 4)]
        self._triples = [_triples(head[at : at + 3] for head in heads) for at in (0, 3)]

    def find(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield each place in ``data`` where a needle begins, and the needle."""
        for needle in self._short:
            at = data.find(needle)
            while at >= 0:
                yield at, needle
                at = data.find(needle, at + 1)
        if not self._by_head:
            return
        for start in range(0, len(data), CHUNK):
            for at in self._candidates(data, start):
                for needle in self._by_head.get(data[at : at + HEAD], ()):
                    if data.startswith(needle, at):
                        yield at, needle

    def _candidates(self, data: bytes, start: int) -> Iterator[int]:
        size = min(CHUNK + HEAD - 1, len(data) - start)
        octets = np.frombuffer(data, np.uint8, max(size, 0), start)
        for odd in (0, 1):
            words = np.frombuffer(data, ">u2", max(size - odd, 0) // 2, start + odd)
            places = np.flatnonzero(self._pass_pairs(words.astype(np.uint16))) * 2 + odd
            for number, table in enumerate(self._triples):
                at = places + 3 * number
                wide = octets[at].astype(np.uint32) << 16
                places = places[
                    table[wide | octets[at + 1].astype(np.uint32) << 8 | octets[at + 2]]
                ]
            for place in places.tolist():
                yield start + place

    def _pass_pairs(self, words: Octets) -> Octets:
        count = max(len(words) - 2, 0)
        passed = self._pairs[0].take(words[:count])
        passed &= self._pairs[1].take(words[1 : count + 1])
        passed &= self._pairs[2].take(words[2 : count + 2])
        return passed


def _pairs(pairs: Iterable[bytes]) -> Octets:
    return _table(1 << 16, pairs)


def _triples(triples: Iterable[bytes]) -> Octets:
    return _table(1 << 24, triples)


def _table(size: int, words: Iterable[bytes]) -> Octets:
    table = np.zeros(size, np.bool_)
    for word in words:
        table[int.from_bytes(word, "big")] = True
    return table
