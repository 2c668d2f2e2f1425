from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pcapdiag.diagnose
import pcapdiag.incident
from pcapdiag.diagnose import pages
from pcapdiag.diagnose.pages import PRODUCTS, SECTIONS, CodePage
from pcapdiag.diagnose.registry import kinds

pytestmark = pytest.mark.once

DOCS = Path(__file__).resolve().parents[2] / "docs"
CODES = pages.codes()
SHORT = "\n\n".join(f"{section}\n    - Envoy: a text that\n      goes on." for section in SECTIONS)


def texts(told: CodePage) -> dict[str, tuple[str, ...]]:
    return {
        "What happened": told.happened,
        "How pcapdiag can tell": told.told_by,
        "Usual causes": told.causes,
        "Fixes": tuple(fix.text for fix in told.fixes),
        "Can be confused with": told.confused_with,
        "What would settle it": told.settled_by,
        "References": told.references,
    }


MAKERS = ("Finding", "host_finding")
"""What makes findings."""


def told_of(told: CodePage) -> str:
    return "\n".join(text for section in texts(told).values() for text in section)


def given_findings() -> set[str]:
    """The codes that the program's source gives to findings."""
    given = set()
    for package in (pcapdiag.diagnose, pcapdiag.incident):
        for path in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(MAKERS):
                    given |= {
                        str(one.value.value)
                        for one in node.keywords
                        if one.arg == "code" and isinstance(one.value, ast.Constant)
                    }
    return given


def test_every_code_that_the_program_gives_has_a_page() -> None:
    assert set(pages.verdict_codes()) == set(kinds())
    assert set(pages.finding_codes()) == given_findings()


def test_every_code_of_the_documented_tables_has_a_page() -> None:
    page = (DOCS / "verdicts.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[`([a-z0-9_.]+)`\]\(verdicts/\1\.md\) \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_section_says_something(code: str) -> None:
    told = pages.page(code)
    assert told.code == code
    assert told.summary.endswith(".")
    for section, said in texts(told).items():
        assert said, section
        assert all(len(text) > 5 for text in said), section


@pytest.mark.parametrize("code", CODES)
def test_fixes_are_by_product_and_begin_with_what_to_look_at(code: str) -> None:
    named = [fix.product for fix in pages.page(code).fixes]
    assert named[0] == "First"
    assert named == sorted(set(named), key=PRODUCTS.index)


@pytest.mark.parametrize("code", CODES)
def test_every_dotted_name_outside_of_code_is_a_code_or_a_file(code: str) -> None:
    plain = re.sub(r"`[^`]*`|\"[^\"]*\"", "", told_of(pages.page(code)))
    dotted = re.findall(rf"(?<![\w./:-])(?:{'|'.join(pages.LAYERS)})\.[a-z_0-9]+", plain)
    assert set(dotted) <= set(CODES)
    for name in re.findall(r"docs/[\w.-]+\.md", plain):
        assert (DOCS.parent / name).exists(), name


@pytest.mark.parametrize("code", CODES)
def test_nothing_is_cited_that_readers_do_not_have(code: str) -> None:
    text = told_of(pages.page(code))
    assert not re.search(r"\bfacts? \d", text)
    assert text.count("`") % 2 == 0
    assert "{" not in re.sub(r"`[^`]*`", "", text)


@pytest.mark.parametrize("code", sorted(set(CODES) - {"ok"}))
def test_a_page_names_its_neighbours(code: str) -> None:
    assert code not in pages.see_also(pages.page(code))
    assert pages.see_also(pages.page(code)) or "`ok`" in told_of(pages.page(code))


def test_a_docstring_may_hold_several_pages() -> None:
    docstring = f"tcp.one: First.\n\n{SHORT}\n\n\ntcp.two: Second.\n\n{SHORT}\n"
    first, second = pages.pages_in(docstring)
    assert (first.code, first.summary, second.code) == ("tcp.one", "First.", "tcp.two")
    assert first.causes == ("- Envoy: a text that goes on.",)
    assert second.fixes == (pages.Fix("Envoy", "a text that goes on."),)


def test_paragraphs_are_told_apart_by_a_blank_line() -> None:
    docstring = "ok: All well.\n\n" + SHORT.replace(
        "What happened\n    - Envoy: a text that\n      goes on.",
        "What happened\n    One line\n    and the next.\n\n    Another paragraph.",
    )
    (told,) = pages.pages_in(docstring)
    assert told.happened == ("One line and the next.", "Another paragraph.")


def test_a_page_without_a_section_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"tcp\.one: has the sections"):
        list(pages.pages_in("tcp.one: First.\n\nWhat happened\n    This.\n"))


def test_what_is_no_code_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        pages.page("tcp.nothing")


@pytest.mark.parametrize("flag", ["-OO", "-O"])
def test_the_texts_are_there_without_docstrings(flag: str) -> None:
    code = "from pcapdiag.diagnose.pages import page; print(page('tcp.zero_window').causes[0])"
    command = [sys.executable, flag, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == pages.page("tcp.zero_window").causes[0]
