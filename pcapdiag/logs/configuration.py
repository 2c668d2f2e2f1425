"""Formats of logs as they stand in the proxies' own configuration files.

Only what says how lines look is taken; the rest is not understood, and need not be right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pcapdiag.errors import UsageError
from pcapdiag.model.logs import Product

MAX_FILE = 16 * 1024 * 1024
"""Bytes of a configuration file."""
MAX_LINE = 20_000
"""Characters of a line of YAML."""
MAX_FORMATS = 50
"""Formats of one file."""
MAX_DEPTH = 100
"""Objects within objects of Envoy's JSON configuration."""

_NGINX = re.compile(
    r"\blog_format\s+(\S+)\s+(?:escape=\w+\s+)?"
    r"((?>(?:\s*+(?:'(?>(?:[^'\\]|\\.)*)'|\"(?>(?:[^\"\\]|\\.)*)\"|[^\s;'\"]++))+))\s*;"
)
_NGINX_WORD = re.compile(r"'((?>(?:[^'\\]|\\.)*))'|\"((?>(?:[^\"\\]|\\.)*))\"|([^\s;'\"]++)")
_INGRESS = re.compile(r"^\s*(log-format-(?:upstream|stream)):\s*(.*)$", re.MULTILINE)
_HAPROXY = re.compile(r"^\s*((?:error-)?log-format)\s+(.+)$", re.MULTILINE)
_HAPROXY_WORD = re.compile(r"\"((?>(?:[^\"\\]|\\.)*))\"|'([^']*+)'|((?>(?:[^\s\"'\\#]|\\.)+))")
_OPERATOR = re.compile(r"%[A-Z][A-Z_0-9]+(?:\([^%]*\))?(?::\d+)?%")
_KEY = re.compile(r"^(\s*)(?:- )?[\"']?([\w.:@/-]+?)[\"']?:\s*(.*?)\s*$")
_TEXT_KEYS = frozenset({"text_format", "inline_string", "format", "text", "accessLogFormat"})
_OBJECT_KEYS = frozenset({"json_format", "json", "labels"})
_BLOCK = re.compile(r"[|>][+-]?\d?$")

Form = str | dict[str, str]
"""A format string, or the members of a JSON format by their path."""


def formats_in(product: Product, path: str) -> list[tuple[str, Form]]:
    """Return the formats in a file, each with what it is called there.

    Of several that are called alike all but the first have a number, too.
    A file without any, but with a format's signs, is a format string as a whole. Raises UsageError
    for one that cannot be read or has none.
    """
    text = _read(path)
    finders = {"nginx": _nginx, "haproxy": _haproxy, "envoy": _envoy}
    found = [one for one, _ in zip(finders[product](text), range(MAX_FORMATS), strict=False)]
    whole = text.strip()
    if not found and ("$" if product == "nginx" else "%") in whole and "\n" not in whole:
        found = [(path, whole)]
    if not found:
        what = {
            "nginx": "log_format",
            "haproxy": "log-format",
            "envoy": "text_format or json_format",
        }
        raise UsageError(
            f"{path}: has no format of a log", f"what is looked for is {what[product]}"
        )
    return _named_apart(found)


def _named_apart(found: list[tuple[str, Form]]) -> list[tuple[str, Form]]:
    """Number the formats of one name from the second on; those that say the same are one."""
    seen: dict[str, list[Form]] = {}
    made = []
    for name, form in found:
        alike = seen.setdefault(name, [])
        if form not in alike:
            alike.append(form)
            made.append((name if len(alike) == 1 else f"{name} {len(alike)}", form))
    return made


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such file"
        advice = "a format string has a $ (NGINX) or % (Envoy, HAProxy) in it"
        raise UsageError(f"{path}: {reason.lower()}", advice) from error
    if len(content) > MAX_FILE:
        raise UsageError(f"{path}: larger than {MAX_FILE:,} bytes", "name the file with the format")
    return content.decode("utf-8", "replace")


def _nginx(text: str) -> Iterator[tuple[str, Form]]:
    plain = re.sub(r"(?m)^\s*#.*$", "", text)
    for found in _NGINX.finditer(plain):
        words = _NGINX_WORD.findall(found[2])
        joined = "".join(a or b or c for a, b, c in words)
        yield found[1], re.sub(r"\\(['\"\\])", r"\1", joined)
    for found in _INGRESS.finditer(plain):
        yield found[1], _scalar(found[2])


def _haproxy(text: str) -> Iterator[tuple[str, Form]]:
    for found in _HAPROXY.finditer(text):
        form = _argument(found[2])
        if form:
            yield found[1], form


def _argument(text: str) -> str:
    """Return the first argument of HAProxy's: quoted and bare pieces without a blank between.

    Source: its configuration manual, 2.2 "Quoting and escaping".
    """
    made: list[str] = []
    at = 0
    while found := _HAPROXY_WORD.match(text, at):
        weak, strong, bare = found.groups()
        made.append(strong if strong is not None else re.sub(r"\\(.)", r"\1", weak or bare or ""))
        at = found.end()
    return "".join(made)


def _envoy(text: str) -> Iterator[tuple[str, Form]]:
    if text.lstrip()[:1] in ("{", "["):
        try:
            yield from _walk(json.loads(text))
        except (ValueError, RecursionError):
            return
    else:
        yield from _yaml([line[:MAX_LINE] for line in text.splitlines()])


def _walk(document: object) -> Iterator[tuple[str, Form]]:
    """Find formats in JSON; a file that is a format of JSON itself counts as one."""
    if isinstance(document, dict) and _has_operators(document):
        yield "format", flat(document)
        return
    waiting: list[tuple[int, object]] = [(0, document)]
    while waiting:
        depth, inner = waiting.pop()
        if depth > MAX_DEPTH or not isinstance(inner, dict | list):
            continue
        for key, value in inner.items() if isinstance(inner, dict) else enumerate(inner):
            if key in _OBJECT_KEYS and isinstance(value, dict) and value:
                yield str(key), flat(value)
            elif key in _TEXT_KEYS and isinstance(value, str) and _OPERATOR.search(value):
                yield str(key), value
            else:
                waiting.append((depth + 1, value))


def _has_operators(document: dict[object, object]) -> bool:
    return any(isinstance(value, str) and _OPERATOR.search(value) for value in document.values())


def flat(document: dict[str, object], prefix: str = "", depth: int = 0) -> dict[str, str]:
    """Return the members of a JSON format, those of inner objects as ``outer.inner``."""
    made: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, str):
            made[f"{prefix}{key}"] = value
        elif isinstance(value, dict) and depth < MAX_DEPTH:
            made.update(flat(value, f"{prefix}{key}.", depth + 1))
    return made


def _yaml(lines: list[str]) -> Iterator[tuple[str, Form]]:
    """Find formats in YAML by its lines: texts in one line or as a block, and members of JSON."""
    at = 0
    while at < len(lines):
        found = _KEY.match(lines[at])
        at += 1
        if found is None or found[2] not in _TEXT_KEYS | _OBJECT_KEYS:
            continue
        indent, key, value = len(found[1]), found[2], found[3]
        inner, end = _inside(lines, at, indent)
        if key in _OBJECT_KEYS:
            members = _members(inner)
            if members:
                yield key, members
                at = end
        elif _BLOCK.match(value) and _OPERATOR.search("\n".join(inner)):
            joined = (" " if value[0] == ">" else "\n").join(line.strip() for line in inner)
            yield key, joined.strip()
            at = end
        elif _OPERATOR.search(value):
            yield key, _scalar(value)


def _inside(lines: list[str], start: int, indent: int) -> tuple[list[str], int]:
    """Return the lines that are deeper than ``indent``, and where they end."""
    at = start
    while at < len(lines):
        line = lines[at]
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        at += 1
    return [line for line in lines[start:at] if line.strip()], at


def _members(lines: list[str]) -> dict[str, str]:
    """Return the members of a JSON format that is written in YAML, with their whole names."""
    made: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in lines:
        found = _KEY.match(line)
        if found is None:
            continue
        indent = len(found[1])
        while path and path[-1][0] >= indent:
            path.pop()
        value = _scalar(found[3])
        name = ".".join([*(key for _, key in path), found[2]])
        if value:
            made[name] = value
        else:
            path.append((indent, found[2]))
    return made if any(_OPERATOR.search(value) for value in made.values()) else {}


def _scalar(text: str) -> str:
    """Return a YAML scalar of one line."""
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        escapes = {"n": "\n", "t": "\t"}
        return re.sub(r"\\(.)", lambda found: escapes.get(found[1], found[1]), text[1:-1])
    return text.partition(" #")[0]
