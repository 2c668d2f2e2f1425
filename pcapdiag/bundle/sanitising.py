"""What was cut out, with everything replaced in place that would say whose it is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pcapdiag.bundle.analysing import Roles
from pcapdiag.bundle.narrowing import Narrowed
from pcapdiag.bundle.original import Original
from pcapdiag.bundle.request import Request


class Sanitised(msgspec.Struct):
    """A capture that may be handed on, and how its owner's words are said in it."""

    path: str
    roles: Roles
    names: bytes = b""
    """A hosts file."""

    def check(self, members: Mapping[str, bytes]) -> None:
        """Raise ProofError where a member holds what must not be handed on."""


def left_as_it_is(narrowed: Narrowed, original: Original) -> Sanitised:
    """Return what was cut out as it was captured."""
    names = names_of(original, narrowed)
    return Sanitised(narrowed.path, narrowed.roles, _hosts(names))


def names_of(original: Original, narrowed: Narrowed) -> dict[str, str]:
    """Return the names of addresses in the cut that no packet says: of files and records."""
    said = original.analysis.names.said()
    near = {end.ip for one in narrowed.report.connections for end in (one.initiator, one.responder)}
    return {address: name for address, name in sorted(said.items()) if address in near}


def _hosts(names: Mapping[str, str]) -> bytes:
    lines = (f"{address}\t{name}\n" for address, name in names.items() if " " not in name)
    return "".join(lines).encode()


def sanitise(narrowed: Narrowed, original: Original, request: Request, folder: str) -> Sanitised:
    raise NotImplementedError
