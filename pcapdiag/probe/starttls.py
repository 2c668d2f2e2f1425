"""Protocols that begin in the clear and go over to TLS when asked: what is said until then.

Sources: RFC 3207 (SMTP), RFC 9051 section 6.2.1 (IMAP), RFC 2595 section 4 (POP3), RFC 4217
section 4 (FTP), PostgreSQL's protocol (SSLRequest), MySQL's ("Connection Phase": SSLRequest) and
RFC 4511 section 4.14 (LDAP).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import NamedTuple

from pcapdiag.probe.connection import Connection, Deadline

MAX_ANSWER = 8 * 1024
"""Bytes of an answer that are waited for; a server's capabilities have a few hundred."""
_NAME = b"pcapdiag-probe"


class Turn(NamedTuple):
    """What is said (nothing: the server speaks first), and the answer that lets it go on."""

    says: bytes
    wants: re.Pattern[bytes] | None
    """None: no answer comes."""
    ends: re.Pattern[bytes]
    """A whole answer; where it is not the one that is wanted, it is a refusal."""


def _line(begins: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:^|\n)(?:" + begins + rb")[^\n]*\n")


_REPLY = _line(rb"\d{3} ")
"""The last line of an answer of SMTP and FTP."""
_IMAP = _line(rb"a (?:OK|NO|BAD)|\* BYE")
_POP3 = _line(rb"\+OK|-ERR")
_CLIENT_SSL = 0x0800
_MYSQL_ASKS = b"\x20\x00\x00\x01" + struct.pack("<IIB23x", 0x8A00, 1 << 24, 33)
"""SSLRequest: CLIENT_SSL, CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION; 16 MiB; utf8."""
_CAPABLE = b"".join(b"\\x%02x" % high for high in range(0x100) if high & _CLIENT_SSL >> 8)
_MYSQL_HEAD = rb"^...\x00\x0a[^\x00]*+\x00.{12}\x00."
"""Packet 0, protocol 10, version, thread, salt, filler, and the low byte of the capabilities."""
_MYSQL_ERROR = b"\xff"
_LDAP_OID = b"1.3.6.1.4.1.1466.20037"
_LDAP_ASKS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _LDAP_OID
_LENGTH = rb"(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)"
_LDAP = rb"^\x30" + _LENGTH + rb"\x02\x01\x01\x78" + _LENGTH + rb"\x0a\x01"

TURNS: Mapping[str, tuple[Turn, ...]] = {
    "smtp": (
        Turn(b"", _line(rb"220 "), _REPLY),
        Turn(b"EHLO " + _NAME + b"\r\n", _line(rb"250 "), _REPLY),
        Turn(b"STARTTLS\r\n", _line(rb"220 "), _REPLY),
    ),
    "imap": (
        Turn(b"", _line(rb"\* OK"), _line(rb"\* ")),
        Turn(b"a STARTTLS\r\n", _line(rb"a OK"), _IMAP),
    ),
    "pop3": (
        Turn(b"", _line(rb"\+OK"), _POP3),
        Turn(b"STLS\r\n", _line(rb"\+OK"), _POP3),
    ),
    "ftp": (
        Turn(b"", _line(rb"220 "), _REPLY),
        Turn(b"AUTH TLS\r\n", _line(rb"234"), _REPLY),
    ),
    "postgres": (
        Turn(b"\x00\x00\x00\x08\x04\xd2\x16\x2f", re.compile(rb"^S"), re.compile(rb"^.", re.S)),
    ),
    "mysql": (
        Turn(
            b"",
            re.compile(_MYSQL_HEAD + b"[" + _CAPABLE + b"]", re.S),
            re.compile(_MYSQL_HEAD + rb".|^...\x00[^\x0a]", re.S),
        ),
        Turn(_MYSQL_ASKS, None, _REPLY),
    ),
    "ldap": (
        Turn(_LDAP_ASKS, re.compile(_LDAP + rb"\x00", re.S), re.compile(_LDAP + rb".", re.S)),
    ),
}


class Refused(NamedTuple):
    """Why TLS may not begin: in words, and whether the server said so itself."""

    says: str
    by_server: bool


def go_over(connection: Connection, protocol: str, deadline: Deadline) -> Refused | None:
    """Speak until TLS may begin; return why it may not, None where it may."""
    for turn in TURNS[protocol]:
        if turn.says and not connection.send(turn.says):
            return Refused("the server did not read what was said before TLS", by_server=False)
        if turn.wants is None:
            continue
        answer = b""
        while not turn.wants.search(answer):
            if turn.ends.search(answer):
                return _refused(protocol, answer, by_server=True)
            data = connection.receive(deadline)
            answer += data
            if not data or len(answer) > MAX_ANSWER:
                return _refused(protocol, answer, by_server=False)
    return None


def _refused(protocol: str, answer: bytes, *, by_server: bool) -> Refused:
    if not answer:
        return Refused(f"no answer that {protocol} would have", by_server)
    return Refused(
        f"the server does not go over to TLS in {protocol}: {_told(protocol, answer)}", by_server
    )


def _told(protocol: str, answer: bytes) -> str:
    """Return a refusal in its own words, or what its numbers mean."""
    if protocol == "ldap" and (found := re.match(_LDAP + rb"(.)", answer, re.S)):
        return f"result code {found[1][0]}"
    if protocol == "mysql" and re.match(_MYSQL_HEAD, answer, re.S):
        return "its greeting does not offer it (no CLIENT_SSL)"
    if protocol == "mysql" and answer[4:5] == _MYSQL_ERROR:
        answer = answer[7:]
    line = (answer.strip().splitlines() or [answer])[-1][:100]
    return line.decode("utf-8", "backslashreplace")
