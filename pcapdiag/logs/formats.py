"""What a log's lines are tried with: the format that was given, and the usual ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from pcapdiag.errors import UsageError
from pcapdiag.logs import envoy, haproxy, nginx
from pcapdiag.logs.configuration import Form, flat, formats_in
from pcapdiag.logs.haproxy_lines import ErrorLine, OtherLine
from pcapdiag.logs.json_lines import JsonLines
from pcapdiag.logs.json_template import JsonTemplate
from pcapdiag.logs.nginx_error import NginxError
from pcapdiag.logs.source import CUSTOM, is_format
from pcapdiag.logs.template import Stamp, Template
from pcapdiag.model.logs import PRODUCTS, LogEntry, LogSource, Product


class LineReader(Protocol):
    """Reads the lines of one format."""

    name: str

    def read(self, line: str, stamp: Stamp | None) -> LogEntry | None:
        """Return what a line says, None when it is in another format or nothing says when."""


_MAKE: dict[Product, Callable[[str, str], LineReader]] = {
    "envoy": envoy.template,
    "nginx": nginx.template,
    "haproxy": haproxy.template,
}
_USUAL = {"envoy": envoy.FORMATS, "nginx": nginx.FORMATS, "haproxy": haproxy.FORMATS}
PARTIAL = frozenset({envoy.PARTIAL, *nginx.PARTIAL})
"""Formats that are known to have more than is understood."""


def readers_of(source: LogSource) -> list[LineReader]:
    """Return the readers of a source, in the order in which they are tried.

    Raises UsageError for a format that cannot be read.
    """
    usual = [_MAKE[source.product](*item) for item in _USUAL[source.product].items()]
    others: list[LineReader] = []
    if source.product == "nginx":
        others = [NginxError()]
    elif source.product == "haproxy":
        others = [ErrorLine(), OtherLine()]
    made = [*_given(source), *usual, *others, JsonLines(source.product)]
    return sorted(made, key=is_loose)


def product_of(lines: list[str]) -> Product | None:
    """Return whose lines these are, by the usual formats; None where they are nobody's."""
    for product in PRODUCTS:
        readers = readers_of(LogSource(product=product, path=""))
        if any(reader.read(line, None) for line in lines for reader in readers):
            return product
    return None


def is_loose(reader: LineReader) -> bool:
    """Return whether a format fits lines of others, too: then it is tried last."""
    if isinstance(reader, Template) and reader.kind == "error":
        return True
    return reader.name in PARTIAL


def _given(source: LogSource) -> list[LineReader]:
    if not source.form:
        return []
    if is_format(source):
        forms: list[tuple[str, Form]] = [("given format", _string(source.form))]
    else:
        forms = [
            (f"{name} in {source.form}", form)
            for name, form in formats_in(source.product, source.form)
        ]
    made: list[LineReader] = []
    wrong = ""
    for name, form in forms:
        try:
            made.append(_reader(source.product, name, form))
        except ValueError as error:
            wrong = wrong or f"{name}: {error}"
    if not made:
        raise UsageError(f"--log {source.product}: not a format ({wrong})", CUSTOM)
    return made


def _string(form: str) -> Form:
    """Return a format string, or the members of one that is a JSON object of Envoy's."""
    if form.lstrip()[:1] == "{":
        try:
            found = json.loads(form)
        except (ValueError, RecursionError):
            return form
        return flat(found) if isinstance(found, dict) else form
    return form


def _reader(product: Product, name: str, form: Form) -> LineReader:
    if isinstance(form, str):
        return _MAKE[product](name, form)
    parts = {"envoy": envoy.parts_of, "nginx": nginx.parts_of, "haproxy": haproxy.parts_of}[product]
    return JsonTemplate(product, name, {key: parts(value) for key, value in form.items()})
