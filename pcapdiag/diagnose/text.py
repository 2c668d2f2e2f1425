"""Texts for people: a kind's templates filled with this connection's own numbers.

Addresses, ports, numbers and our own words go in; what a capture's payload wrote only made
harmless, and into commands only as a plain word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from pcapdiag.diagnose.curl import as_it_speaks
from pcapdiag.diagnose.goodbye import speaks_tls
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.own_check import in_curls_place, own_check
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import answer_in_time
from pcapdiag.model.addresses import is_loopback
from pcapdiag.model.ends import HostPort, host_in_url
from pcapdiag.model.http_methods import STARTS
from pcapdiag.model.packet import FIN, RST, SYN
from pcapdiag.model.report import Side
from pcapdiag.model.story import Story
from pcapdiag.model.units import counted

PREFACE = b"PR"
"""HTTP/2's preface and a PROXY header, behind which there may be HTTP."""

AS_HOST = "_host"
IP6_FLAGS = 40 + 13
"""Where TCP's flags are in an IPv6 packet without extension headers."""
FULL_PACKET, PING_HEADERS = 1500, {4: 28, 6: 48}
"""Bytes of the largest packet on Ethernet, and of ping's headers in it."""
Ends = tuple[HostPort, HostPort]
"""Address and port of the initiator, and of the responder."""
_RUN_ON = re.compile(r"# (?:on|from) \{(\w+)\}")


class Texts(msgspec.Struct, frozen=True):
    """What the report shows of a verdict in words; commands are ready for a POSIX shell."""

    title: str
    explanation: str
    fixes: tuple[str, ...]
    commands: tuple[str, ...]


class AtEnds(msgspec.Struct, frozen=True):
    """How the capture points next to a connection's two ends see it, where a NAT is between."""

    initiator: Ends
    responder: Ends


def fill(
    kind: Kind,
    judgement: Judgement,
    story: Story,
    side: Side = "unknown",
    at_ends: AtEnds | None = None,
) -> Texts:
    """Return the kind's texts for one connection, ``side`` being who is named for it.

    What is to be done names each end as it is known at itself: with ``at_ends`` that is told.
    """
    words = Words(story, judgement.facts)
    advice = Advice(story, judgement.facts, at_ends) if at_ends else None
    fixes, commands = kind.advice(side)
    fixes, commands = judgement.fixes or fixes, judgement.commands or commands
    if own_check(story) or _speaks_something_else(story):
        commands = in_curls_place(commands, story)
    return Texts(
        kind.title.format_map(words),
        kind.explanation.format_map(words),
        tuple([fix.format_map(advice.words if advice else words) for fix in fixes]),
        tuple(
            [
                _for_this(one.format_map(advice.words_for(one) if advice else words), kind, story)
                for one in commands
            ]
        ),
    )


def _for_this(command: str, kind: Kind, story: Story) -> str:
    """Return a command as it is run for this connection; other kinds say themselves how."""
    if kind.code.startswith(("tcp.", "http.")) and "--http" not in command:
        command = as_it_speaks(command, story)
    return _at_its_place(command, story)


def _at_its_place(command: str, story: Story) -> str:
    """Return a command with where to run it: a loopback address names no host to go to."""
    for half in (story.initiator, story.responder):
        if is_loopback(half.address):
            where = rf"# (on|from) {re.escape(half.address)}(?![\w.:]\w)"
            command = re.sub(where, r"# \1 the captured host", command)
    return command


def _speaks_something_else(story: Story) -> bool:
    """Return whether curl is of no use there: it wants a server that speaks HTTP."""
    first = story.hello_initiator
    return bool(first) and not speaks_tls(story) and not first.startswith((*STARTS, PREFACE))


class Words(dict[str, str]):
    """What a kind says of one connection, and the words that every template may use.

    Those are made when a template uses them.
    """

    def __init__(self, story: Story, facts: Mapping[str, str]) -> None:
        super().__init__(facts)
        self._story = story

    def __missing__(self, name: str) -> str:
        make = WORDS.get(name)
        if make is None:
            # An address as URLs and ss want it: any word that is one, by its name and this ending.
            address = name.removesuffix(AS_HOST)
            if address == name:
                raise KeyError(name)
            word = self[name] = host_in_url(self[address])
            return word
        word = self[name] = make(self._story)
        return word


class Advice:
    """Words for what is to be done about a connection that a NAT gives other ends at each point.

    A command is run on a host, and knows both ends as that host does.
    """

    def __init__(self, story: Story, facts: Mapping[str, str], at_ends: AtEnds) -> None:
        self._story, self._facts, self._at_ends = story, facts, at_ends
        self.words = self._seen_as((at_ends.initiator[0], at_ends.responder[1]))

    def words_for(self, command: str) -> Words:
        """Return the words of the host that a command says it is run on."""
        place = _RUN_ON.search(command)
        name = place[1] if place else ""
        words = Words(self._story, self._facts)
        address = words[name] if name else ""
        if address == self._story.responder.address:
            return self._seen_as(self._at_ends.responder)
        if address == self._story.initiator.address:
            return self._seen_as(self._at_ends.initiator)
        # One filter for both ends: only ports are left that both know.
        ports = dict.fromkeys(
            seen[1][1] for seen in (self._at_ends.initiator, self._at_ends.responder)
        )
        words["filter"] = "tcp and (" + " or ".join(f"port {port}" for port in ports) + ")"
        return words

    def _seen_as(self, ends: Ends) -> Words:
        halves = self._story.initiator, self._story.responder
        initiator, responder = (
            msgspec.structs.replace(half, address=address, port=port)
            for half, (address, port) in zip(halves, ends, strict=True)
        )
        story = msgspec.structs.replace(self._story, initiator=initiator, responder=responder)
        other: dict[str, str] = {}
        for half, own in zip(halves, (initiator, responder), strict=True):
            other |= {half.address: own.address, half.host_port: own.host_port}
        facts = {name: other.get(value, value) for name, value in self._facts.items()}
        return Words(story, facts)


def _filter(story: Story) -> str:
    client, server = story.initiator.address, story.responder
    return f"host {client} and host {server.address} and tcp port {server.port}"


def _behind(story: Story) -> str:
    """Return a filter for what the responder asks others, which may be on its own host.

    A sidecar that answers on loopback asks with the address that its application has.
    """
    client, server = story.initiator.address, story.responder
    if client == server.address or is_loopback(server.address):
        return f"tcp and not port {server.port}"
    return f"host {server.address} and not host {client}"


def flags_filter(flags: str, value: int, *, ip_version: int) -> str:
    """Return a filter of tcpdump for segments with one of these flags.

    ``tcp[...]`` looks into IPv4 alone, and with an IPv6 address it is refused (pcap-filter(7)).
    """
    if ip_version == 6:
        return f"ip6[{IP6_FLAGS}] & {value} != 0"
    return f"tcp[tcpflags] & {flags} != 0"


def _is(flags: str, value: int) -> Callable[[Story], str]:
    return lambda story: flags_filter(flags, value, ip_version=story.ip_version)


WORDS: dict[str, Callable[[Story], str]] = {
    "initiator": lambda story: story.initiator.host_port,
    "initiator_ip": lambda story: story.initiator.address,
    "initiator_port": lambda story: str(story.initiator.port),
    "responder": lambda story: story.responder.host_port,
    "closer": lambda story: story.responder.host_port,
    "responder_ip": lambda story: story.responder.address,
    "responder_port": lambda story: str(story.responder.port),
    "initiator_host": lambda story: host_in_url(story.initiator.address),
    "responder_host": lambda story: host_in_url(story.responder.address),
    "full_ping": lambda story: str(FULL_PACKET - PING_HEADERS[story.ip_version]),
    "scheme": lambda story: "https" if speaks_tls(story) else "http",
    "filter": _filter,
    "is_rst": _is("tcp-rst", RST),
    "is_rst_or_fin": _is("(tcp-rst|tcp-fin)", RST | FIN),
    "is_syn_or_rst": _is("(tcp-syn|tcp-rst)", RST | SYN),
    "behind": _behind,
    "iptables_save": lambda story: f"ip{'6' if story.ip_version == 6 else ''}tables-save",
    "nmap": lambda story: "nmap -6" if story.ip_version == 6 else "nmap",
    "lasted": lambda story: duration(story.end - story.start),
    "syns": lambda story: counted(story.syn_count, "SYN"),
    "request_bytes": lambda story: counted(story.turn.request_bytes, "byte"),
    "response_bytes": lambda story: counted(answer_in_time(story), "byte"),
}
