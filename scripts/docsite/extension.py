"""What the site needs of Sphinx beyond its own: generated tables, and how sessions look."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from docsite import fields, schema
from docsite.lexer import SessionLexer

CODES = """
```{toctree}
:hidden:
:glob:
:titlesonly:

verdicts/*
```
"""
"""Puts the page of each code below that of all; in the page itself it would be in the way."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Take part in the build; called by Sphinx."""
    app.add_lexer("console", SessionLexer)
    app.connect("source-read", _fill)
    app.connect("autodoc-process-docstring", _quote_schema)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _fill(_app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = schema.page(source[0])
    if page == "verdicts":
        source[0] += CODES


def _quote_schema(
    _app: Sphinx, what: str, name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Give an attribute without a docstring of its own the schema's description."""
    if what == "attribute" and not any(lines):
        lines[:] = [fields.as_restructured(fields.descriptions().get(name, ""))]
