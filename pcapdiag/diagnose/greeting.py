"""What a server says before anybody asked, and whether that refuses the connection.

A greeting and a close may be all that a port is for (the time, a load, a file of FTP's data
connection), or a server's reason not to serve. Its words tell the two apart, where it has any.
"""

from __future__ import annotations

import re
from enum import Enum

from pcapdiag.diagnose.completeness import HTTP1
from pcapdiag.diagnose.speech import status_of
from pcapdiag.model.story import Story

REQUEST_TIMEOUT = 408
"""What HTTP servers say when they close a connection on which nobody asked (RFC 9110 15.5.9)."""
# Patterns are compiled where they are asked: most captures have no greeting before a close.
REPLY_CODE = rb"[45][0-5][0-9][ -]"
"""A negative reply of SMTP, FTP or NNTP (RFC 5321 section 4.2.1, RFC 959 section 4.2)."""
NEGATIVE = (b"-ERR", b"* BYE", b"-NOAUTH", b"-LOADING", b"ERROR")
"""Redis and POP3, IMAP (RFC 9051 section 7.1.5), Redis, memcached."""
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
    said = _said(story)
    if _mysql_error(said):
        said = said[MYSQL_HEAD:]
    said = said.strip()
    printable = said.isascii() and said.decode("ascii").isprintable()
    return said.decode("ascii") if printable else ""


def _said(story: Story) -> bytes:
    return story.hello_responder[: story.greeting_bytes]


def _mysql_error(said: bytes) -> bool:
    whole = len(said) > MYSQL_HEAD and int.from_bytes(said[:3], "little") + 4 == len(said)
    return whole and said[3] == 0 and said[4] == MYSQL_ERROR
