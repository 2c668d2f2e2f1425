from __future__ import annotations

import re

import pytest

from pcapdiag.diagnose import pages
from pcapdiag.diagnose.proxy_words import Heard
from pcapdiag.diagnose.registry import kind_of, kinds
from pcapdiag.report import explain
from pcapdiag.report.layout import Page

pytestmark = pytest.mark.once

RED = re.compile(r"\x1b\[[0-9;]*m")


def shown(code: str, width: int = 100) -> list[str]:
    return list(explain.render_page(pages.page(code), Page(width)))


def test_a_page_says_what_to_do_by_product_and_in_commands() -> None:
    text = "\n".join(shown("tcp.connection_refused"))
    assert text.startswith("tcp.connection_refused  The SYN was answered by a RST.\n")
    assert re.findall(r"^([A-Z]+(?: BY)?) ", text, re.MULTILINE) == [
        *("WHAT", "TOLD BY", "CAUSES", "FIX", "LOGS", "RUN", "SETTLE", "UNLIKE", "SOURCES", "SEE"),
    ]
    assert re.search(r"^        Kubernetes +a readinessProbe, so", text, re.MULTILINE)
    assert "ss -ltnp 'sport = :PORT'  # on SERVER" in text
    assert "Envoy    flag UF: remote connection failure" in text
    assert "pcapdiag explain icmp.unreachable" in text
    assert "`" not in text


def test_a_finding_has_no_words_of_a_log() -> None:
    text = "\n".join(shown("path.loss"))
    assert "LOGS" not in text
    assert "RUN" not in text
    assert "pcapdiag explain path.lost_between" in text


@pytest.mark.parametrize("code", pages.codes())
@pytest.mark.parametrize("width", [40, 80])
def test_only_commands_are_wider_than_asked(code: str, width: int) -> None:
    kind = kinds().get(code)
    commands = [explain.command(text) for text in kind.commands] if kind else []
    for line in shown(code, width)[1:]:
        if len(line) > width:
            text = line[8:].strip()
            whole = any(text in command or command in text for command in commands)
            assert whole or " " not in text or text.startswith("pcapdiag explain"), line


@pytest.mark.parametrize("code", sorted(kinds()))
def test_commands_have_no_place_left_open(code: str) -> None:
    for template in kind_of(code).commands:
        command = explain.command(template)
        awk = command.replace("{print $1}", "").replace("%{time_starttransfer}", "")
        assert not re.search(r"[{}]", awk.replace("%{time_total}", ""))


def test_braces_that_a_command_needs_are_kept() -> None:
    assert explain.command("curl -w '%{{time_total}}' {responder}") == (
        "curl -w '%{time_total}' SERVER:PORT"
    )


def test_every_code_is_listed_once() -> None:
    text = "\n".join(explain.render_list(Page(120)))
    listed = re.findall(r"^  ([a-z0-9_.]+) +[A-Z]", text, re.MULTILINE)
    assert listed == [*pages.verdict_codes(), *pages.finding_codes()]


def test_one_layer_alone_is_listed() -> None:
    lines = list(explain.render_list(Page(100), "tls"))
    assert lines[0] == "VERDICTS  how one connection failed"
    assert all(line.strip().startswith("tls.") for line in lines if line.startswith("  "))
    assert any("tls.certificate_expiring" in line for line in lines)


def test_a_narrow_list_wraps_and_loses_nothing() -> None:
    text = " ".join(" ".join(explain.render_list(Page(40))).split())
    assert all(pages.page(code).summary in text for code in pages.codes())


def test_what_was_heard_is_told_with_its_codes() -> None:
    heard = [
        Heard("Envoy response flag XX", ("tcp.zero_window",)),
        Heard("flag NR", (), "no route"),
    ]
    assert list(explain.render_heard(heard, Page(100))) == [
        "Envoy response flag XX",
        f"  {'tcp.zero_window':<34}The receiver stopped reading.",
        "",
        "flag NR: no route",
        "",
        "NEXT    A log cannot tell these apart; a capture can: pcapdiag analyze CAPTURE",
    ]


def test_colour_changes_no_text() -> None:
    told = pages.page("tcp.stale_connection")
    plain = list(explain.render_page(told, Page(100)))
    coloured = list(explain.render_page(told, Page(100, color=True)))
    assert [RED.sub("", line) for line in coloured] == plain
    assert coloured != plain
