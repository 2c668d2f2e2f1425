"""``manifest.json``: what is in a bundle, where it came from, and what was proven of it.

The classes mirror spec ``pcapdiag-bundle/1`` (docs/manifest.schema.json) member for member. Times
are decimal strings of seconds since the epoch, UTC; a SHA-256 is in hex.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from pcapdiag.bundle.comparing import Match
from pcapdiag.bundle.original import KeyMark
from pcapdiag.model.report import Generator

SCHEMA = "pcapdiag-bundle/1"


class Member(msgspec.Struct, kw_only=True):
    """One file of the bundle; the manifest itself is none of them."""

    name: str
    what: str
    size: int
    sha256: str


class OriginalFile(msgspec.Struct, kw_only=True):
    """A file that the bundle was made from; ``name`` is a made-up one where it was sanitised."""

    name: str
    sha256: str | None
    size: int
    format: str
    point: str | None = None
    """Label of its capture point, where there are several."""
    compression: str | None = None
    packets: int = 0
    first_time: str | None = None
    last_time: str | None = None
    complete: bool = True


class CutFacts(msgspec.Struct, kw_only=True):
    """How much of the originals the bundle's capture is."""

    packets: int
    packets_of_originals: int
    first_time: str | None = None
    last_time: str | None = None
    width: str
    """``implicated``: chosen connections and what belongs to them; ``endpoints``, ``hosts``: with
    others of the same endpoints, hosts; ``everything``."""
    filtered: bool = False
    """Filters chose the connections that the bundle is about."""
    not_chosen: int = 0
    """With filters: connections in it that they did not choose. They are other legs, causes, what
    findings name, and what the evidence rests on."""
    not_in_it: int = 0
    """Failed connections that had no room."""


class ClockOffset(msgspec.Struct, kw_only=True):
    """A clock other than the capture's: added to a time of ``of``, ``offset`` seconds give it."""

    of: str
    offset: float | None = None
    error: float | None = None


class KeptLog(msgspec.Struct, kw_only=True):
    """A log of which lines are in the bundle: those of its connections, and failed ones."""

    name: str
    product: str
    lines: int
    lines_of_original: int
    tied: int = 0
    """Connections of the bundle that a line was tied to in the originals."""
    tied_here: int = 0
    """The same in the bundle's own analysis."""


class Proof(msgspec.Struct, kw_only=True):
    """What was compared: the analysis of the bundle's capture with that of the originals."""

    connections: int
    differences: int = 0
    tolerance: float
    """By how much a confidence may have moved."""
    compared: list[str] = []
    findings_not_shown: list[str] = []
    """Codes of findings of the originals that rest on what is not in it: none is a failure."""
    scanned: int = 0
    """Members that were looked through for what was renamed."""
    found: int = 0


class KeyLogUse(msgspec.Struct, kw_only=True):
    """What TLS secrets had told of the originals: none of them is in the bundle."""

    used: bool = False
    connections: list[KeyMark] = []
    """Those that were judged otherwise with secrets: code, side and party both ways."""


class Manifest(msgspec.Struct, kw_only=True):
    """All of it."""

    schema: str = SCHEMA
    generator: Generator
    sanitised: bool
    altered: list[str] = []
    kept_networks: list[str] = []
    time_zone: str = "UTC"
    command: str
    """What shows the same report again, in the unpacked bundle."""
    vendor: str
    originals: list[OriginalFile]
    capture: CutFacts
    clocks: list[ClockOffset] = []
    logs: list[KeptLog] = []
    proof: Proof
    key_log: KeyLogUse
    connections: list[Match] = []
    """Streams and first frames here and in the originals; each frame is in ``frames.csv``."""
    members: list[Member] = []


def listed(members: Mapping[str, bytes], what: Mapping[str, str]) -> list[Member]:
    """Return the members of a bundle in order, with size and digest."""
    return [
        Member(
            name=name,
            what=what.get(name, ""),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        for name, content in members.items()
    ]


def render(manifest: Manifest) -> bytes:
    """Return a manifest as JSON, indented, with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
