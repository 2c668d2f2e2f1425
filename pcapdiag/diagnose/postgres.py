"""PostgreSQL's last word: an error of severity FATAL, behind which the server ends the session.

One about the server itself is no answer to anything: no connection free, shutting down, a pooler's
wait that was too long. One about the login or the statement is (its documentation, "Error and
Notice Message Fields" and "PostgreSQL Error Codes").
"""

from __future__ import annotations

from pcapdiag.model.once import once
from pcapdiag.model.story import Story

STARTUP, SSL_REQUEST = b"\x00\x03\x00\x00", b"\x04\xd2\x16\x2f"
"""Protocol version 3.0, and what is asked in its place before TLS ("Message Formats")."""
OF_STARTUP = (b"\0", b"p")
"""How a client's messages begin until it has a session: a length, or the answer to a password's
request. All later ones begin with another letter."""
ERROR, NOTICE = b"E", b"N"
FATAL = (b"FATAL", b"PANIC")
ABOUT_THE_SERVER = (b"08", b"53", b"57", b"58", b"XX")
"""Classes of SQLSTATE: connection (PgBouncer's only one), resources, operator, system, internal."""
ENDING = b"57P"
"""A server that is stopped at once says it in a notice, and ends (measured)."""
HEAD = 5
"""Kind and length of a message; the length counts itself."""
BEFORE_ROWS = (b"T", b"t", b"1", b"2", b"3", b"n", b"N")
"""RowDescription, ParameterDescription, what completes Parse, Bind and Close, NoData, notices."""


def is_postgres(story: Story) -> bool:
    """Return whether the initiator's first message is PostgreSQL's."""
    hello = story.hello_initiator
    whole = len(hello) >= 8 and 8 <= int.from_bytes(hello[:4], "big") <= len(hello)
    return whole and hello[4:8] in (STARTUP, SSL_REQUEST)


@once
def last_word(story: Story) -> str:
    """Return what the server says of itself in place of an answer; empty where it answered.

    The description of the rows, of which none came, is no answer yet.
    """
    answer, at = story.turn.response_head, 0
    if not is_postgres(story) or len(answer) != story.turn.response_bytes:
        return ""
    while at + HEAD <= len(answer):
        end = at + 1 + int.from_bytes(answer[at + 1 : at + HEAD], "big")
        kind = answer[at : at + 1]
        if kind == ERROR or (kind == NOTICE and end == len(answer)):
            said = _about_the_server(kind, answer[at + HEAD : end])
            return said if _only_errors(answer, end) else ""
        if kind not in BEFORE_ROWS or end <= at:
            return ""
        at = end
    return ""


def _only_errors(answer: bytes, at: int) -> bool:
    """Return whether nothing else follows: a pooler adds its own to the server's (measured)."""
    while answer[at : at + 1] == ERROR and at + HEAD <= len(answer):
        at += 1 + int.from_bytes(answer[at + 1 : at + HEAD], "big")
    return at == len(answer)


def _about_the_server(kind: bytes, body: bytes) -> str:
    fields = {field[:1]: field[1:] for field in body.split(b"\0") if field}
    code, severity = fields.get(b"C", b""), fields.get(b"V", fields.get(b"S", b""))
    fatal = kind == ERROR and severity in FATAL and code.startswith(ABOUT_THE_SERVER)
    if not fatal and not (kind == NOTICE and code.startswith(ENDING)):
        return ""
    return fields.get(b"M", b"").decode("utf-8", "replace")


def refused_startup(story: Story) -> bool:
    """Return whether that came in place of a session, before any statement was taken."""
    return bool(last_word(story)) and story.turn.request_head.startswith(OF_STARTUP)
