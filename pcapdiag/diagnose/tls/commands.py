"""``openssl s_client`` with this connection's own address, name and protocols filled in."""

from __future__ import annotations

from pcapdiag.diagnose.goodbye import is_tls
from pcapdiag.model.harmless import command_word, is_command_word
from pcapdiag.model.story import Story
from pcapdiag.model.tls import TlsFacts

COMMON_ALPN = ("h2", "http/1.1")
ALPN_LISTED = 6
"""Protocols of the client's list that go into a command."""
POSTGRES_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
LDAP_START_TLS = b"1.3.6.1.4.1.1466.20037"
"""RFC 4511 section 4.14.1."""
MYSQL_GREETING = b"\x00\x00\x00\x0a"
"""Packet number 0 and protocol version 10."""
GREETINGS = ((b"* OK", "imap"), (b"+OK", "pop3"))
WITH_SLASH = ("http/1.1", "http/1.0")
"""Registered names that are no plain words and harmless all the same."""


def s_client_words(story: Story, facts: TlsFacts | None) -> dict[str, str]:
    """Return the commands that the kinds' templates use, by name."""
    start = _start(story, facts)
    return {
        "s_client": f"{start} </dev/null",
        "s_client_alpn": f"{_start(story, facts, COMMON_ALPN)} </dev/null",
        "s_client_tls12": f"{start} -tls1_2 </dev/null",
        "s_client_tls13": f"{start} -tls1_3 </dev/null",
        "s_client_chain": f"{start} -showcerts </dev/null",
        "s_client_key": f"{start} -cert CLIENT.pem -key CLIENT.key </dev/null",
    }


def s_client(story: Story, facts: TlsFacts | None, name: str | None = None) -> str:
    """Return the command that repeats the handshake, ready for a POSIX shell.

    It asks for another ``name`` where one is given. A name or protocol that a shell or OpenSSL
    could misread is left out.
    """
    return f"{_start(story, facts, name=name)} </dev/null"


def _start(
    story: Story,
    facts: TlsFacts | None,
    alpn: tuple[str, ...] | None = None,
    name: str | None = None,
) -> str:
    """Return the command's beginning; it offers ``alpn``, or what the client did."""
    import shlex  # Only here: most captures need it not.

    hello = facts.client_hello if facts else None
    parts = ["openssl s_client -connect", shlex.quote(story.responder.host_port)]
    sent = name or (hello.sni if hello else None)
    asked = command_word(sent) if sent else None
    if asked or not sent:
        parts += ["-servername", asked] if asked else ["-noservername"]
    offered = alpn or (hello.alpn if hello else ())
    protocols = [p for p in offered if is_command_word(p) or p in WITH_SLASH]
    before = _starttls(story)
    if before:
        parts += ["-starttls", before]
    if protocols:
        parts += ["-alpn", ",".join(protocols[:ALPN_LISTED])]
    return " ".join(parts)


def _starttls(story: Story) -> str | None:
    """Return OpenSSL's name of the protocol within which TLS began, where the first bytes tell."""
    asked, greeted = story.hello_initiator, story.hello_responder
    if asked.startswith(POSTGRES_SSL_REQUEST):
        return "postgres"
    if LDAP_START_TLS in asked:
        return "ldap"
    if is_tls(story):
        return None
    if greeted[1:5] == MYSQL_GREETING:
        return "mysql"
    if greeted.startswith(b"220"):
        return "smtp" if asked[:4].upper() in (b"EHLO", b"HELO") else "ftp"
    return next((name for first, name in GREETINGS if greeted.startswith(first)), None)
