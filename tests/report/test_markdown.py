"""Markdown for tickets and jobs: what is in it, how long it gets, and that nobody breaks out."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from pcapdiag.model.report import EnvoyWords, Report
from pcapdiag.report.markdown import MAX_CHARACTERS, MAX_GROUPS, render_markdown
from pcapdiag.report.markup import MAX_CELL, code, fence, prose
from tests.report.fabricate import finding, refused, replied, report

pytestmark = pytest.mark.once

HOSTILE = (
    "a|b\\| `tick` ``` ~~~ <img src=x onerror=alert(1)> </details> <!-- [x](http://e.vil) ![i](j) "
    "@alice #123 org/repo#4 !5 ~bug %1 &epic; http://e.vil/x www.e.vil a@e.vil GH-7 JIRA-8 "
    "deadbeef1 $x^2$ :smile: **bold** __b__ ~~s~~ \n# head\n/close\x1b[31m \u202egnp.exe &lt;b&gt;"
)


def text(of: Report) -> str:
    return "".join(render_markdown(of))


class Seen(HTMLParser):
    """Collects the elements of a page, and the text that is not code."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"code", "pre"} & set(self.open):
            self.words.append(data)


def test_it_says_where_to_mend_and_what_the_proxy_logs() -> None:
    failed = refused()
    failed.verdict.fix_at = ["proxy", "upstream"]
    failed.verdict.envoy = EnvoyWords(flag="UF", reset_reason="remote connection failure")
    told = text(report([failed]))
    assert "; mend at proxy or upstream" in told
    assert "envoy    UF, remote connection failure" in told


def seen(markdown: str) -> Seen:
    page = Seen()
    page.feed(MarkdownIt("gfm-like", {"linkify": False}).render(markdown))
    assert page.open == []
    return page


def hostile() -> Report:
    failed = replied()
    failed.verdict.title = failed.verdict.explanation = HOSTILE
    failed.verdict.fixes = failed.verdict.commands = [HOSTILE, "```", "1. - > x"]
    failed.verdict.attribution.address = HOSTILE
    failed.verdict.attribution.evidence[0].detail = HOSTILE
    failed.timeline[0].event = HOSTILE
    found = finding()
    found.title = found.detail = HOSTILE
    found.fixes = [HOSTILE]
    shown = report([failed], findings=[found])
    shown.capture.files[0].path = HOSTILE
    shown.capture.notes.append(HOSTILE)
    return shown


def test_one_failure_reads_from_what_to_what_to_do() -> None:
    output = text(report(ok=41, findings=[finding()]))
    assert output.startswith("## 42 connections: 1 failed, 41 worked\n")
    assert (
        "| 1 | 10.0.1.5 could not connect to 10.0.2.7:8443: refused "
        "<code>tcp.connection_refused</code> | upstream <code>10.0.2.7</code> "
        "| 2023-11-14T22:13:21.204Z | Is the service on 10.0.2.7 running"
    ) in output
    assert "<details><summary><code>tcp.connection_refused</code>: 1 connection to" in output
    assert "```sh\nss -ltnp 'sport = :8443'\nnc -vz 10.0.2.7 8443\n```\n" in output
    assert "for      RST has TTL 63" in output
    assert "against  a REJECT rule" in output
    assert "chain    #291 proxy SYN\n       > #292 upstream RST,ACK +0.31 ms\n" in output
    assert "envoy    UF, remote connection failure\nsee      tcp.stream==17\n" in output
    assert "- **failure** 10.0.2.7:8443 stopped serving <code>endpoint.down</code>: " in output
    assert text(report(ok=41, findings=[finding()])) == output


def test_a_healthy_capture_is_a_headline() -> None:
    output = text(report([], ok=42))
    assert output.startswith("## nothing failed: 42 connections, all worked\n")
    assert "|" not in output
    assert "explain" not in output


def test_nothing_captured_breaks_out() -> None:
    page = seen(text(hostile()))
    assert page.tags <= {
        "h2", "h3", "p", "code", "pre", "table", "thead", "tbody", "tr", "th", "td",
        "ul", "ol", "li", "strong", "details", "summary",
    }  # fmt: skip
    assert page.attributes <= {"class", "style"}
    words = " ".join(page.words)
    assert not re.search(r"@|#\d|://|www\.|GH-|JIRA-|deadbeef|\$|:smile|!\d|~|/close", words)
    # A link is also made inside of <code>, as the text is before it is Markdown.
    assert not re.search(r"@|://|www\.", re.sub(r"(?ms)^(`{3,}).*?^\1$", "", text(hostile())))
    assert "\x1b" not in text(hostile())
    assert "\u202e" not in text(hostile())


def test_a_table_keeps_its_columns() -> None:
    page = MarkdownIt("gfm-like", {"linkify": False}).render(text(hostile()))
    (row,) = re.findall(r"<tbody>\s*<tr>(.*?)</tr>", page, re.DOTALL)
    assert row.count("<td") == 5
    assert "a|b\\|" in row


@pytest.mark.parametrize(
    "word", ["@alice", "#12", "GH-12", "www.e.vil", "http://e.vil", "`", "a|b", "_x_"]
)
def test_what_is_more_than_prose_is_told_as_code(word: str) -> None:
    assert prose(f"see {word}, twice") == f"see {code(word)}, twice"
    shown = seen(prose(f"see ({word})."))
    assert "".join(shown.words).strip() == "see ()."


def test_code_reads_as_what_it_was() -> None:
    page = MarkdownIt("gfm-like", {"linkify": False}).render("x " + code("a<b>_c_ `d` $e www.f"))
    assert page == "<p>x <code>a&lt;b&gt;_c_ `d` $e www.f</code></p>\n"


def test_a_fence_is_longer_than_what_is_in_it() -> None:
    assert fence(["````", "x"], "sh") == "`````sh\n````\nx\n`````\n"


def test_many_failures_fit_into_a_comment() -> None:
    failed = [refused(n) for n in range(200)]
    for number, connection in enumerate(failed):
        connection.verdict.code = f"tcp.kind_{number}"
        connection.verdict.title = "<|`" * 300
        connection.verdict.explanation = "<|`" * 3000
    output = text(report(failed, findings=[finding()] * 300))
    assert len(output) < MAX_CHARACTERS + 1_000
    told = output.count("<code>tcp.kind_")
    assert "more kinds of failure" in output
    assert 0 < told <= 2 * MAX_GROUPS
    assert "more findings" in output


def test_secrets_are_masked() -> None:
    assert "abc" not in text(report([replied()]))


def test_what_is_long_is_cut_in_a_line_and_not_in_a_paragraph() -> None:
    long = "word " * 100
    assert len(prose(long, MAX_CELL)) == MAX_CELL == 240
    assert prose(long, MAX_CELL).endswith("...")
    assert len(prose(long)) > MAX_CELL
