"""The HTML report in a browser, as its reader uses it."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.reports import hostile, many, mixed, of_two_points
from tests.report.fabricate import refused, report

pytestmark = [pytest.mark.once, pytest.mark.needs(program="chromium")]


def listed(page: Page) -> list[str]:
    """The connections of the list, in its order."""
    rows = page.locator("table.list tbody tr").all()
    return [row.get_attribute("data-key") or "" for row in rows]


def test_opens_by_itself_and_says_first_what_failed(open_page: Open) -> None:
    page = open_page(mixed())
    said = "10 connections: 6 failed (5 requests), 4 worked"
    expect(page).to_have_title(re.compile(re.escape(said)))
    expect(page.locator("h1")).to_have_text(said)
    first = page.locator(".glance tbody tr").first
    expect(first).to_contain_text("the proxy 10.0.2.7")
    expect(first).to_contain_text("Is the service on 10.0.2.7 running")
    second = page.locator(".glance tbody tr").nth(1)
    expect(second).to_contain_text("the upstream 10.0.2.7")
    assert listed(page) == [f"stream-{n}" for n in (17, 18, 19, 20, 21, 30)]


def test_is_readable_without_script(open_page: Open) -> None:
    page = open_page(mixed(), script=False)
    expect(page.locator("h1")).to_be_visible()
    expect(page.get_by_text("Does it listen on 127.0.0.1 only?").first).to_be_visible()
    expect(page.locator("noscript .note")).to_be_visible()
    expect(page.locator(".tools")).to_be_hidden()


def test_nothing_failed(open_page: Open) -> None:
    page = open_page(report([], ok=3))
    expect(page.locator("h1")).to_have_text("nothing failed: 3 connections, all worked")
    assert page.locator("#list, details.group").count() == 0


def test_filters_find_by_host_party_verdict_and_any_text(open_page: Open) -> None:
    page = open_page(mixed())
    page.get_by_label("Host").fill("10.0.2.7:9000")
    assert listed(page) == ["stream-20", "stream-21"]
    expect(page.locator("#status")).to_have_text("2 connections listed")
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Who").select_option("proxy")
    assert listed(page) == ["stream-30"]
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Verdict").select_option("tcp.connection_refused")
    assert len(listed(page)) == 5
    page.get_by_label("Any text").fill("/PAY 503")
    assert listed(page) == []
    page.get_by_label("Verdict").select_option("")
    assert listed(page) == ["stream-30"]
    expect(page.locator("#matches")).to_have_text("1 of 6 connections")


def test_columns_sort_both_ways_and_say_so(open_page: Open) -> None:
    page = open_page(mixed())
    head = page.get_by_role("columnheader", name="To")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert listed(page)[-2:] == ["stream-20", "stream-21"]
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert listed(page)[:2] == ["stream-21", "stream-20"]


def test_a_group_lists_its_connections(open_page: Open) -> None:
    page = open_page(mixed())
    page.locator("details.group[open]").get_by_role("button", name="List these").click()
    assert listed(page) == ["stream-30"]
    refused = page.locator("details.group").nth(1)
    refused.locator("summary").click()
    refused.get_by_role("button", name="List these").click()
    assert listed(page) == ["stream-17", "stream-18", "stream-19"]


def test_a_link_opens_one_connection_and_back_returns(open_page: Open) -> None:
    page = open_page(mixed(), at="#stream-20")
    expect(page.locator("#detail-title")).to_be_focused()
    expect(page.locator("#detail")).to_contain_text("RST has TTL 63 like 60 other packets")
    expect(page.locator("#overview")).to_be_hidden()
    page.get_by_role("link", name="Back to the list").click()
    page.locator("tr[data-key=stream-18] a").click()
    expect(page.locator("#detail .subtitle")).to_contain_text("stream-18")
    page.go_back()
    expect(page.locator("#overview")).to_be_visible()
    expect(page.locator("tr[data-key=stream-18] a")).to_be_focused()


def test_links_name_points(open_page: Open) -> None:
    page = open_page(of_two_points(), at="#stream-18@upstream")
    expect(page.locator("#detail .subtitle")).to_contain_text("stream-18@upstream")
    page.evaluate("location.hash = 'stream-5@upstream'")
    expect(page.locator("#detail .subtitle")).to_contain_text("stream-17")
    page.evaluate("location.hash = 'stream-99'")
    expect(page.locator("#status")).to_have_text("stream-99 is not in this report")
    expect(page.locator("#overview")).to_be_visible()


def test_keys(open_page: Open) -> None:
    page = open_page(mixed())
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("tr[data-key=stream-17] a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#detail-title")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("#detail .subtitle")).to_contain_text("stream-18")
    page.keyboard.press("Escape")
    expect(page.locator("tr[data-key=stream-18] a")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Any text")).to_be_focused()
    page.keyboard.type("jk/?")
    expect(page.get_by_label("Any text")).to_have_value("jk/?")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert len(listed(page)) == 6
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_dark_and_light(open_page: Open) -> None:
    page = open_page(mixed(), theme="dark")
    dark = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(dark) == "rgb(18, 22, 28)"
    page.get_by_role("button", name="Light colours").click()
    assert page.evaluate(dark) == "rgb(255, 255, 255)"


def test_prints_each_group_with_its_pictures_and_no_controls(open_page: Open) -> None:
    page = open_page(mixed())
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.group > .pictures").count() == 3
    expect(page.get_by_text("Does it listen on 127.0.0.1 only?").nth(1)).to_be_visible()
    assert not page.locator("button:visible, input:visible").count()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.group > .pictures").count() == 0
    assert page.locator("details.group[open]").count() == 1
    assert page.pdf().startswith(b"%PDF")


def test_commands_are_copied(open_page: Open) -> None:
    page = open_page(mixed(), at="#stream-17")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".actions").get_by_role("button", name="Copy command").first.click()
    expect(page.locator("#status")).to_have_text("Copied command")
    assert page.evaluate("navigator.clipboard.readText()") == "ss -ltnp 'sport = :8443'"


def test_hostile_texts_are_texts(open_page: Open) -> None:
    page = open_page(hostile())
    page.get_by_label("Any text").fill("onerror")
    assert listed(page) == ["stream-17"]
    page.evaluate("location.hash = 'stream-17'")
    expect(page.locator("#detail-title")).to_contain_text("</script><script>window.hit=1")
    shown = page.evaluate("document.documentElement.innerText")
    assert "\\u202e\\x1b[31m" in shown
    assert not re.search("[\u202e\x1b]", shown)
    assert page.evaluate("[window.hit, document.images.length]") == [None, 0]
    assert len(page.content()) < 2_000_000


def test_thousands_stay_usable(open_page: Open) -> None:
    page = open_page(many(5_000))
    assert len(listed(page)) == 100
    page.get_by_role("navigation", name="Pages").get_by_role("button", name="Last").click()
    assert listed(page)[-1] == "stream-4999"
    page.get_by_label("Any text").fill("10.0.2.7:8003")
    expect(page.locator("#matches")).to_have_text("500 of 5,000 connections")
    page.locator("tr[data-key=stream-993] a").click()
    expect(page.locator("#detail .subtitle")).to_contain_text("stream-993")


@pytest.mark.parametrize("at", ["", "#stream-17"])
def test_nothing_is_wider_than_a_phone(open_page: Open, at: str) -> None:
    page = open_page(hostile(), at=at, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_long_addresses_keep_the_lists_heads_together_on_a_phone(open_page: Open) -> None:
    one = refused()
    one.initiator.ip, one.responder.ip = "2001:db8::1", "2001:db8:85a3::8a2e:370:7334"
    page = open_page(report([one]), width=390)
    heads = page.locator("table.list.long th")
    assert max(heads.evaluate_all("all => all.map(th => th.offsetWidth)")) < 100


@pytest.mark.parametrize("at", ["", "#stream-17"])
def test_a_screen_reader_finds_its_way(open_page: Open, at: str) -> None:
    page = open_page(mixed(), at=at)
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    levels = [
        int(h.evaluate("h => h.tagName")[1])
        for h in page.locator("h1, h2, h3, h4").all()
        if h.is_visible()
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper <= level + 1 for level, deeper in pairwise(levels))
    nameless = page.locator("button, a, input, select").evaluate_all(
        "all => all.filter(e => e.checkVisibility() && !(e.ariaLabel || e.textContent.trim() || "
        "e.labels?.length)).map(e => e.outerHTML)"
    )
    assert nameless == []
    pictures = page.locator("svg:visible").evaluate_all(
        "all => all.filter(e => !e.closest('[aria-hidden=true]')).map(e => "
        "[e.getAttribute('role') || '', !!(e.ariaLabel || e.querySelector('title'))])"
    )
    assert all(role and named for role, named in pictures), pictures
