"""The capture over time in a browser: counts as told, a drag filters, thousands stay few marks."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pcapdiag.model.report import Activity
from tests.browser.conftest import Open
from tests.browser.stage import COVERED, as_page, drawn
from tests.report.fabricate import START, refused, report

pytestmark = [pytest.mark.once, pytest.mark.needs(program="chromium")]

BINS, WIDTH = 60, 2.0


def made(number: int) -> dict[str, Any]:
    """A report of failures spread over two minutes, with counts in bins."""
    connections = [refused(stream, stream * 110 / number) for stream in range(number)]
    for place, one in enumerate(connections):
        one.verdict.attribution.party = "middlebox" if place % 3 == 0 else "upstream"
    told = as_page(report(connections))
    zeros = [0] * BINS
    told["activity"] = {
        "start": f"{START}.000000000",
        "bin": WIDTH,
        "failed": {"upstream": [2, *zeros[1:]], "middlebox": [1, 5, *zeros[2:]]},
        "packets": [9] * BINS,
        "resets": [3, 5, *zeros[2:]],
        "retransmissions": zeros,
        "goaways": [*zeros[1:], 1],
        "open": [4] * BINS,
        "opened": zeros,
        "bytes": [1000] * BINS,
    }
    return told


def bars(page: Page, row: str) -> list[list[Any]]:
    found: list[list[Any]] = page.evaluate(
        """(row) => [...document.querySelectorAll(`[data-row="${row}"] .count`)].map((bar) =>
            [Number(bar.dataset.bin), bar.dataset.kind, Number(bar.dataset.count)])""",
        row,
    )
    return found


def calls(page: Page) -> list[list[Any]]:
    page.wait_for_function("window.calls.length > 0")
    found: list[list[Any]] = page.evaluate("window.calls.splice(0)")
    return found


@pytest.mark.parametrize("width", [390, 1100])
def test_counts_are_those_of_the_report(browser: Browser, width: int) -> None:
    with drawn(browser, "activity", made(12), width=width) as page:
        assert bars(page, "failures") == [
            [0, "upstream", 2],
            [0, "middlebox", 1],
            [1, "middlebox", 5],
        ]
        assert bars(page, "resets") == [[0, "resets", 3], [1, "resets", 5]]
        assert bars(page, "GOAWAY") == [[59, "goaways", 1]]
        assert page.locator("[data-row='segments sent again']").count() == 0
        expect(page.locator(".figure-legend")).to_contain_text("device on the path: 6 failures")
        page.locator("[data-row=resets] .count").nth(1).hover()
        tip = page.locator(".figure-tip")
        expect(tip).to_contain_text("5 failures: device on the path")
        expect(tip).to_contain_text("5 resets, 4 open connections, 9 packets")
        assert page.evaluate(COVERED) == []


def test_a_drag_filters_and_all_takes_it_back(browser: Browser) -> None:
    with drawn(browser, "activity", made(12)) as page:
        box = page.locator(".figure-activity").bounding_box()
        assert box is not None
        quarter = box["width"] / 4
        page.mouse.move(box["x"] + quarter, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 2 * quarter, box["y"] + 40)
        page.mouse.up()
        [[name, start, end]] = calls(page)
        assert name == "time"
        assert start == pytest.approx(START + BINS * WIDTH / 4, abs=0.5)
        assert end == pytest.approx(START + BINS * WIDTH / 2, abs=0.5)
        assert float(page.locator(".figure-activity").get_attribute("data-from") or 0) == start
        page.get_by_label("Show all of the time").click()
        assert calls(page) == [["time", None, None]]


def test_a_failed_connection_is_chosen_by_click_and_by_key(browser: Browser) -> None:
    with drawn(browser, "activity", made(12)) as page:
        keys = [bar.get_attribute("data-key") for bar in page.locator(".span").all()]
        assert len(keys) == 12
        page.locator(".span").nth(3).click()
        assert calls(page) == [["select", keys[3]]]
        page.locator(".span").first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert calls(page) == [["select", keys[1]]]


def test_five_thousand_failures_are_a_few_hundred_marks(browser: Browser) -> None:
    rows = [
        {
            "key": f"stream-{number}",
            "start": START + number / 50,
            "end": START + number / 50 + (0.0004, 0.02, 3.1)[number % 3],
            "party": "upstream",
            "code": "tcp.connection_refused",
            "label": f"10.0.1.5 to 10.0.2.{number % 250}",
        }
        for number in range(5000)
    ]
    with drawn(browser, "activity", made(1), rows=rows) as page:
        counts = page.evaluate(
            "[...document.querySelectorAll('.span')].map((one) => Number(one.dataset.count))"
        )
        assert sum(counts) == 5000
        assert len(counts) < 1000
        expect(page.locator(".figure-activity")).to_contain_text("under 1 ms")
        page.locator(".span").first.click()
        [[name, start, end]] = calls(page)
        assert name == "time"
        assert 0 < end - start < BINS * WIDTH / 10


def test_in_the_page_it_filters_the_list_until_that_is_cleared(open_page: Open) -> None:
    told = report([refused(stream, stream * 10.0) for stream in range(12)])
    told.activity = Activity(start=f"{START}.0", bin=WIDTH, packets=[9] * BINS)
    page = open_page(told)
    chart = page.locator(".figure-activity")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 20)
    page.mouse.up()
    listed = page.locator("table.list tbody tr")
    expect(listed).to_have_count(6)
    page.locator("button.clear").click()
    expect(listed).to_have_count(12)
    assert float(chart.get_attribute("data-from") or 0) == START


def test_each_point_has_its_counts_by_the_first_ones_clock(browser: Browser) -> None:
    told = made(12)
    there = {**told["activity"], "resets": [0, 0, 7, *[0] * (BINS - 3)], "failed": {}}
    there["start"] = f"{START + 37}.000000000"
    told["points"] = [
        {"label": "proxy", "activity": None, "clock_offset": 0.0},
        {"label": "upstream", "activity": there, "clock_offset": -37.0},
        {"label": "elsewhere", "activity": there, "clock_offset": None},
    ]
    with drawn(browser, "activity", told) as page:
        assert page.locator("option").all_inner_texts() == ["proxy", "upstream"]
        page.get_by_label("As captured at").select_option("upstream")
        assert bars(page, "resets") == [[2, "resets", 7]]
        assert len(bars(page, "failures")) == 3
        edge = page.locator("[data-row=resets] .count").get_attribute("x")
        room = page.locator("[data-row=resets] > svg").get_attribute("width")
        assert float(edge or 0) == pytest.approx(2 + float(room or 0) * 2 / BINS)


def test_without_activity_the_failures_alone_are_counted(browser: Browser) -> None:
    told = made(12)
    told["activity"] = None
    with drawn(browser, "activity", told) as page:
        assert sum(count for _, _, count in bars(page, "failures")) == 12
