"""What a server says before anybody asked, and whether that refuses the connection.

A greeting and a close may be all that a port is for (the time, a load, a file of FTP's data
connection), or a server's reason not to serve. Its words tell the two apart, where it has any.
"""

from __future__ import annotations

import re
from enum import Enum

from pcapdiag.diagnose import postgres
from pcapdiag.diagnose.completeness import HTTP1
from pcapdiag.diagnose.speech import status_of
from pcapdiag.model.once import once
from pcapdiag.model.story import Story

REQUEST_TIMEOUT = 408
"""What HTTP servers say when they close a connection on which nobody asked (RFC 9110 15.5.9)."""
# Patterns are compiled where they are asked: most captures have no greeting before a close.
REPLY_CODE = rb"[45][0-5][0-9][ -]"
"""A negative reply of SMTP, FTP or NNTP (RFC 5321 section 4.2.1, RFC 959 section 4.2)."""
NEGATIVE = (b"-ERR", b"* BYE", b"-NOAUTH", b"-LOADING", b"-DENIED", b"ERROR")
"""Redis and POP3, IMAP (RFC 9051 section 7.1.5), Redis, memcached."""
AT_THE_DOOR = (b"-ERR max number of clients", b"-DENIED ", b"ERROR Too many open")
"""What Redis and memcached say as soon as they accept, whatever is asked (measured)."""
SSH = b"SSH-"
"""Both ends begin with it; lines before it say why there will be none (RFC 4253 section 4.2)."""
A_FILE = 1_000
"""No greeting is as long as this, save Redis' explanation of its protected mode."""
MYSQL_ERROR = 0xFF
"""First byte of MySQL's ERR_Packet, behind a length of 3 bytes and a sequence number; its text
follows a code of 2 bytes."""
MYSQL_HEAD = 7
WORDS = (
    rb"too many|refused|denied|not allowed|not permitted|exceeded|unavailable|overload|busy|block|"
    rb"banned|try again|maximum|forbidden|reject|shutting down|limit"
)
"""How servers of any protocol excuse themselves."""
LONGEST_EXCUSE = 512


class Greeting(Enum):
    """What a greeting that a close follows says."""

    REFUSAL = "a negative reply of its protocol"
    EXCUSE = "words that servers use to refuse"
    TIMED_OUT = "that nobody asked in time"
    OTHER = "anything else"


def read_greeting(story: Story) -> Greeting:
    """Return what the responder's words before the first request say; there must be some."""
    if refused_at_the_door(story):
        return Greeting.REFUSAL
    said = _said(story)
    status = status_of(said) if said.startswith(HTTP1) else None
    if status is not None:
        refused = Greeting.REFUSAL if status >= 400 else Greeting.OTHER
        return Greeting.TIMED_OUT if status == REQUEST_TIMEOUT else refused
    if said.startswith(NEGATIVE) or re.match(REPLY_CODE, said) or _mysql_error(said):
        return Greeting.REFUSAL
    excused = len(said) <= LONGEST_EXCUSE and re.search(WORDS, said.lower())
    return Greeting.EXCUSE if excused else Greeting.OTHER


def text_of(story: Story) -> str:
    """Return the greeting where it is printable text; empty where it is not."""
    word = postgres.last_word(story)
    if word:
        return word
    said = _said(story)
    if _mysql_error(said):
        said = said[MYSQL_HEAD:]
    said = said.strip()
    printable = said.isascii() and said.decode("ascii").isprintable()
    return said.decode("ascii") if printable else ""


@once
def refused_at_the_door(story: Story) -> bool:
    """Return whether the first answer refuses the connection itself, whatever was asked.

    Who says so at once and who asks at once speak in any order, by the length of the way.
    """
    turn, said = story.turn, story.hello_responder
    if story.greeting_bytes or not turn.response_bytes or story.midstream:
        return False
    if turn.index > 1:
        return postgres.refused_startup(story)
    if story.hello_initiator.startswith(SSH):
        return (
            len(said) == turn.response_bytes
            and not said.startswith(SSH)
            and b"\n" + SSH not in said
        )
    return said.startswith(AT_THE_DOOR) or postgres.refused_startup(story)


def size_of_greeting(story: Story) -> int:
    """Return how many bytes the responder said that depend on no request."""
    return story.turn.response_bytes if refused_at_the_door(story) else story.greeting_bytes


def is_a_file(story: Story) -> bool:
    """Return whether what came unasked is too long for a greeting, as on an FTP data connection."""
    return size_of_greeting(story) >= A_FILE and not story.hello_responder.startswith(AT_THE_DOOR)


def _said(story: Story) -> bytes:
    return story.hello_responder[: size_of_greeting(story)]


def _mysql_error(said: bytes) -> bool:
    whole = len(said) > MYSQL_HEAD and int.from_bytes(said[:3], "little") + 4 == len(said)
    return whole and said[3] == 0 and said[4] == MYSQL_ERROR
