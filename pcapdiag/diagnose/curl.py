"""curl as a connection speaks: over TLS with its server name, or HTTP/2 without asking first."""

from __future__ import annotations

from pcapdiag.diagnose.goodbye import H2_PREFACE, speaks_tls
from pcapdiag.diagnose.tls_state import tls_facts
from pcapdiag.model.harmless import command_word
from pcapdiag.model.story import Story

CURL, PLAIN = "curl ", "'http://"


def as_it_speaks(command: str, story: Story) -> str:
    """Return a command for what the connection spoke; one that says so itself stays as it is.

    The certificate is not checked: an address is called, and not the name that it is for.
    """
    if not command.startswith(CURL) or PLAIN not in command:
        return command
    rest = command.removeprefix(CURL)
    if speaks_tls(story):
        begin, _, after = rest.partition(PLAIN)
        address, _, path = after.partition("/")
        name = _server_name(story)
        if name is None:
            return f"{CURL}-k {begin}'https://{address}/{path}"
        host = f"{name}:{story.responder.port}"
        return f"{CURL}-k {begin}--connect-to '::{address}' 'https://{host}/{path}"
    if story.hello_initiator.startswith(H2_PREFACE):
        return f"{CURL}--http2-prior-knowledge {rest}"
    return command


def _server_name(story: Story) -> str | None:
    facts = tls_facts(story)
    hello = facts.client_hello if facts is not None else None
    return command_word(hello.sni) if hello is not None and hello.sni else None
