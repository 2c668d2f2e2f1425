"""Whether the hot modules run compiled."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

COMPILED_MODULES = (
    "pcapdiag.capture.ahead",
    "pcapdiag.capture.merge",
    "pcapdiag.capture.packet_options",
    "pcapdiag.capture.walk",
    "pcapdiag.capture.window",
    "pcapdiag.decode.headers",
    "pcapdiag.decode.links",
    "pcapdiag.decode.rows",
    "pcapdiag.decode.tunnels",
    "pcapdiag.decode.wifi",
    "pcapdiag.flow.activity",
    "pcapdiag.flow.callers",
    "pcapdiag.flow.closing",
    "pcapdiag.flow.copies",
    "pcapdiag.flow.counters",
    "pcapdiag.flow.endings",
    "pcapdiag.flow.folding",
    "pcapdiag.flow.graves",
    "pcapdiag.flow.handshake",
    "pcapdiag.flow.harmless",
    "pcapdiag.flow.health",
    "pcapdiag.flow.icmp_errors",
    "pcapdiag.flow.kept",
    "pcapdiag.flow.lanes",
    "pcapdiag.flow.leaks",
    "pcapdiag.flow.legs",
    "pcapdiag.flow.losses",
    "pcapdiag.flow.midway",
    "pcapdiag.flow.openings",
    "pcapdiag.flow.places",
    "pcapdiag.flow.records",
    "pcapdiag.flow.redirects",
    "pcapdiag.flow.screen",
    "pcapdiag.flow.secured",
    "pcapdiag.flow.sequence",
    "pcapdiag.flow.silence",
    "pcapdiag.flow.slabs",
    "pcapdiag.flow.spans",
    "pcapdiag.flow.table",
    "pcapdiag.flow.tracker",
    "pcapdiag.flow.turns",
    "pcapdiag.protocols.http.field_scan",
    "pcapdiag.protocols.http.skim",
    "pcapdiag.protocols.http.skimmed_stream",
)
"""The same modules as ``ext-modules`` in pyproject.toml; a test holds the two together."""


def is_compiled() -> bool:
    """Return whether every module of COMPILED_MODULES is loaded from an extension."""
    return all(_is_extension(name) for name in COMPILED_MODULES)


def _is_extension(name: str) -> bool:
    spec = find_spec(name)
    origin = spec.origin if spec else None
    return origin is not None and origin.endswith(tuple(EXTENSION_SUFFIXES))
