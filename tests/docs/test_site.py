"""The site builds strictly, from what is here alone, and holds what it links to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from docsite.places import DOCS, ROOT

pytestmark = pytest.mark.once

LINK = re.compile(r"<(?:a|img|link|script)\b[^>]*?\b(?:href|src)=\"([^\"]*)\"")
ID = re.compile(r"\bid=\"([^\"]+)\"")
OUTSIDE = ("http:", "https:", "mailto:", "data:")
LOADED = re.compile(r"<(?:img|script|link|iframe)\b[^>]*\b(?:href|src)=\"(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    source = os.pathsep.join([str(ROOT), str(ROOT / "scripts")])
    done = subprocess.run(
        [sys.executable, "-m", "docsite", str(target)],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return target


def html_pages(site: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(site.rglob("*.html")):
        yield path, path.read_text(encoding="utf-8")


def test_every_page_is_in_the_site(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        assert (site / page.relative_to(DOCS)).with_suffix(".html").is_file()


def test_links_and_images_lead_somewhere(site: Path) -> None:
    texts = dict(html_pages(site))
    ids = {path: set(ID.findall(text)) for path, text in texts.items()}
    for path, text in texts.items():
        for link in LINK.findall(text):
            if link.startswith(OUTSIDE) or not link:
                continue
            name, _, anchor = unquote(link).partition("#")
            target = (path.parent / name.partition("?")[0]).resolve() if name else path
            assert target.exists(), f"{path.name}: {link}"
            assert not anchor or target not in ids or anchor in ids[target], f"{path.name}: {link}"


def test_reading_it_needs_no_network(site: Path) -> None:
    assert [path.name for path, text in html_pages(site) if LOADED.search(text)] == []
    sheets = "".join(sheet.read_text(encoding="utf-8") for sheet in site.rglob("*.css"))
    assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheets)


def test_generated_tables_are_there(site: Path) -> None:
    report = (site / "json.html").read_text(encoding="utf-8")
    assert 'id="connectiontlsalerts"' in report
    python = (site / "python.html").read_text(encoding="utf-8")
    assert "Seconds since the epoch, as a decimal string" in python
    assert 'id="pcapdiag.analyze"' in python
