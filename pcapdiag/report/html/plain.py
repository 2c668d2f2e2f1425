"""A report's values as the page embeds them: what strangers wrote is masked and harmless."""

from __future__ import annotations

import base64
import zlib

import msgspec

from pcapdiag.report.escape import shown

LEVEL = 9
"""zlib's best: a report is written once and mailed."""


def plain(value: object) -> object:
    """Return a report's value as JSON has it, with every text as the terminal would show it."""
    return _shown(msgspec.to_builtins(value))


def packed(value: object) -> str:
    """Return a value as deflated JSON in base64: nothing in it can end a script element."""
    return packed_json(msgspec.json.encode(value))


def packed_json(text: bytes) -> str:
    """Return the same of what is JSON already."""
    return base64.b64encode(zlib.compress(text, LEVEL)).decode()


def _shown(value: object) -> object:
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {name: _shown(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(member) for member in value]
    return value
