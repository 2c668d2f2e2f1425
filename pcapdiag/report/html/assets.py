"""Style and script of the page: files of this package, put into it as they are."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from pcapdiag.report import palette
from pcapdiag.report.palette import Shade

_FOLDER = files(__package__ or "pcapdiag.report.html")
SCRIPTS = (
    "js/namespace.js",
    "js/dom.js",
    "js/words.js",
    "js/unpack.js",
    "js/data.js",
    "js/copy.js",
    "js/theme.js",
    "js/filter.js",
    "js/table.js",
    "js/entry.js",
    "js/facts.js",
    "js/detail.js",
    "js/print.js",
    "js/keys.js",
)
"""In the order in which they build on each other; the figures follow, and main.js is last."""


def script() -> str:
    """Return the whole script."""
    figures = sorted(_named(_FOLDER / "figures", ".js"))
    return "\n".join(_read(name) for name in (*SCRIPTS, *figures, "js/main.js"))


def style() -> str:
    """Return the whole style sheet, the palette's variables first."""
    sheets = sorted([*_named(_FOLDER / "css", ".css"), *_named(_FOLDER / "figures", ".css")])
    return "\n".join([_variables(), *(_read(name) for name in sheets)])


def plain_style() -> str:
    """Return type, colours and layout alone, for a page that has no connections to explore."""
    sheets = ("css/1-base.css", "css/2-page.css", "css/6-print.css")
    return "\n".join([_variables(), *(_read(name) for name in sheets)])


def integrity(text: str) -> str:
    """Return what a Content-Security-Policy calls this very text (CSP 3, 2.3.1)."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _named(folder: Traversable, suffix: str) -> list[str]:
    return [f"{folder.name}/{each.name}" for each in folder.iterdir() if each.name.endswith(suffix)]


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _variables() -> str:
    light = _block({name: shade.light for name, shade in _shades().items()})
    dark = _block({name: shade.dark for name, shade in _shades().items()})
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{\n"
        f"  :root:not([data-theme=light]) {{ color-scheme: dark; {dark} }}\n}}\n"
        f"@media screen {{\n  :root[data-theme=dark] {{ color-scheme: dark; {dark} }}\n}}"
    )


def _block(values: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in values.items())


def _shades() -> dict[str, Shade]:
    return {
        **{f"party-{party}": shade for party, shade in palette.PARTY.items()},
        "failed": palette.FAILED,
        "warning": palette.WARNING,
        "worked": palette.WORKED,
        "ink": palette.INK,
        "muted": palette.MUTED,
        "rule": palette.RULE,
        "paper": palette.PAPER,
        "panel": palette.PANEL,
    }
