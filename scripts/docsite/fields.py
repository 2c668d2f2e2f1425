"""What the members of the report's classes mean, by the schema's own words.

The classes mirror the schema member for member, so each member is described once, in the schema,
and the page of the Python interface quotes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import get_args, get_type_hints

import msgspec

from docsite import schema
from pcapdiag.model.report import Report


@cache
def descriptions() -> dict[str, str]:
    """Return the text of each member by its full name, as ``pcapdiag.model.report.Reset.frame``."""
    whole = schema.load()
    found: dict[str, str] = {}
    _describe(Report, whole, whole, found)
    return found


def _describe(kind: type, node: schema.Node, whole: schema.Node, found: dict[str, str]) -> None:
    hints = get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        member = node.get("properties", {}).get(field.encode_name)
        name = f"{kind.__module__}.{kind.__qualname__}.{field.name}"
        if member is None or name in found:
            continue
        found[name] = member.get("description", "")
        for inner in _classes(hints[field.name]):
            _describe(inner, _resolved(member, whole), whole, found)


def _classes(hint: object) -> Iterator[type]:
    """Yield the report's classes that a type is made of."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for part in get_args(hint):
        yield from _classes(part)


def _resolved(member: schema.Node, whole: schema.Node) -> schema.Node:
    member = member.get("items", member)
    if "$ref" in member:
        node: schema.Node = whole["$defs"][member["$ref"].rpartition("/")[2]]
        return node
    return member


def as_restructured(text: str) -> str:
    """Return a text of the schema (Markdown's code) as reStructuredText."""
    text = re.sub(r"`([^`]+)`", r"``\1``", text)
    return text[:1].upper() + text[1:]
