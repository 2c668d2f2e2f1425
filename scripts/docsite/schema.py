"""The report's JSON Schema as a page: one table per object, made when the site is built."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from docsite.places import SCHEMA

Node = dict[str, Any]

MARK = "<!-- members of the schema -->"
"""Where the page docs/json.md has the tables."""


class Table(NamedTuple):
    """An object of the schema: its heading, how deep that is, its path, and the object."""

    heading: str
    level: int
    path: str
    node: Node


def load() -> Node:
    """Return the schema."""
    schema: Node = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return schema


def members(schema: Node) -> Iterator[tuple[str, Node]]:
    """Yield every member of the schema with its path, such as ``capture.files[].path``."""
    yield from _members("", schema)
    for name, node in schema["$defs"].items():
        yield from _members(f"{name}.", node)


def _members(path: str, node: Node) -> Iterator[tuple[str, Node]]:
    for name, member in node.get("properties", {}).items():
        yield path + name, member
        inner = member.get("items", member)
        yield from _members(f"{path}{name}{'[]' if 'items' in member else ''}.", inner)


def page(text: str) -> str:
    """Return the page's text with the tables in the place of their mark."""
    return text.replace(MARK, markdown(load()))


def markdown(schema: Node) -> str:
    """Return a heading and a table for the document and for each object in it."""
    parts = []
    for table in _tables(schema):
        parts.append(f"{'#' * table.level} {table.heading}\n")
        description = table.node.get("description")
        if description:
            parts.append(f"{_sentence(description)}\n")
        rows = [_row(table, name, member) for name, member in table.node["properties"].items()]
        parts.append("| member | type | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _tables(schema: Node) -> Iterator[Table]:
    yield Table("The document", 2, "", {"properties": schema["properties"]})
    yield from _inner("", schema)
    for name, node in schema["$defs"].items():
        if "properties" in node:
            yield Table(_heading(name), 2, _heading(name).lower(), node)
            yield from _inner(f"{_heading(name).lower()}.", node)


def _inner(path: str, node: Node) -> Iterator[Table]:
    for name, member in node["properties"].items():
        inner = member.get("items", member)
        if "properties" in inner:
            heading = f"{path}{name}{'[]' if 'items' in member else ''}"
            yield Table(heading, 3, heading, {"properties": inner["properties"]})
            yield from _inner(f"{heading}.", inner)


def _row(table: Table, name: str, member: Node) -> str:
    path = f"{table.path}.{name}".lstrip(".")
    return f"| `{name}` | {_type(path, member)} | {_text(member)} |"


def _text(member: Node) -> str:
    return _sentence(member.get("description", "")).replace("|", "\\|")


def _sentence(text: str) -> str:
    return text if text.startswith("`") else text[:1].upper() + text[1:]


def _type(path: str, member: Node) -> str:
    if "$ref" in member:
        name = member["$ref"].rpartition("/")[2]
        node = load()["$defs"][name]
        if "properties" in node:
            return f"[{_heading(name)}](#{_anchor(_heading(name))})"
        return _type(path, node)
    if "const" in member:
        return f'`"{member["const"]}"`'
    if "enum" in member:
        return ", ".join("null" if one is None else f"`{one}`" for one in member["enum"])
    if "items" in member:
        inner = _type(f"{path}[]", member["items"]) if member["items"] != {"type": "array"} else ""
        return f"list of {inner or 'lists'}"
    names = member.get("type", "object")
    kinds = [names] if isinstance(names, str) else list(names)
    return " or ".join(_kind(path, member, kind) for kind in kinds)


def _kind(path: str, member: Node, kind: str) -> str:
    if kind == "object" and "properties" in member:
        return f"[object](#{_anchor(path)})"
    if kind == "object" and "additionalProperties" in member:
        return f"object of {_type(path, member['additionalProperties'])}"
    return kind


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
