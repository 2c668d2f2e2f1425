"""Protocols that begin in the clear and go over to TLS when asked: what is said until then.

Sources: RFC 3207 (SMTP), RFC 9051 section 6.2.1 (IMAP), RFC 2595 section 4 (POP3), RFC 4217
section 4 (FTP), PostgreSQL's protocol (SSLRequest).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from pcapdiag.probe.connection import Connection, Deadline

MAX_ANSWER = 8 * 1024
"""Bytes of an answer that are waited for; a server's capabilities have a few hundred."""
_NAME = b"pcapdiag-probe"


class Turn(NamedTuple):
    """What is said (nothing: the server speaks first), and the answer that lets it go on."""

    says: bytes
    wants: re.Pattern[bytes]


def _line(begins: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:^|\n)" + begins + rb"[^\n]*\n")


TURNS: Mapping[str, tuple[Turn, ...]] = {
    "smtp": (
        Turn(b"", _line(rb"220 ")),
        Turn(b"EHLO " + _NAME + b"\r\n", _line(rb"250 ")),
        Turn(b"STARTTLS\r\n", _line(rb"220 ")),
    ),
    "imap": (Turn(b"", _line(rb"\* OK")), Turn(b"a STARTTLS\r\n", _line(rb"a OK"))),
    "pop3": (Turn(b"", _line(rb"\+OK")), Turn(b"STLS\r\n", _line(rb"\+OK"))),
    "ftp": (Turn(b"", _line(rb"220 ")), Turn(b"AUTH TLS\r\n", _line(rb"234"))),
    "postgres": (Turn(b"\x00\x00\x00\x08\x04\xd2\x16\x2f", re.compile(rb"^S")),),
}


def go_over(connection: Connection, protocol: str, deadline: Deadline) -> str:
    """Speak until TLS may begin; return why it may not, empty where it may."""
    for turn in TURNS[protocol]:
        if turn.says and not connection.send(turn.says):
            return "the server did not read what was said before TLS"
        answer = b""
        while not turn.wants.search(answer):
            data = connection.receive(deadline)
            answer += data
            if not data or len(answer) > MAX_ANSWER:
                return _refused(protocol, answer)
    return ""


def _refused(protocol: str, answer: bytes) -> str:
    if not answer:
        return f"no answer that {protocol} would have"
    line = (answer.strip().splitlines() or [answer])[-1][:100].decode("utf-8", "backslashreplace")
    return f"the server does not go over to TLS in {protocol}: {line}"
