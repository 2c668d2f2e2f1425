"""The format of a log's lines, given with them: its own words are renamed as theirs are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from pcapdiag.logs.configuration import formats_in
from pcapdiag.logs.source import is_format
from pcapdiag.model.logs import LogSource, Product

_VARIABLES: dict[Product, re.Pattern[str]] = {
    "envoy": re.compile(r"(%[A-Z_0-9]+(?:\([^%]*\))?(?::\d+)?%)"),
    "nginx": re.compile(r"(\$\w+|\$\{\w+\})"),
    "haproxy": re.compile(r"(%(?:\{[^}]*\})?[-+]?[QXEM]?(?:\[[^\]]*\]|\w+))"),
}


def format_of(source: LogSource, used: str) -> str:
    """Return a source's own format string; empty for the usual ones.

    ``used`` says which formats lines were in, the most frequent first: of a configuration file that
    one counts.
    """
    if not source.form or is_format(source):
        return source.form
    found = formats_in(source.product, source.form)
    places = [(used.find(f"{name} in {source.form}"), form) for name, form in found]
    fitting = [one for one in places if one[0] >= 0] or places
    _, form = min(fitting, key=lambda one: one[0])
    return form.rstrip("\r\n") if isinstance(form, str) else json.dumps(form)


def renamed_format(product: Product, form: str, text: Callable[[str], str]) -> str:
    """Return a format whose words are renamed, and whose variables stay."""
    if form.lstrip()[:1] == "{":
        try:
            members = json.loads(form)
        except ValueError:
            members = None
        if isinstance(members, dict):
            return json.dumps(_renamed_members(product, members, text))
    pieces = _VARIABLES[product].split(form)
    return "".join(piece if at % 2 else text(piece) for at, piece in enumerate(pieces))


def _renamed_members(product: Product, value: object, text: Callable[[str], str]) -> object:
    if isinstance(value, dict):
        return {text(name): _renamed_members(product, one, text) for name, one in value.items()}
    return renamed_format(product, value, text) if isinstance(value, str) else value
