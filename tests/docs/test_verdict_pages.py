from __future__ import annotations

import re

import pytest

from docsite.places import DOCS
from docsite.verdicts import cli, examples, markdown
from docsite.verdicts.examples import Example
from pcapdiag.diagnose import pages

pytestmark = pytest.mark.once

PAGES = DOCS / "verdicts"
KEPT_APART = {"protocol.tls_to_plaintext", "http2.ping_timeout"}
"""Codes that only captures show which are looked at to measure, not for examples (docs/lab.md)."""
LINK = re.compile(r"\]\(([^)#:]+)\)")


def read(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def test_the_pages_are_what_the_texts_and_the_program_say_today() -> None:
    stale = [path.name for path, _ in cli.out_of_date()]
    assert not stale, "run scripts/verdict-pages"


@pytest.mark.parametrize("code", pages.codes())
def test_a_page_shows_what_the_report_says(code: str) -> None:
    shown = code in read(code).partition("```text\n")[2].partition("```")[0]
    assert shown or code in {*KEPT_APART, *examples.NOT_FAILED}


@pytest.mark.parametrize("code", pages.codes())
def test_links_lead_somewhere(code: str) -> None:
    text = read(code)
    assert text.count(f"# {code}\n") == 1
    for target in LINK.findall(text):
        assert (PAGES / target).exists(), target


def test_codes_and_documents_become_links_outside_of_code() -> None:
    assert markdown.linked("as tcp.zero_window, `tcp.zero_window` or docs/lab.md says") == (
        "as [`tcp.zero_window`](tcp.zero_window.md), `tcp.zero_window` or "
        "[docs/lab.md](../lab.md) says"
    )


def test_what_markdown_would_read_as_markup_is_escaped() -> None:
    assert markdown.linked("max_* and <b>, `max_*`") == r"max_\* and \<b>, `max_*`"


def test_a_page_keeps_its_capture_for_as_long_as_that_has_the_code() -> None:
    old = read("tcp.connection_refused")
    quoted = cli._QUOTED.search(old)
    assert quoted is not None
    assert examples.shown("tcp.connection_refused", (quoted[1],)) is not None
    assert examples.shown("tcp.zero_window", (quoted[1],)) is None


def test_an_example_leaves_out_what_the_page_itself_says() -> None:
    example = examples.example("tcp.zero_window")
    assert isinstance(example, Example)
    assert "WHAT    " in example.text
    assert "\nFIX" not in example.text


def test_captures_that_are_kept_apart_are_no_examples() -> None:
    assert all(truth["split"] == "fit" for truth, _ in examples._stored())
