"""``scripts/verdict-pages``: write docs/verdicts/, or say which pages are out of date."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docsite.places import DOCS, ROOT
from docsite.verdicts import examples, markdown
from docsite.verdicts.examples import Example
from pcapdiag.diagnose import pages

TARGET = DOCS / "verdicts"
USAGE = "usage: scripts/verdict-pages [--check | --pick]"
_QUOTED = re.compile(r"^\$ pcapdiag (?:analyze|correlate) (?:--all )?(.+)$", re.MULTILINE)


def main() -> int:
    """Return the exit status: 0 all well, 1 pages out of date, 2 wrong use."""
    options = sys.argv[1:]
    if options not in ([], ["--check"], ["--pick"]):
        print(USAGE, file=sys.stderr)
        return 2
    stale = list(out_of_date(pick=options == ["--pick"]))
    for path, text in stale:
        print(f"{path.relative_to(ROOT)}: {'out of date' if '--check' in options else 'written'}")
        if "--check" not in options:
            _write(path, text)
    return 1 if stale and "--check" in options else 0


def out_of_date(pick: bool = False) -> Iterator[tuple[Path, str | None]]:
    """Yield each file of docs/verdicts/ that should have another text, or none, with that text.

    ``pick`` looks for the examples anew; else a page keeps its capture for as long as that has
    the code.
    """
    wanted = {TARGET / f"{code}.md": code for code in pages.codes()}
    for path, code in wanted.items():
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        new = markdown.render(pages.page(code), _example(code, "" if pick else old))
        if new != old:
            yield path, new
    for path in sorted(set(TARGET.glob("*.md")) - set(wanted)):
        yield path, None


def _example(code: str, old: str) -> Example | None:
    quoted = _QUOTED.search(old)
    kept = examples.shown(code, tuple(quoted[1].split())) if quoted else None
    return kept or examples.example(code)


def _write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
