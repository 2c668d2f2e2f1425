"""Texts for people: a kind's templates filled with this connection's own numbers.

Addresses, ports, numbers and our own words go in; what a capture's payload wrote only made
harmless, and into commands only as a plain word.
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.completeness import METHODS
from pcapdiag.diagnose.goodbye import speaks_tls
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import answer_in_time
from pcapdiag.model.story import Half, Story

PREFACE = b"PR"
"""HTTP/2's preface and a PROXY header, behind which there may be HTTP."""


class Texts(msgspec.Struct, frozen=True):
    """What the report shows of a verdict in words; commands are ready for a POSIX shell."""

    title: str
    explanation: str
    fixes: tuple[str, ...]
    commands: tuple[str, ...]


def fill(kind: Kind, judgement: Judgement, story: Story) -> Texts:
    """Return the kind's texts for one connection."""
    words = base_words(story) | judgement.facts
    foreign = _speaks_something_else(story)
    return Texts(
        kind.title.format_map(words),
        kind.explanation.format_map(words),
        tuple(fix.format_map(words) for fix in kind.fixes),
        tuple(
            command.format_map(words)
            for command in kind.commands
            if not (foreign and command.startswith("curl "))
        ),
    )


def _speaks_something_else(story: Story) -> bool:
    """Return whether curl is of no use there: it wants a server that speaks HTTP."""
    first = story.hello_initiator
    return bool(first) and not speaks_tls(story) and not first.startswith((*METHODS, PREFACE))


def base_words(story: Story) -> dict[str, str]:
    """Return the words that every template may use."""
    client, server = story.initiator, story.responder
    return {
        "initiator": end_name(client),
        "initiator_ip": client.address,
        "initiator_port": str(client.port),
        "responder": end_name(server),
        "responder_ip": server.address,
        "responder_port": str(server.port),
        "responder_host": host_in_url(server.address),
        "filter": f"host {client.address} and host {server.address} and tcp port {server.port}",
        "lasted": duration(story.end - story.start),
        "syns": counted(story.syn_count, "SYN"),
        "request_bytes": counted(story.turn.request_bytes, "byte"),
        "response_bytes": counted(answer_in_time(story), "byte"),
        "gap": duration(story.turn.gap),
    }


def end_name(half: Half) -> str:
    """Return address and port as one word, IPv6 in brackets (RFC 5952 section 6)."""
    return f"{host_in_url(half.address)}:{half.port}"


def host_in_url(address: str) -> str:
    """Return an address as a URL wants it (RFC 3986 section 3.2.2)."""
    return f"[{address}]" if ":" in address else address


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 SYN``, ``1,200 bytes``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
