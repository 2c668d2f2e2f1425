"""What was cut out, with everything replaced in place that would say whose it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import msgspec

from pcapdiag.bundle.analysing import Roles, Source
from pcapdiag.bundle.facts import altered
from pcapdiag.bundle.key import new_key
from pcapdiag.bundle.logs import LogExtract, extract, renamed
from pcapdiag.bundle.narrowing import Narrowed
from pcapdiag.bundle.networks import renamed_network
from pcapdiag.bundle.original import Original
from pcapdiag.bundle.own_file import own_blocks, replaced
from pcapdiag.bundle.request import Request
from pcapdiag.bundle.snapshots import State, states
from pcapdiag.bundle.snapshots import renamed as renamed_states
from pcapdiag.errors import ProofError
from pcapdiag.model.options import EndPattern
from pcapdiag.sanitize.originals import Originals
from pcapdiag.sanitize.packet import PacketSanitizer
from pcapdiag.sanitize.renamer import Renamer
from pcapdiag.sanitize.scan import leaks
from pcapdiag.sanitize.streams import StreamSanitizer
from pcapdiag.sanitize.text import TextSanitizer

MAX_ROUNDS = 4
"""How often it is gone through again where a stand-in is somebody else's original."""
MAX_TOLD = 5
"""Findings of the scan that are told."""


class Treated(msgspec.Struct):
    """Captures that may be handed on, and how their owner's words are said in them."""

    sources: list[Source]
    roles: Roles
    names: bytes = b""
    """A hosts file."""
    logs: list[LogExtract] = []
    states: list[State] = []
    originals: Originals | None = None
    """What was replaced, and must not be found; None where nothing was."""
    altered: list[str] = []
    """In sentences, what is not as it was captured."""

    @property
    def told(self) -> str:
        """What the captures say of themselves."""
        if self.originals is None:
            return "pcapdiag: Cut out of a larger capture, otherwise as it was captured."
        return f"pcapdiag: THIS CAPTURE WAS ALTERED. {' '.join(self.altered)}"

    def check(self, members: Mapping[str, bytes]) -> None:
        """Raise ProofError where a member holds what was replaced; never saying what it is."""
        if self.originals is None:
            return
        found = leaks(members, self.originals)
        if found:
            told = [str(leak) for leak in found[:MAX_TOLD]]
            if len(found) > len(told):
                told.append(f"and {len(found) - len(told):,} more")
            raise ProofError(f"no bundle: it would still hold originals: {'; '.join(told)}")


def left_as_it_is(narrowed: Narrowed, original: Original, request: Request) -> Treated:
    """Return what was cut out as it was captured."""
    names = names_of(original, narrowed)
    logs = extract(original, narrowed.frames)
    found = states(request.options.snapshots, original.report)
    return Treated(
        narrowed.sources, narrowed.roles, _hosts(names), logs, found, None, altered(request)
    )


def sanitise(narrowed: Narrowed, original: Original, request: Request, folder: str) -> Treated:
    """Return what was cut out with all replaced that tells of its owner.

    Raises SanitizeError where there are no stand-ins left.
    """
    request.tell("renaming addresses and names, overwriting contents")
    renamer = Renamer(request.key or new_key(), request.keep)
    names, logs = names_of(original, narrowed), extract(original, narrowed.frames)
    taken = states(request.options.snapshots, original.report)
    sources = [
        Source(one.label, os.path.join(folder, f"sanitised-{number}.pcapng"))
        for number, one in enumerate(narrowed.sources, 1)
    ]
    for _ in range(MAX_ROUNDS):
        roles = _renamed_roles(narrowed.roles, renamer)
        hosts = _renamed_names(names, renamer)
        for before, after in zip(narrowed.sources, sources, strict=True):
            _write(before.path, after.path, renamer)
        # Behind the packets: what is a name, a word or a credential there is one in texts.
        texts = TextSanitizer(renamer)
        said = renamed(logs, texts.text)
        shown = renamed_states(taken, texts.text, renamer)
        if not renamer.originals.clashes() and not renamer.originals.misfits():
            break
        renamer = renamer.with_originals(renamer.originals)
    return Treated(sources, roles, _hosts(hosts), said, shown, renamer.originals, altered(request))


def _write(source: str, target: str, renamer: Renamer) -> None:
    """Go through a capture twice: what is in it has to be understood before it is replaced."""
    streams = StreamSanitizer(renamer)
    packets = PacketSanitizer(renamer, streams)
    with open(source, "rb") as file:
        for _, packet in own_blocks(file):
            if packet is not None:
                packets.take(packet.data, packet.link_type, packet.length, packet.frame)
    streams.conclude()
    with open(source, "rb") as file, open(target, "wb") as copy:
        for block, packet in own_blocks(file):
            if packet is None:
                copy.write(block)
                continue
            data = packets.sanitize(packet.data, packet.link_type, packet.length, packet.frame)
            copy.write(replaced(block, data))


def names_of(original: Original, narrowed: Narrowed) -> dict[str, str]:
    """Return the names of addresses in the cut that no packet says: of files and records."""
    said: dict[str, str] = {}
    for part in reversed(original.parts):
        said |= part.analysis.names.said()
    connections = narrowed.report.connections
    near = {end.ip for one in connections for end in (one.initiator, one.responder)}
    return {address: name for address, name in sorted(said.items()) if address in near}


def _renamed_names(names: Mapping[str, str], renamer: Renamer) -> dict[str, str]:
    return {
        renamer.address_text(address): renamer.name(name.encode()).decode("ascii", "replace")
        for address, name in names.items()
    }


def _hosts(names: Mapping[str, str]) -> bytes:
    lines = (f"{address}\t{name}\n" for address, name in names.items() if len(name.split()) == 1)
    return "".join(lines).encode()


def _renamed_roles(roles: Roles, renamer: Renamer) -> Roles:
    def renamed(patterns: Iterable[EndPattern]) -> tuple[EndPattern, ...]:
        return tuple(_renamed_end(one, renamer) for one in patterns)

    return Roles(renamed(roles.proxies), renamed(roles.clients), renamed(roles.upstreams))


def _renamed_end(pattern: EndPattern, renamer: Renamer) -> EndPattern:
    return EndPattern(renamed_network(pattern.network, renamer), pattern.port)
