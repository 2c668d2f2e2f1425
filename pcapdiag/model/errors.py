"""Every error that pcapdiag raises on purpose: one flat tree, each message one clear line."""

from __future__ import annotations


class PcapdiagError(Exception):
    """Base of all; ``str(error)`` is one clear line without a trailing full stop."""


class InputError(PcapdiagError):
    """An input gave nothing to work on: missing, not readable, not a capture (exit status 2)."""


class NamesError(InputError):
    """A names file could not be read."""


class OutputError(PcapdiagError):
    """A result could not be written (exit status 3)."""
