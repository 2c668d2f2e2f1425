"""Requests that servers answer each time, in protocols with a head that tells: databases, PINGs.

Silence after one of these is no message of a stream that nobody answers.
"""

from __future__ import annotations

import re

from pcapdiag.diagnose.postgres import HEAD, is_postgres
from pcapdiag.diagnose.unanswered import MEMCACHED_STORES, asks_nothing, in_a_websocket
from pcapdiag.model.story import Story

POSTGRES_QUERY, POSTGRES_SYNC = b"Q", b"S\x00\x00\x00\x04"
"""A simple query, and what ends an extended one (PostgreSQL, "Message Flow")."""
POSTGRES_FIRST = b"\x00"
"""What opens a connection, a request for TLS included, begins with its length, and has no type."""
MYSQL_GREETING = b"\x00\x0a"
"""Sequence number and protocol version of MySQL's first packet, behind its length of 3 bytes."""
MYSQL_COMMANDS = (0x02, 0x03, 0x0E, 0x16, 0x17, 0x1F)
"""COM_INIT_DB, COM_QUERY, COM_PING, prepare, execute and COM_RESET_CONNECTION (MySQL internals
manual, "Command Phase")."""
MYSQL_HEAD = 4
REDIS_COMMAND = re.compile(rb"\*[1-9]\d{0,6}\r\n\$\d")
MEMCACHED_COMMAND = re.compile(
    rb"(?:gets?|gats?|incr|decr|delete|touch|set|add|replace|append|prepend|cas) [!-~][^\r\n]*\r\n"
)
"""memcached's doc/protocol.txt."""
REDIS_ARRAY, REDIS_BULK = re.compile(rb"\*(\d{1,7})\r\n"), re.compile(rb"\$(\d{1,10})\r\n")
"""A command is an array of bulk strings (RESP, "Sending commands to a Redis server")."""
WEBSOCKET_PING = 0x89
"""Answered by a Pong "as soon as is practical" (RFC 6455 section 5.5.2)."""


def is_mysql(story: Story) -> bool:
    """Return whether the responder greeted as MySQL does."""
    return story.greeting_bytes > 0 and story.hello_responder[3:5] == MYSQL_GREETING


def is_statement(story: Story) -> bool:
    """Return whether the last request is of a kind that is always answered."""
    head = story.turn.request_head
    if story.midstream or not head:
        return False
    if in_a_websocket(story):
        return head[0] == WEBSOCKET_PING
    if is_postgres(story):
        asks = head.startswith((POSTGRES_QUERY, POSTGRES_FIRST))
        return asks or head.endswith(POSTGRES_SYNC)
    if is_mysql(story):
        whole = int.from_bytes(head[:3], "little") + MYSQL_HEAD == story.turn.request_bytes
        return whole and head[3] == 0 and head[4] in MYSQL_COMMANDS
    cached = REDIS_COMMAND.match(head) or MEMCACHED_COMMAND.match(head)
    return cached is not None and not asks_nothing(story)


def is_unfinished(story: Story) -> bool:
    """Return whether the last statement says that more of it was to come; no answer was due."""
    head, total = story.turn.request_head, story.turn.request_bytes
    if story.midstream or not head:
        return False
    if is_postgres(story):
        return _postgres_unfinished(head, total)
    if REDIS_COMMAND.match(head):
        return _redis_unfinished(head, total)
    words = head.partition(b"\r\n")[0].split()
    stores = MEMCACHED_COMMAND.match(head) and words[0] in MEMCACHED_STORES and len(words) > 4
    if not stores or not words[4].isdigit():
        return False
    return head.index(b"\r\n") + 2 + int(words[4]) + 2 > total


def _postgres_unfinished(head: bytes, total: int) -> bool:
    at = int.from_bytes(head[: HEAD - 1], "big") if head.startswith(POSTGRES_FIRST) else 0
    while at + HEAD <= len(head):
        at += 1 + max(HEAD - 1, int.from_bytes(head[at + 1 : at + HEAD], "big"))
    return at > total or at < total == len(head)


def _redis_unfinished(head: bytes, total: int) -> bool:
    at = 0
    while at < total:
        array = REDIS_ARRAY.match(head, at)
        if array is None:
            return False
        at = array.end()
        for _ in range(int(array[1])):
            bulk = REDIS_BULK.match(head, at)
            if bulk is None:
                return at == total or (total == len(head) and b"\n" not in head[at:])
            at = bulk.end() + int(bulk[1]) + 2
            if at > total:
                return True
    return False
