"""Requests that are answered when something happens: a job, a message, a change; not before.

A worker or consumer spends its life in one, and leaves in the middle of it whenever it is stopped:
nothing failed then. Past the time that the request itself allows, and where the responder ends the
connection, it is a request like any other.
"""

from __future__ import annotations

import math
import re

from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

LATE = 1.0
"""Seconds by which an answer may come later than the request allows: timers are coarse."""
REDIS_LAST = (
    b"BLPOP",
    b"BRPOP",
    b"BLMOVE",
    b"BRPOPLPUSH",
    b"BZPOPMIN",
    b"BZPOPMAX",
)
REDIS_FIRST = (b"BLMPOP", b"BZMPOP")
REDIS_STREAMS = (b"XREAD", b"XREADGROUP")
"""Their time limit is the last argument, the first, or behind BLOCK in milliseconds; 0 is for ever
(redis.io, "Commands")."""
RESERVE, RESERVE_WITHIN = b"reserve\r\n", b"reserve-with-timeout "
"""beanstalkd's protocol.txt."""
MPD_GREETING, MPD_IDLE = b"OK MPD ", b"idle"
"""Answered when the player's state changes (MPD protocol, "Querying MPD's status")."""
KAFKA_FETCH, KAFKA_KEYS, KAFKA_VERSIONS = 1, range(93), range(20)
KAFKA_HEAD, KAFKA_FLEXIBLE, KAFKA_NO_REPLICA = 14, 12, 15
"""A request's head up to its client's name, and the versions of Fetch from which a byte of tags
follows that, and from which the replica's number is left out (Kafka protocol guide)."""
MONGO_MESSAGE, MONGO_BODY = 2013, 16
MONGO_LIMIT = re.compile(rb"([\x10\x12])max(?:AwaitTime|Time)MS\0(.{4})", re.DOTALL)
MONGO_WAITS = (b"getMore\0", b"maxAwaitTimeMS\0")
"""A tailing cursor's next batch, and the monitor's hello (MongoDB, OP_MSG and "Server Monitoring");
another command's maxTimeMS is the time for its work."""


def is_waiting(story: Story, until: int) -> bool:
    """Return whether the last request might still wait for its event at ``until`` (ns)."""
    allowed = _allowed(story)
    if allowed is None:
        return False
    return until - story.turn.request_last_time <= (allowed + LATE) * SECOND


def _allowed(story: Story) -> float | None:
    """Return how many seconds the last request lets pass; None where it waits for no event."""
    head = story.turn.request_head
    if len(head) < min(story.turn.request_bytes, KAFKA_HEAD):
        return None
    if head == RESERVE:
        return math.inf
    if story.hello_responder.startswith(MPD_GREETING) and head.startswith(MPD_IDLE):
        return math.inf
    if head.startswith(RESERVE_WITHIN):
        return _seconds(head[len(RESERVE_WITHIN) :])
    alone = int.from_bytes(head[:4], "big") + 4 == story.turn.request_bytes
    if alone and _is_kafka(head) and _is_kafka(story.hello_initiator):
        return _kafka(head)
    if int.from_bytes(head[12:16], "little") == MONGO_MESSAGE:
        return _mongo(head)
    return _redis(_words(head))


def _words(head: bytes) -> list[bytes]:
    """Return a Redis command's words, from an array of bulk strings or an inline command."""
    lines = head.split(b"\r\n")
    if not head.startswith(b"*"):
        return lines[0].split() if head.endswith(b"\r\n") and len(lines) == 2 else []
    number = lines[0][1:]
    whole = number.isdigit() and len(lines) == 2 * int(number) + 2
    return lines[2:-1:2] if whole else []


def _redis(words: list[bytes]) -> float | None:
    name = words[0].upper() if len(words) > 1 else b""
    if name in REDIS_LAST:
        return _seconds(words[-1])
    if name in REDIS_FIRST:
        return _seconds(words[1])
    options = [word.upper() for word in words[:-1]]
    if name in REDIS_STREAMS and b"BLOCK" in options:
        limit = _seconds(words[options.index(b"BLOCK") + 1])
        return limit / 1000 if limit is not None else None
    return None


def _seconds(digits: bytes) -> float | None:
    """Return a time limit, infinity for 0; None for what is no number."""
    found = re.fullmatch(rb"\d{1,12}(\.\d{1,9})?", digits.strip())
    return (float(found[0]) or math.inf) if found else None


def _is_kafka(data: bytes) -> bool:
    """Return whether bytes begin with a whole request of Kafka, by its length, key and version."""
    if len(data) < KAFKA_HEAD:
        return False
    key, version = int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big")
    name = int.from_bytes(data[12:14], "big", signed=True)
    known = (
        key in KAFKA_KEYS
        and version in KAFKA_VERSIONS
        and -1 <= name <= int.from_bytes(data[:4], "big")
    )
    return known and data[KAFKA_HEAD : KAFKA_HEAD + max(0, name)].isascii()


def _kafka(head: bytes) -> float | None:
    version = int.from_bytes(head[6:8], "big")
    at = KAFKA_HEAD + max(0, int.from_bytes(head[12:14], "big", signed=True))
    at += (version >= KAFKA_FLEXIBLE) + (4 if version < KAFKA_NO_REPLICA else 0)
    limit = head[at : at + 4]
    fetch = int.from_bytes(head[4:6], "big") == KAFKA_FETCH and len(limit) == 4
    return int.from_bytes(limit, "big") / 1000 if fetch else None


def _mongo(head: bytes) -> float | None:
    limit = MONGO_LIMIT.search(head, MONGO_BODY)
    waits = limit is not None and any(word in head for word in MONGO_WAITS)
    return int.from_bytes(limit[2], "little") / 1000 if limit and waits else None
